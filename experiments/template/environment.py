"""The environment that runs use where it is not nightlab's own: its interpreter, its programs and its packages."""

from __future__ import annotations

import ast
import functools
import os
import re
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PLACES = ("", ".venv", "venv", "env", ".pixi/envs/default")  # of an environment in the folder that was named
OLDEST = 3, 11  # Python in which nightlab's own side of a run works, so that it can be kept warm
_NAMES = ("python", "python3")
_MODULES = (".py", ".so")
_LIBRARY = "lib*/*[0-9].[0-9]*/os.py"  # where an installation has Python's own modules
_VERSION = re.compile(r"(\d+)\.(\d+)")
_MAPPING = re.compile(r"^MAPPING\b[^=\n]*= (\{.*\})$", re.MULTILINE)  # of setuptools: packages by where they lie


class NoEnvironment(ValueError):
    """What was named is no environment; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """prefix: its folder. programs: where its programs lie. python: its interpreter by the name that leads to its
    packages; None where it has none. base: the installation that this is of. home: the template's folder."""

    home: Path
    prefix: Path
    programs: Path
    python: Path | None = None
    base: Path | None = None
    version: tuple[int, int] = (0, 0)

    @property
    def warm(self) -> bool:
        """Whether what runs need can be imported once and for all of them."""
        return self.version >= OLDEST

    @property
    def virtual(self) -> bool:
        return (self.prefix / "pyvenv.cfg").is_file()

    @functools.cached_property
    def sites(self) -> tuple[Path, ...]:
        """The folders of its packages."""
        return tuple(p for p in sorted(self.prefix.glob("lib*/python*/*-packages")) if not p.parent.is_symlink())

    @functools.cached_property
    def linked(self) -> dict[Path, Path]:
        """Packages and modules of it that lie elsewhere, such as those of a project that was installed to be edited,
        each with the folder that it is imported from."""
        found = dict[Path, Path]()
        for site in self.sites:
            lines = [line for file in sorted(site.glob("*.pth")) for line in _lines(file)]
            roots = [Path(line).resolve() for line in lines if Path(line).is_absolute() and Path(line).is_dir()]
            found |= {path: root for root in roots for path in sorted(root.iterdir()) if _imported(path)}
            for mapping in (m for file in sorted(site.glob("__editable__*")) for m in _MAPPING.findall(_text(file))):
                with suppress(ValueError, SyntaxError):
                    found |= {Path(p).resolve(): Path(p).resolve().parent for p in ast.literal_eval(mapping).values()}
        return {path: root for path, root in found.items() if path.exists()}

    def own(self, path: Path) -> str:
        """Where the template has a package of the project that the environment lies in; empty where it has it not."""
        project = self.prefix.parents[2] if self.prefix.parent.name == "envs" else self.prefix.parent
        for base in (self.home.resolve(), project.resolve()):
            if path.is_relative_to(base) and (self.home / path.relative_to(base)).exists():
                return str(path.relative_to(base))
        return ""

    def shown(self) -> list[Path]:
        """What runs must see of what is linked: not that of which they have a version of their own."""
        return [path for path in self.linked if not self.own(path)]

    @functools.cached_property
    def private(self) -> tuple[Path, ...]:
        """What runs must not see of that: hidden files, studies and templates, whose answers may lie there."""
        found = []
        for top in {path.resolve() for path in self.shown() if path.is_dir()}:
            for folder, below, names in os.walk(top):
                place = Path(folder)
                closed = [name for name in below if _apart(place / name)]
                hidden = [*closed, *(name for name in (*below, *names) if name.startswith("."))]
                found += [place / name for name in hidden if not (place / name).is_symlink()]
                below[:] = [name for name in below if name not in hidden]
        return tuple(found)

    def variables(self) -> dict[str, str]:
        """What its activation sets. Packages that lie in the template itself come from the version that is run."""
        places = [Path(path).parent for each in self.linked if (path := self.own(each))]
        own = dict.fromkeys(f"{{artifact}}/{place}" for place in places)
        kind = "VIRTUAL_ENV" if self.virtual else "CONDA_PREFIX" if _conda(self.prefix) else ""
        return {
            "PATH": os.pathsep.join([str(self.programs), "/usr/local/bin", "/usr/bin", "/bin"]),
            **({kind: str(self.prefix)} if kind else {}),
            **({"PYTHONPATH": os.pathsep.join(own)} if own else {}),
        }

    def command(self, words: tuple[str, ...]) -> tuple[str, ...]:
        """A command in which a bare `python` is this environment's."""
        return (str(self.python), *words[1:]) if self.python and words[0] in _NAMES else words


