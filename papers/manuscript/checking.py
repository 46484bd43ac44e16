"""The check of a manuscript: no number and no citation comes from nowhere, no float and no key is lost."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain

from nightlab.experiments.records import Fact
from nightlab.papers.audit.finding import Finding, Severity
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.formula import FormulaError, formula
from nightlab.papers.manuscript.manuscript import Manuscript, Passage, facts_of, passages, referable
from nightlab.papers.manuscript.markup import (
    Cite,
    Code,
    Emph,
    FactMark,
    Float,
    Math,
    Ref,
    Span,
    Text,
    blocks,
    written,
)


def check(
    manuscript: Manuscript,
    facts: Mapping[str, Fact],
    references: Sequence[Reference],
    names: Collection[str] = (),
) -> list[Finding]:
    """What keeps the manuscript from being set as it is.

    names: phrases that may hold digits (the template's title, knobs, choices, metrics). So may titles of references as
    a whole, and the names in them (NAS-Bench-201); any other digit must come from a fact. A name that is a number alone
    stands as code in a table's cell and nowhere else: in a sentence it could pass for a result.
    """
    found: list[Finding] = []
    known = {r.key for r in references}
    targets = set(referable(manuscript))
    titles = [r.title.replace("_", " ") for r in references]
    allowed = _Names(chain(titles, names), [*names, *titles])
    for passage in passages(manuscript):
        if passage.block:
            found += _check_blocks(passage, targets)
        for span in passage.spans():
            if passage.cell and isinstance(span, Code) and written(span) in names:
                continue
            found += _check_span(span, passage.where, facts, known, targets, allowed)
    for figure in manuscript.figures:
        missing = (id for id in figure.facts if id not in facts)
        found += [Finding("unknown-fact", f"figure:{figure.key}", f"the evidence has no fact {id!r}") for id in missing]
    return found + _check_keys(manuscript) + _check_floats(manuscript)


def _check_keys(manuscript: Manuscript) -> list[Finding]:
    counts = Counter(referable(manuscript))
    return [Finding("duplicate-key", key, f"the key {key!r} is used {n} times") for key, n in counts.items() if n > 1]


def _check_floats(manuscript: Manuscript) -> list[Finding]:
    found = []
    bodies = [b for p in passages(manuscript) if p.block for b in blocks(p.text)]
    placed = Counter(b.key for b in bodies if isinstance(b, Float))
    referenced = {s.key for p in passages(manuscript) for s in p.spans() if isinstance(s, Ref)}
    named = [("figure", f.key) for f in manuscript.figures] + [("table", t.key) for t in manuscript.tables]
    named += [("listing", c.key) for c in manuscript.listings]
    for kind, key in named:
        if not placed[key]:
            found.append(Finding("unplaced", f"{kind}:{key}", f"no line {{float:{key}}} places the {kind}"))
        elif placed[key] > 1:
            found.append(Finding("placed-twice", f"{kind}:{key}", f"{placed[key]} lines place the {kind}"))
        if key not in referenced:
            found.append(Finding("unreferenced", f"{kind}:{key}", f"no text refers to the {kind}: use {{ref:{key}}}"))
    return found


def _check_blocks(passage: Passage, targets: set[str]) -> Iterator[Finding]:
    for block in blocks(passage.text):
        if isinstance(block, Float) and block.key not in targets:
            yield Finding("unknown-float", passage.where, f"there is no figure or table {block.key!r}")


def _check_span(
    span: Span, where: str, facts: Mapping[str, Fact], known: set[str], targets: set[str], allowed: _Names
) -> Iterator[Finding]:
    for id in facts_of(span):
        if id not in facts:
            yield Finding("unknown-fact", where, f"the evidence has no fact {id!r}")
    match span:
        case Cite(keys):
            for key in keys:
                if key not in known:
                    yield Finding("unknown-citation", where, f"the bibliography has no key {key!r}")
        case Ref(key) if key not in targets:
            yield Finding("unknown-reference", where, f"there is no figure, table or section {key!r}")
        case Code():
            yield from _check_code(written(span), where, allowed)
        case Math(source):
            yield from _check_math(source, where)
        case Text():
            yield from _check_text(span, where, allowed)
        case Emph() | FactMark() | Ref():
            pass  # walk() yields what an emphasis holds


def _check_text(span: Text, where: str, allowed: _Names) -> Iterator[Finding]:
    for mark in span.loose:
        yield Finding("markup", where, f"{mark!r} is no markup: put a backslash before what shall be printed")
    for word in allowed.numerals(span.text):
        yield _numeral(word, where)


def _check_code(code: str, where: str, allowed: _Names) -> Iterator[Finding]:
    """A name may hold digits; a value in code is let through with a warning, a number alone is not."""
    bare = not any(c.isalpha() for c in code)
    for word in re.findall(r"[\w.]+", allowed.without_phrases(code)):
        if any(c.isnumeric() for c in word) and not re.match(r"[^\W\d]", word) and word not in allowed.words:
            yield _numeral(word, where, "error" if bare else "warning")


def _check_math(source: str, where: str) -> Iterator[Finding]:
    try:
        parsed = formula(source)
    except FormulaError as error:
        yield Finding("formula", where, f"the formula ${source}$ is refused: {error}")
        return
    for numeral in parsed.numerals:
        yield _numeral(numeral, where)


def _numeral(word: str, where: str, severity: Severity = "error") -> Finding:
    return Finding("bare-numeral", where, f"{word!r} is no fact: use {{fact:ID}} or leave the number out", severity)


class _Names:
    """Where digits may stand: whole phrases that are given, and the words with letters of all titles."""

    def __init__(self, titles: Iterator[str], phrases: Collection[str]) -> None:
        words = (w for title in titles for w in _words(title))
        self.words = {w for w in words if any(c.isalpha() for c in w) and any(c.isnumeric() for c in w)}
        with_digits = (p for p in phrases if any(c.isnumeric() for c in p) and any(c.isalpha() for c in p))
        self.phrases = sorted(with_digits, key=len, reverse=True)

    def numerals(self, text: str) -> Iterator[str]:
        """The words of `text` that hold a digit and are no name."""
        for word in _words(self.without_phrases(text)):
            if any(c.isnumeric() for c in word) and word not in self.words:
                yield word

    def without_phrases(self, text: str) -> str:
        for phrase in self.phrases:
            text = re.sub(rf"(?<![\w.]){re.escape(phrase)}(?![\w.]*\d)", " ", text)
        return text


def _words(text: str) -> Iterator[str]:
    """Words without the punctuation about them; a hyphen inside is part of one."""
    for word in re.split(r"[\s,;:()\[\]/“”\"–—=]+", text):
        if bare := re.sub(r"['’]s$", "", word.strip(".'‘’!?*-")):
            yield bare
