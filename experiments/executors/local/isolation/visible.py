"""What a sandbox sees of the machine: the system, the interpreter and its packages, less what is hidden."""

from __future__ import annotations

import functools
import os
import stat
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nightlab.experiments.template.environment import Environment
from nightlab.experiments.template.packages import extra_packages, importable

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_ETC = (  # what programs are configured by, of whatever language; no accounts, keys or names of the machine
    *("alternatives", "ld.so.*", "localtime", "timezone", "locale*", "terminfo", "inputrc", "bash.bashrc", "profile"),
    *("*-release", "debian_version", "nsswitch.conf", "host.conf", "gai.conf", "protocols", "services", "rpc"),
    *("ssl/certs", "ssl/openssl.cnf", "ca-certificates*", "pki/tls/cert*", "pki/tls/*.cnf", "pki/ca-trust", "pki/java"),
    *("crypto-policies", "mime.types", "magic*", "fonts", "texmf", "papersize", "ghostscript", "ImageMagick*", "groff"),
    *("java*", "jvm*", "R", "perl", "php*", "python*", "ruby*", "lua*", "octave*", "julia", "guile", "emacs", "mono"),
    *("OpenCL", "vulkan", "glvnd", "gtk-*", "xml", "sgml"),
)
_ETC_NETWORK = ("resolv.conf", "hosts", "ssl", "pki")
_PREFIX = (  # of an interpreter; some lead from lib to the compilers and libraries of a Conda environment
    *("bin", "lib", "lib32", "lib64", "libexec", "include", "share", "ssl"),
    *("targets", "nvvm", "*-linux-gnu", "etc/fonts", "etc/OpenCL"),
)
_ENVIRONMENT = ("bin", "include", "share", "lib/*.so*", "pyvenv.cfg")  # of a virtual one, beside its packages
_OWN = Path(__file__).resolve().parents[4]


@dataclass(frozen=True, kw_only=True)
class SandboxView:
    """Paths of the outside, all real: `binds` (source, place inside), `links` to make, `hidden` below the binds.

    allowed, listed: the same as rules for Landlock, which can only allow: folders with something hidden are listed
    and their other entries allowed.
    """

    binds: tuple[tuple[str, str], ...]
    links: Mapping[str, str]
    hidden: tuple[str, ...]
    allowed: tuple[str, ...]
    listed: tuple[str, ...]
    packages: tuple[str, ...]


def sandbox_view(
    *,
    read: Sequence[Path] = (),
    hide: Iterable[str] = (),
    secret: Iterable[Path] = (),
    network: bool,
    environment: Environment | None = None,
) -> SandboxView:
    """The view with the folders `read` added, and an environment beside nightlab's own.

    hide: paths below site-packages or a standard library; nightlab itself is hidden too, with the templates that ship
    with it.
    secret: paths to hide wherever they are.
    """
    etc = _there(Path("/etc"), (*_ETC, *(_ETC_NETWORK if network else ())))
    theirs = [*_of(environment)] if environment else []
    given = [*map(Path, _SYSTEM), *_interpreter(), *extra_packages(), *theirs, *read, *etc]
    shown = [path for path in given if path.exists()]
    sources = sorted({str(path.resolve()) for path in shown})
    roots = [s for s in sources if not any(s.startswith(other + "/") for other in sources)]
    links = {str(path.absolute()): str(path.resolve()) for path in (*shown, *_interpreter_links(environment))}
    hidden = [
        str(site / name) for site in importable(environment) for name in (*hide, "nightlab") if (site / name).exists()
    ]
    hidden += [h for path in (_OWN, Path.cwd(), *secret) for h in _besides(str(path.resolve()), sources)]
    hidden += [str(path) for path in (*_closed_below(etc), *(environment.private if environment else ()))]
    hidden = sorted({h for h in hidden if any((h + "/").startswith(root + "/") for root in roots)} - set(roots))
    allowed, listed = _allowed(roots, hidden)
    # an import lists the folder that it looks in
    listed += sorted({str(environment.linked[path]) for path in environment.shown()}) if environment else []
    return SandboxView(
        binds=tuple((root, root) for root in roots),
        links={link: target for link, target in links.items() if link != target},
        hidden=tuple(hidden),
        allowed=tuple(allowed),
        listed=tuple(listed),
        packages=() if environment and environment.warm else tuple(map(str, extra_packages())),
    )