def _imported(path: Path) -> bool:
    """Whether a file or folder is a package or module, or tells of one, rather than what else a project has."""
    if path.name.startswith(".") or _apart(path):
        return False
    if path.suffix in (*_MODULES, ".egg-info", ".dist-info"):
        return True
    parts = ("__init__.py", "*/__init__.py", *(f"*{suffix}" for suffix in _MODULES))
    plain = path.name.isidentifier() and path.is_dir() and not is_environment(path)
    return plain and any(True for part in parts for _ in path.glob(part))


def _apart(folder: Path) -> bool:
    """Whether a folder is a study or a template, which no other one may see."""
    return any((folder / name).is_file() for name in ("study.db", "template.toml"))


def _text(file: Path) -> str:
    return file.read_text(errors="replace") if file.is_file() else ""


def _lines(file: Path) -> list[str]:
    return [line.strip() for line in _text(file).splitlines()]


def named(python: str | None, folder: str | None, home: Path) -> Environment | None:
    """The environment that a template names, by its interpreter or its folder; None where it names none.

    home: where relative paths begin. Raises NoEnvironment.
    """
    if python:
        found = shutil.which(python) if "/" not in python else None
        return _of(home, Path(os.path.abspath(found or home / Path(python).expanduser())))  # noqa: PTH100 - follows no link
    if folder is None:
        return None
    root = Path(os.path.abspath(home / Path(folder).expanduser()))  # noqa: PTH100
    for place in (root / name for name in PLACES):
        if is_environment(place):
            return _of(home, place / "bin" / "python", prefix=place)
    tried = ", ".join(name for name in PLACES if name)
    raise NoEnvironment(
        f"{str(root)!r} is no environment, which has pyvenv.cfg or conda-meta, and holds none ({tried})"
    )


def is_environment(folder: Path) -> bool:
    """Whether a folder is a virtual environment or one of Conda."""
    return os.path.isfile(folder / "pyvenv.cfg") or _conda(folder)  # noqa: PTH113 - fails for no name


def _conda(folder: Path) -> bool:
    return os.path.isdir(folder / "conda-meta")  # noqa: PTH112 - likewise


def _of(home: Path, python: Path, prefix: Path | None = None) -> Environment:
    above = python.parent.parent
    if prefix and not python.exists():  # of other programs
        return Environment(home=home, prefix=prefix, programs=prefix / "bin")
    base, version = _installed(python)
    return Environment(
        home=home,
        prefix=above if is_environment(above) else base,
        programs=python.parent,
        python=python,
        base=base,
        version=version,
    )


def _installed(python: Path) -> tuple[Path, tuple[int, int]]:
    """The installation that an interpreter is of, and its version, by where its library lies: it may be anybody's
    program, so it is never started to be asked."""
    if not (python.is_file() and os.access(python, os.X_OK)):
        raise NoEnvironment(f"{str(python)!r} is no Python interpreter that can be started")
    pairs = (line.partition("=") for line in _lines(python.parent.parent / "pyvenv.cfg"))
    about = {key.strip().lower(): value.strip() for key, _, value in pairs}
    told = Path(about.get("home") or python.parent)  # of a virtual one, the programs of what it is of
    real = (told / python.name).resolve()
    version = _numbers(about.get("version_info") or about.get("version") or real.name)
    for base in dict.fromkeys((told.resolve().parent, real.parent.parent, python.resolve().parent.parent)):
        libraries = [path.parent for path in base.glob(_LIBRARY) if not path.parent.is_symlink()]
        found = {numbers for library in libraries if (numbers := _numbers(library.name))}
        if version in found or (version is None and len(found) == 1):
            return base, version or max(found)
    raise NoEnvironment(
        f"{str(python)!r} is no Python interpreter that can be started: beside it, or where it leads to, lies no"
        " library of Python"
    )


def _numbers(text: str) -> tuple[int, int] | None:
    """The version in a name such as python3.12 or 3.12.1."""
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2])) if found else None
