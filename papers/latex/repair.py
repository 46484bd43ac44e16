"""A paper that does not compile, section by section: the fault is found, cured where a cure is known, else the section
gives way to a text that is known to be good."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from nightlab.papers.audit.finding import Finding
from nightlab.papers.latex.cures import Fault, cure
from nightlab.papers.latex.engine import Compiled, Engine, compile, failing
from nightlab.papers.latex.source import FRONT, REFERENCES, Part, Source, split
from nightlab.papers.latex.texlog import first_error

REPAIRS = 3  # of one section at most
KIND = "latex-repaired"
Spare = Callable[
    [str], Sequence[tuple[str, str]]
]  # what may stand in for a section, the best first: LaTeX, and words for it


def mend(folder: Path, engine: Engine, spare: Spare) -> Compiled:
    """Compile `folder`/paper.tex after its sections were mended; the findings say where and how.

    What cannot be mended leaves file and error as they are.
    """
    file = folder / "paper.tex"
    asked = file.read_text(encoding="utf-8")
    source, told = _head(split(asked), folder, engine)
    for place in range(len(source.parts)):
        source, more = _part(source, place, folder, engine, spare)
        told += more
    file.write_text(source.text, encoding="utf-8")
    compiled = compile(folder, engine)
    if compiled.pdf is None:
        (folder / "paper.mended.tex").write_text(source.text, encoding="utf-8")
        file.write_text(asked, encoding="utf-8")
    return replace(compiled, findings=(*told, *compiled.findings))


def _head(source: Source, folder: Path, engine: Engine) -> tuple[Source, list[Finding]]:
    told = []
    for _ in range(REPAIRS):
        log = failing(source.alone(Part("", "Words.\n")), folder, engine)
        found = first_error(log) if log else None
        made = cure(source.head, Fault(found.what, found.line - 1, found.near), engine.has) if found else None
        if not found or not made:
            break
        source = replace(source, head=made.text)
        told.append(_finding("preamble", found.line, found.what, made.told))
    return source, told


def _part(source: Source, place: int, folder: Path, engine: Engine, spare: Spare) -> tuple[Source, list[Finding]]:
    """The source with one part mended."""
    part, told, trying = source.parts[place], list[Finding](), source
    for attempt in range(REPAIRS + 1):
        log = failing(trying.alone(trying.parts[place]), folder, engine)
        if not log:
            return trying, told
        found = first_error(log)
        line = max(0, found.line - trying.first_line) if found else 0  # some errors name none
        text = trying.parts[place].text
        made = cure(text, Fault(found.what, line, found.near), engine.has) if found and attempt < REPAIRS else None
        if not found or not made:
            break
        trying = _with(trying, place, made.text, made.package)
        told.append(_finding(_where(part.key), line + 1, found.what, made.told))
    why = found.what if found else "LaTeX does not end"
    for text, made_known in spare(part.key):
        instead = _with(source, place, text)
        if not failing(instead.alone(instead.parts[place]), folder, engine):
            return instead, [_finding(_where(part.key), line + 1, why, made_known)]
    return source, told


def _with(source: Source, place: int, text: str, package: str = "") -> Source:
    parts = [*source.parts]
    parts[place] = replace(parts[place], text=text)
    head = source.head
    if package:
        before, documentclass, after = head.partition(r"\documentclass")
        line, end, rest = after.partition("\n")
        head = f"{before}{documentclass}{line}{end}\\usepackage{{{package}}}\n{rest}"
    return Source(head, tuple(parts))


def _where(key: str) -> str:
    return key if key in (FRONT, REFERENCES) else f"section:{key}"


def _finding(where: str, line: int, what: str, done: str) -> Finding:
    return Finding(KIND, where, f"line {line}: LaTeX says {what!r}; {done}", "warning")