def _there(folder: Path, names: Iterable[str]) -> list[Path]:
    return [path for name in names for path in sorted(folder.glob(name))]


def _interpreter() -> Iterator[Path]:
    """What an interpreter needs of the folders that it is in: the rest may be a project that it lies in."""
    if sys.prefix != sys.base_prefix:
        yield from _there(Path(sys.prefix), _ENVIRONMENT)
        yield from (Path(sysconfig.get_path(name)).parent for name in ("purelib", "platlib"))
    yield from _there(Path(sys.base_prefix), _PREFIX)


def _of(environment: Environment) -> Iterator[Path]:
    """What runs need of an environment, and of the installation that it is of."""
    yield from _there(environment.prefix, _ENVIRONMENT if environment.virtual else _PREFIX)
    yield from environment.sites
    if environment.base:
        yield from _there(environment.base, _PREFIX)
    yield from environment.shown()


def _besides(path: str, needed: Sequence[str]) -> Iterator[str]:
    """What to hide of a path: all of it, or all in it but the way to what is needed."""
    if path in needed:
        return
    if not any(n.startswith(path.rstrip("/") + "/") for n in needed):
        yield path
    elif not any(n.startswith(path.rstrip("/") + "/") for n in _SYSTEM):
        with os.scandir(path) as entries:
            for entry in entries:
                yield from _besides(entry.path, needed)


@functools.lru_cache(maxsize=256)
def _closed_files(folder: Path) -> tuple[Path, ...]:
    paths = (Path(place, name) for place, below, names in os.walk(folder) for name in (*below, *names))
    return tuple(path for path in paths if not path.is_symlink() and _closed(path.stat()))


def _closed_below(folders: Iterable[Path]) -> Iterator[Path]:
    """What only its owner may read: a run may keep root's right to read."""
    for folder in folders:
        yield from _closed_files(folder)


def _interpreter_links(environment: Environment | None) -> Iterator[Path]:
    """Each symbolic link on the way from the name of an interpreter to its file."""
    for path in (Path(sys.executable), *([environment.python] if environment and environment.python else [])):
        while path.is_symlink():
            yield path
            path = path.parent / path.readlink()


def _allowed(roots: Iterable[str], hidden: Sequence[str]) -> tuple[list[str], list[str]]:
    allowed: list[str] = []
    listed: list[str] = []
    for root in roots:
        if root in hidden:
            continue
        if not any(h.startswith(root + "/") for h in hidden):
            allowed.append(root)
            continue
        listed.append(root)
        with os.scandir(root) as entries:  # a rule for a link would be one for its target
            below, names = _allowed(sorted(e.path for e in entries if not e.is_symlink()), hidden)
        allowed += below
        listed += names
    return allowed, listed


@functools.lru_cache(maxsize=64)
def closed_to_others(shown: tuple[str, ...], named: tuple[str, ...], *, parents: bool) -> bool:
    """Whether an unprivileged user could not read some of these folders, judged by their permissions.

    named: folders whose content is looked at too. parents: whether the way to them counts.
    """
    paths = [Path(p) for p in (*shown, *named)]
    paths += [above for path in paths for above in path.parents if parents]
    paths += [Path(folder, name) for n in named for folder, below, names in os.walk(n) for name in (*below, *names)]
    return any(path.exists() and _closed(path.stat()) for path in paths)


def _closed(about: os.stat_result) -> bool:
    needed = 0o5 if stat.S_ISDIR(about.st_mode) else 0o4
    return about.st_mode & needed != needed
