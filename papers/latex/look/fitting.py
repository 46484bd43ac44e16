"""A page limit: what of a manuscript moves to its appendix so that the main text keeps to it.

The rule: first whole sections that no paper needs, the last one first; then figures, tables and listings of the
others, the last one first. References to them stay right.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import replace

from nightlab.papers.audit.finding import Finding
from nightlab.papers.latex.engine import Compiled
from nightlab.papers.manuscript.manuscript import Manuscript, Section

MOVED = "moved"  # the key of the appendix that floats move to
NEEDED = ("introduction", "related", "method", "setup", "results", "discussion", "limitations", "conclusion")
_FLOAT = re.compile(r"^\{float:[^{}\s]+\}$", re.MULTILINE)


def fitted(m: Manuscript, limit: int, make: Callable[[Manuscript], Compiled]) -> Compiled:
    """A paper within so many pages of main text, 0 for any number, with no more moved than needs to be."""
    compiled = make(m)
    if not limit or compiled.body_pages <= limit:
        return compiled
    numbers, last = range(1, moves(m) + 1), 0

    def fits(number: int) -> bool:
        nonlocal compiled, last
        compiled, last = make(moved(m, number)), number
        return compiled.body_pages <= limit

    number = min(bisect_left(numbers, True, key=fits) + 1, len(numbers))
    if number != last:  # its files lie where each making leaves them, so that only what was made last is there
        compiled = make(moved(m, number))
    text = f"the main text has {compiled.body_pages} pages with all moved that can move, and the venue allows {limit}"
    over = (Finding("page-limit", "paper.pdf", text),) if compiled.body_pages > limit else ()
    return replace(compiled, findings=(*compiled.findings, *over), moved=number)


def moves(m: Manuscript) -> int:
    """How many things can move."""
    return len(_sections(m)) + sum(len(_FLOAT.findall(s.body)) for s in m.sections if s.key in NEEDED)


def moved(m: Manuscript, number: int) -> Manuscript:
    """The manuscript with the first `number` of these moves made."""
    gone = _sections(m)[:number]
    kept = [s for s in m.sections if s not in gone]
    floats: list[str] = []
    for place in reversed(range(len(kept))):
        body = kept[place].body
        for found in reversed(list(_FLOAT.finditer(body))):
            if len(gone) + len(floats) == number or kept[place].key not in NEEDED:
                break
            floats.insert(0, found[0])
            body = body[: found.start()] + body[found.end() :]
        kept[place] = replace(kept[place], body=body)
    more = (Section(MOVED, "Figures and tables", "\n\n".join(floats)),) if floats else ()
    return replace(m, sections=tuple(kept), appendix=(*m.appendix, *reversed(gone), *more))


def _sections(m: Manuscript) -> list[Section]:
    """Those that may move, in their order of going."""
    return [s for s in reversed(m.sections) if s.key not in NEEDED]
