"""What differs between two versions of a paper: in words, and by latexdiff where there is one."""

from __future__ import annotations

import difflib
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from nightlab.experiments.records import Fact
from nightlab.papers.latex.engine import Engine, compile
from nightlab.papers.latex.typesetting import Setter
from nightlab.papers.manuscript.manuscript import Manuscript, passages

DIFF, MARKED = "revision.diff", "revision.pdf"
_FILES = ("paper.tex", "paper.pdf", "manuscript.json", "evidence.json", "compiled.json")
_PATIENCE_S = 60


def keep(folder: Path, name: str) -> None:
    """Put a copy of the version in `folder` aside, once, below it."""
    aside = folder / name
    if not aside.exists() and (folder / "paper.tex").is_file():
        aside.mkdir()
        for file in _FILES:
            if (folder / file).is_file():
                shutil.copyfile(folder / file, aside / file)


def compare(before: Manuscript, old: Mapping[str, Fact], after: Manuscript, new: Mapping[str, Fact]) -> str:
    """The difference of two texts as they are read, a sentence a line, in the usual notation."""
    first, second = list(_sentences(before, old)), list(_sentences(after, new))
    return "\n".join(difflib.unified_diff(first, second, "before", "after", lineterm="", n=1)) + "\n"


def _sentences(m: Manuscript, facts: Mapping[str, Fact]) -> Iterator[str]:
    setter = Setter(m, facts, {})
    for passage in passages(m):
        for line in passage.lines():
            yield from (f"{passage.where}: {s}" for s in re.split(r"(?<=[.!?])\s+", setter.plain(line).strip()) if s)


def mark(before: Path, folder: Path, engine: Engine | None) -> Path | None:
    """A PDF in `folder` that shows what its paper.tex changed of `before`; None where there is no latexdiff or engine,
    or LaTeX does not take what that wrote."""
    program = shutil.which("latexdiff")
    if not program or engine is None or not before.is_file():
        return None
    marks = ("--encoding=utf8", "--type=CFONT")  # by colours and letters, which need no further package
    command = [program, *marks, str(before), str(folder / "paper.tex")]
    try:
        made = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE_S, check=True).stdout
    except (subprocess.SubprocessError, OSError, UnicodeDecodeError):
        return None
    with tempfile.TemporaryDirectory(prefix="nightlab-latexdiff-") as name:
        build = Path(name)
        for beside in ("figures", "venue"):
            if (folder / beside).is_dir():
                shutil.copytree(folder / beside, build / beside, dirs_exist_ok=True)
        (build / "paper.tex").write_text(made, encoding="utf-8")
        pdf = compile(build, engine).pdf
        return Path(shutil.copyfile(pdf, folder / MARKED)) if pdf else None
