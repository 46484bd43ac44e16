"""The manuscript: small records, their JSON, and every text of theirs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import ClassVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from nightlab.experiments.ledger.kinds import document
from nightlab.papers.manuscript.formula import FormulaError, formula
from nightlab.papers.manuscript.listing import Listing
from nightlab.papers.manuscript.markup import (
    Cite,
    Code,
    Emph,
    FactMark,
    Math,
    Paragraph,
    Span,
    Text,
    blocks,
    inline,
    lines_of,
    walk,
    written,
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
            return written(span)
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
    told = (facts_of(s) for p in passages(manuscript) for s in p.spans())
    return tuple(dict.fromkeys(chain.from_iterable((*told, *(f.facts for f in manuscript.figures)))))


def keys_cited(manuscript: Manuscript) -> tuple[str, ...]:
    """The keys of the references, in their order of appearance."""
    cites = (s.keys for p in passages(manuscript) for s in p.spans() if isinstance(s, Cite))
    return tuple(dict.fromkeys(chain.from_iterable(cites)))


def facts_of(span: Span) -> tuple[str, ...]:
    """The ids of the facts of a number or a formula."""
    if isinstance(span, FactMark):
        return (span.id,)
    if isinstance(span, Math):
        try:
            return formula(span.source).facts
        except FormulaError:
            return ()
    return ()


def referable(m: Manuscript) -> list[str]:
    """What a {ref:KEY} may name."""
    sections = [s.key for s in m.sections + m.appendix]
    return [*sections, *(f.key for f in m.figures), *(t.key for t in m.tables), *(c.key for c in m.listings), EVIDENCE]
