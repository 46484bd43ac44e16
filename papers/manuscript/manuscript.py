"""The manuscript: small records, their markup, and the check that no number or citation comes from nowhere."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from nightlab.experiments.ledger.kinds import document
from nightlab.experiments.records import Fact
from nightlab.papers.audit.finding import Finding, Severity
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.formula import FormulaError, formula
from nightlab.papers.manuscript.listing import Listing
from nightlab.papers.manuscript.markup import (
    Cite,
    Code,
    Emph,
    FactMark,
    Float,
    Math,
    Paragraph,
    Ref,
    Span,
    Text,
    blocks,
    inline,
    lines_of,
    walk,
)

EVIDENCE = "evidence"  # the key of the appendix that lists the facts; it is written by trusted code

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FILE = re.compile(r"figures/[A-Za-z0-9_-]+\.(?:pdf|png)")


class ManuscriptError(ValueError):
    """A manuscript that cannot be read."""


class _Record:
    """What pydantic shall refuse when a record is read."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


@dataclass(frozen=True)
class Section(_Record):
    """A section; heading and body are markup."""

    key: str
    heading: str
    body: str

    def __post_init__(self) -> None:
        _check_key(self.key)


@dataclass(frozen=True)
class Figure(_Record):
    """A figure. file: figures/NAME.pdf in the paper's folder, drawn by our code; facts: of the numbers printed in it.

    A manuscript of an earlier version may name a PNG; no paper shows it.
    """

    key: str
    file: str
    caption: str
    facts: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_key(self.key)
        if not _FILE.fullmatch(self.file):
            raise ValueError(f"the figure {self.key!r} needs figures/NAME.pdf, in plain letters, not {self.file!r}")

    @property
    def drawn(self) -> bool:
        """Whether it is of vectors, as our code draws them, and not of pixels, which can come from anywhere."""
        return self.file.endswith(".pdf")


@dataclass(frozen=True)
class Table(_Record):
    """A table of markup cells.

    align: a letter a column: l, r, c, or X for text that wraps and takes the width that is left; "" is left for the
    first column and right for the others.
    """

    key: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str = ""

    def __post_init__(self) -> None:
        _check_key(self.key)
        if not self.columns:
            raise ValueError(f"the table {self.key!r} has no columns")
        if bad := [row for row in self.rows if len(row) != len(self.columns)]:
            raise ValueError(f"the table {self.key!r} has {len(self.columns)} columns, and a row of {len(bad[0])}")
        if self.align and not re.fullmatch(f"[lrcX]{{{len(self.columns)}}}", self.align):
            raise ValueError(f"the table {self.key!r} needs one of l, r, c, X for each column: {self.align!r}")


@document("manuscript")
@dataclass(frozen=True, kw_only=True)
class Manuscript(_Record):
    """A paper before it is set. All texts are markup; authors_note says who wrote it, reader by which model the
    readings are."""

    title: str
    authors_note: str
    abstract: str
    sections: tuple[Section, ...]
    appendix: tuple[Section, ...] = ()
    figures: tuple[Figure, ...] = ()
    tables: tuple[Table, ...] = ()
    listings: tuple[Listing, ...] = ()
    keywords: tuple[str, ...] = ()
    reader: str = ""


@dataclass(frozen=True)
class Passage:
    """A piece of the manuscript's text. block: it may hold paragraphs, lists and floats. cell: of a table's row."""

    where: str
    text: str
    block: bool = False
    cell: bool = False

    def lines(self) -> Iterator[tuple[Span, ...]]:
        """The spans of each paragraph and item."""
        for block in blocks(self.text) if self.block else (Paragraph(inline(self.text)),):
            yield from lines_of(block)

    def spans(self) -> Iterator[Span]:
        """All spans, with those inside them."""
        return chain.from_iterable(map(walk, self.lines()))

    @property
    def printed(self) -> str:
        """Its words as they are printed, with a sign for each number, citation, reference and formula."""
        return " ".join("".join(map(_printed, walk(line))) for line in self.lines())


def _printed(span: Span) -> str:
    match span:
        case Text(text):
            return text
        case Code():
            return _written(span)
        case Emph():
            return ""  # walk() yields what it holds
        case _:
            return "…"


def _check_key(key: str) -> None:
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no key: use letters, digits, dots, underscores and hyphens")


_ADAPTER = TypeAdapter(Manuscript)


