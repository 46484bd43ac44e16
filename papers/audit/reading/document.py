"""A paper as its reader has it, wherever it comes from: sentences with their numbers, captions, tables, references."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from nightlab.experiments.records import Fact
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.manuscript import Manuscript
from nightlab.papers.manuscript.markup import (
    Cite,
    Code,
    Emph,
    FactMark,
    Float,
    Math,
    Reading,
    Ref,
    Span,
    Text,
    blocks,
    inline,
    lines_of,
)

MARK = re.compile(r"\x02([fcr]):([^\x03]*)\x03")  # a fact, a citation, a reference to a place of the paper
_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][”’\"')]))\s+(?=[“‘\"'(]?[A-Z0-9\x02])")
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
PartKind = Literal["abstract", "section", "appendix"]


@dataclass(frozen=True)
class Sentence:
    """A sentence. marked: its text with a mark in the place of each fact, citation and reference."""

    marked: str
    facts_of: Mapping[str, Fact] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def text(self) -> str:
        """As it is printed; a citation or a reference is a sign."""
        return MARK.sub(lambda m: self._printed(m[1], m[2]), self.marked)

    def _printed(self, kind: str, what: str) -> str:
        if kind == "f":
            return self.facts_of[what].text if what in self.facts_of else "?"
        return f"[{what}]" if kind == "c" else "…"

    @cached_property
    def plain(self) -> str:
        """Its words without any mark."""
        return " ".join(MARK.sub(" ", self.marked).split())

    @cached_property
    def words(self) -> tuple[str, ...]:
        return tuple(w.casefold() for w in _WORD.findall(self.plain))

    def marks(self, kind: str) -> tuple[str, ...]:
        return tuple(m[2] for m in MARK.finditer(self.marked) if m[1] == kind)

    @property
    def facts(self) -> tuple[str, ...]:
        return self.marks("f")

    @property
    def refs(self) -> tuple[str, ...]:
        return self.marks("r")

    @property
    def cited(self) -> tuple[str, ...]:
        return tuple(key for m in self.marks("c") for key in m.split(","))


@dataclass(frozen=True, kw_only=True)
class Part:
    """The abstract, a section or an appendix. floats: keys of what is placed in it. readings: a model's own, which
    nothing verifies, are no sentences of the paper's own voice."""

    key: str
    heading: str
    kind: PartKind
    paragraphs: tuple[tuple[Sentence, ...], ...]
    floats: tuple[str, ...] = ()
    readings: int = 0

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        return tuple(s for paragraph in self.paragraphs for s in paragraph)

    @cached_property
    def words(self) -> tuple[str, ...]:
        return tuple(w for s in self.sentences for w in s.words)

    @property
    def where(self) -> str:
        return self.key if self.kind == "abstract" else f"section:{self.key}"

    @cached_property
    def text(self) -> str:
        return "\n\n".join(" ".join(s.text for s in paragraph) for paragraph in self.paragraphs)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A figure, a table or a listing. cells: of a table, the head first. name: what its file is called."""

    key: str
    kind: Literal["figure", "table", "listing"]
    caption: tuple[Sentence, ...]
    cells: tuple[tuple[Sentence, ...], ...] = ()
    name: str = ""

    @property
    def where(self) -> str:
        return f"{self.kind}:{self.key}"

    @cached_property
    def words(self) -> tuple[str, ...]:
        return tuple(w for s in self.caption for w in s.words)

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        return (*self.caption, *(cell for row in self.cells for cell in row))


@dataclass(frozen=True, kw_only=True)
class Document:
    """A paper. facts: of the evidence beside it, used or not; none of a paper from elsewhere. of_study: whether its
    evidence is known."""

    title: str
    abstract: Part
    sections: tuple[Part, ...]
    appendix: tuple[Part, ...] = ()
    shown: tuple[Shown, ...] = ()
    facts: Mapping[str, Fact] = field(default_factory=dict)
    references: Sequence[Reference] = ()
    listed: tuple[str, ...] = ()  # entries of the list of references, of a paper from elsewhere
    aside: str = ""  # what stands in tables and figures of one
    note: str = ""  # who wrote it
    keywords: tuple[str, ...] = ()
    of_study: bool = True

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        return (self.abstract, *self.sections, *self.appendix)

    @cached_property
    def text(self) -> str:
        """All that it says, captions and tables apart."""
        return " ".join(p.text for p in self.parts)

    @cached_property
    def used(self) -> frozenset[str]:
        """The facts that its text and its tables tell."""
        every = (*(s for p in self.parts for s in p.sentences), *(s for f in self.shown for s in f.sentences))
        return frozenset(id for s in every for id in s.facts)

    @cached_property
    def cited(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(key for p in self.parts for s in p.sentences for key in s.cited))

    def section(self, *names: str) -> Part | None:
        """The first section whose heading names one of these."""
        return next((p for n in names for p in self.sections if n in p.heading.casefold()), None)

    def sentences(self) -> Iterator[tuple[Part, Sentence]]:
        for part in self.parts:
            for sentence in part.sentences:
                yield part, sentence


def as_read(m: Manuscript, facts: Mapping[str, Fact], references: Sequence[Reference]) -> Document:
    """The document that a manuscript and its evidence make."""

    def told(source: str) -> tuple[Sentence, ...]:
        return _sentences(_marked(inline(source)), facts)

    def part(key: str, heading: str, body: str, kind: PartKind) -> Part:
        found = blocks(body)
        lines = [spans for b in found if not isinstance(b, Reading) for spans in lines_of(b)]
        return Part(
            key=key,
            heading="".join(s.text for s in told(heading)),
            kind=kind,
            paragraphs=tuple(_sentences(_marked(spans), facts) for spans in lines),
            floats=tuple(b.key for b in found if isinstance(b, Float)),
            readings=sum(isinstance(b, Reading) for b in found),
        )

    figures = [Shown(key=f.key, kind="figure", caption=told(f.caption), name=f.file) for f in m.figures]
    tables = [
        Shown(
            key=t.key,
            kind="table",
            caption=told(t.caption),
            cells=tuple(tuple(_whole(told(cell), facts) for cell in row) for row in (t.columns, *t.rows)),
        )
        for t in m.tables
    ]
    listings = [Shown(key=c.key, kind="listing", caption=told(c.caption)) for c in m.listings]
    return Document(
        title=" ".join(s.text for s in told(m.title)),
        abstract=part("abstract", "Abstract", m.abstract, "abstract"),
        sections=tuple(part(s.key, s.heading, s.body, "section") for s in m.sections),
        appendix=tuple(part(s.key, s.heading, s.body, "appendix") for s in m.appendix),
        shown=(*figures, *tables, *listings),
        facts=facts,
        references=references,
        note=" ".join(s.text for s in told(m.authors_note)),
        keywords=tuple(" ".join(s.text for s in told(k)) for k in m.keywords),
    )


def _whole(parts: tuple[Sentence, ...], facts: Mapping[str, Fact]) -> Sentence:
    return Sentence(" ".join(s.marked for s in parts), facts)


def sentences_of(text: str) -> tuple[Sentence, ...]:
    """The sentences of plain text."""
    return _sentences(text, {})


def _sentences(marked: str, facts: Mapping[str, Fact]) -> tuple[Sentence, ...]:
    return tuple(Sentence(s.strip(), facts) for s in _END.split(marked) if s.strip())


def _marked(spans: Sequence[Span]) -> str:
    return "".join(map(_mark, spans))


def _mark(span: Span) -> str:
    match span:
        case Text(text):
            return text
        case Emph(inner) | Code(inner):
            return _marked(inner)
        case FactMark(id):
            return f"\x02f:{id}\x03"
        case Cite(keys):
            return f"\x02c:{','.join(keys)}\x03"
        case Ref(key):
            return f"\x02r:{key}\x03"
        case Math(source):
            return re.sub(r"\{fact:([^{}\s]+)\}", lambda m: f"\x02f:{m[1]}\x03", source)
