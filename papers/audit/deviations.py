"""A manuscript beside what trusted code writes of the same evidence, sentence by sentence.

A sentence that code would not write in its place is altered, where one of the code's own that is missing there is like
it, moved, where code says it elsewhere, and added else. Cells and files are told apart like sentences; paragraphs that
a writer may add to a section are no text of the paper's own, and others judge them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from nightlab.papers.audit.finding import Finding
from nightlab.papers.manuscript.manuscript import Manuscript, passages

KINDS = ("altered", "added", "moved", "left-out")  # of findings
ALIKE = 0.5  # share of words in common from which a sentence is an altered one
_SENTENCE = re.compile(r"(?:(?<=[.!?:])|(?<=[.!?][”’)`*]))\s+(?=[“‘\"'(`*{]*[A-Z0-9{])")
_PLACE = re.compile(r"(?:section|figure|table|listing):[^:]+")
_NOTHING = re.compile(r"(?!)")
Texts = Mapping[str, Sequence[str]]  # place -> its sentences or cells in their order


def deviations(draft: Manuscript, own: Manuscript, added: re.Pattern[str] = _NOTHING) -> Iterator[Finding]:
    """Where a draft differs from the code's own text. added: what opens the paragraphs that a writer may add."""
    ours, theirs = _texts(own, added), _texts(draft, added)
    everywhere = {text for told in ours.values() for text in told}
    there = {_place(where) for where in theirs}
    gone = dict.fromkeys(place for where in ours if (place := _place(where)) not in there)
    yield from (Finding("left-out", place, "this whole part is left out") for place in gone)
    for where in dict.fromkeys((*ours, *theirs)):
        if _place(where) not in gone:
            yield from _compared(where, theirs.get(where, ()), ours.get(where, ()), everywhere)
    for one, other in zip(_orders(draft), _orders(own), strict=True):
        if [k for k in one if k in other] != [k for k in other if k in one]:
            yield Finding("moved", "manuscript", "its parts stand in another order than code gives them")


def _place(where: str) -> str:
    """The section or float that a text belongs to, or the place itself."""
    return m[0] if (m := _PLACE.match(where)) else where


def _compared(where: str, theirs: Sequence[str], ours: Sequence[str], everywhere: set[str]) -> Iterator[Finding]:
    """The texts of one place beside the code's own there."""
    lost, new = list((Counter(ours) - Counter(theirs)).elements()), list((Counter(theirs) - Counter(ours)).elements())
    if not lost and not new and list(theirs) != list(ours):
        yield Finding("moved", where, "its sentences or cells stand in another order than code gives them")
    alone = len(lost) == len(new) == 1
    for text in new:
        meant = max(lost, key=lambda other: _alike(text, other), default="")
        if text in ours:
            yield Finding("added", where, f"this stands here once more than code has it: {_shown(text)}")
        elif meant and (alone or _alike(text, meant) >= ALIKE):
            lost.remove(meant)
            yield Finding(
                "altered", where, f"it says {_shown(text, meant)}, and of this evidence code says {_shown(meant, text)}"
            )
        elif text in everywhere:
            yield Finding("moved", where, f"code says this elsewhere, and not here: {_shown(text)}")
        else:
            yield Finding("added", where, f"this is not what the evidence says here: {_shown(text)}")
    yield from (Finding("left-out", where, f"this is left out: {_shown(text)}") for text in lost)


def _alike(one: str, other: str) -> float:
    a, b = Counter(one.split()), Counter(other.split())
    return 2 * (a & b).total() / (a.total() + b.total())


def _texts(m: Manuscript, added: re.Pattern[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    sections = {f"section:{s.key}" for s in m.sections}
    for p in (p for p in passages(m) if p.where != "reader"):
        paragraphs = re.split(r"\n\s*\n", p.text) if p.block else [p.text]
        own = (part for part in paragraphs if not (p.where in sections and added.match(part.strip())))
        lines = (line for part in own for line in (part.split("\n") if p.block else [part]))
        told = (s for line in lines for s in (_SENTENCE.split(line) if p.block else [line]))
        found.setdefault(p.where, []).extend(" ".join(s.split()) for s in told if s.strip() or p.cell)
    found |= {f"figure:{f.key}:file": [f.file, *f.facts] for f in m.figures}
    found |= {f"listing:{c.key}:diff": [c.diff] for c in m.listings}
    return found


def _orders(m: Manuscript) -> tuple[list[str], ...]:
    """The keys of what stands in an order of its own."""
    return tuple([part.key for part in parts] for parts in (m.sections, m.appendix, m.figures, m.tables, m.listings))


def _shown(text: str, beside: str = "") -> str:
    """A text, of a long one what lies around the first letter in which it differs from the one beside it."""
    same = next((i for i, (a, b) in enumerate(zip(text, beside, strict=False)) if a != b), min(len(text), len(beside)))
    start = max(0, min(same - 60, len(text) - 117))
    return repr(f"{'...' * bool(start)}{text[start : start + 117]}{'...' * (len(text) > start + 117)}")