def to_json(manuscript: Manuscript) -> str:
    """The manuscript as JSON that `from_json` reads back."""
    return _ADAPTER.dump_json(manuscript, indent=2).decode()


def from_json(text: str) -> Manuscript:
    """Read a manuscript.

    Raises ManuscriptError, which names each field that is wrong.
    """
    try:
        return _ADAPTER.validate_json(text)
    except ValidationError as error:
        faults = (f"{'.'.join(str(p) for p in e['loc']) or 'manuscript'}: {e['msg']}" for e in error.errors())
        raise ManuscriptError("\n".join(faults)) from None


def read(file: Path) -> Manuscript:
    """Read a manuscript from a JSON file."""
    return from_json(file.read_text(encoding="utf-8"))


def passages(manuscript: Manuscript) -> Iterator[Passage]:
    """Every text of the manuscript: the whole that a reader sees, but for what trusted code adds."""
    yield Passage("title", manuscript.title)
    yield Passage("authors_note", manuscript.authors_note)
    yield Passage("abstract", manuscript.abstract, block=True)
    if manuscript.reader:
        yield Passage("reader", manuscript.reader)
    for keyword in manuscript.keywords:
        yield Passage("keywords", keyword)
    for section in manuscript.sections + manuscript.appendix:
        yield Passage(f"section:{section.key}:heading", section.heading)
        yield Passage(f"section:{section.key}", section.body, block=True)
    for figure in manuscript.figures:
        yield Passage(f"figure:{figure.key}", figure.caption)
    for listing in manuscript.listings:
        yield Passage(f"listing:{listing.key}", listing.caption)
    for table in manuscript.tables:
        yield Passage(f"table:{table.key}", table.caption)
        for i, row in enumerate((table.columns, *table.rows)):
            for cell in row:
                yield Passage(f"table:{table.key}:row {i}" if i else f"table:{table.key}:head", cell, cell=bool(i))


def facts_used(manuscript: Manuscript) -> tuple[str, ...]:
    """The ids of the facts, in their order of appearance, those in figures last."""
    told = (_facts(s) for p in passages(manuscript) for s in p.spans())
    return tuple(dict.fromkeys(chain.from_iterable((*told, *(f.facts for f in manuscript.figures)))))


def keys_cited(manuscript: Manuscript) -> tuple[str, ...]:
    """The keys of the references, in their order of appearance."""
    cites = (s.keys for p in passages(manuscript) for s in p.spans() if isinstance(s, Cite))
    return tuple(dict.fromkeys(chain.from_iterable(cites)))


def _facts(span: Span) -> tuple[str, ...]:
    if isinstance(span, FactMark):
        return (span.id,)
    if isinstance(span, Math):
        try:
            return formula(span.source).facts
        except FormulaError:
            return ()
    return ()


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
    targets = set(_keys(manuscript))
    titles = [r.title.replace("_", " ") for r in references]
    allowed = _Names(chain(titles, names), [*names, *titles])
    for passage in passages(manuscript):
        if passage.block:
            found += _check_blocks(passage, targets)
        for span in passage.spans():
            if passage.cell and isinstance(span, Code) and _written(span) in names:
                continue
            found += _check_span(span, passage.where, facts, known, targets, allowed)
    for figure in manuscript.figures:
        missing = (id for id in figure.facts if id not in facts)
        found += [Finding("unknown-fact", f"figure:{figure.key}", f"the evidence has no fact {id!r}") for id in missing]
    return found + _check_keys(manuscript) + _check_floats(manuscript)


def _keys(m: Manuscript) -> list[str]:
    """What a {ref:KEY} may name."""
    sections = [s.key for s in m.sections + m.appendix]
    return [*sections, *(f.key for f in m.figures), *(t.key for t in m.tables), *(c.key for c in m.listings), EVIDENCE]


def _check_keys(manuscript: Manuscript) -> list[Finding]:
    counts = Counter(_keys(manuscript))
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
    for id in _facts(span):
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
            yield from _check_code(_written(span), where, allowed)
        case Math(source):
            yield from _check_math(source, where)
        case Text():
            yield from _check_text(span, where, allowed)
        case Emph() | FactMark() | Ref():
            pass  # walk() yields what an emphasis holds


def _written(code: Code) -> str:
    """A piece of code with a blank for each fact."""
    return "".join(s.text if isinstance(s, Text) else " " for s in code.spans)


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
