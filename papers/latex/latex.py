"""The paper in LaTeX: manuscript, facts and references into a folder that any engine compiles."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from pathlib import Path

import pylatex
from pylatex import Command, Itemize, NoEscape

from nightlab.experiments.records import Fact
from nightlab.papers.audit.finding import Finding
from nightlab.papers.facts.registry import meaning, record
from nightlab.papers.latex.alignment import column
from nightlab.papers.latex.bibliography import bibliography, entries, ordered
from nightlab.papers.latex.engine import Compiled, Engine, compile, find_engine
from nightlab.papers.latex.escape import ascii_only, code, escape, escape_code, utf16
from nightlab.papers.latex.look.document import document as empty
from nightlab.papers.latex.look.document import plain, usable
from nightlab.papers.latex.look.fitting import fitted
from nightlab.papers.latex.look.venue import Venue
from nightlab.papers.latex.repair import mend
from nightlab.papers.latex.seal import Seal
from nightlab.papers.latex.source import FRONT
from nightlab.papers.latex.table_widths import long, shares, short
from nightlab.papers.latex.texlog import MARK
from nightlab.papers.latex.typesetting import Setter, anchor, number
from nightlab.papers.literature.literature import Reference, write_bib
from nightlab.papers.manuscript.listing import Listing
from nightlab.papers.manuscript.manuscript import EVIDENCE, Figure, Manuscript, Section, Table, facts_used, keys_cited
from nightlab.papers.manuscript.markup import Bullets, Float, Reading, Text, blocks, inline, lines_of, literal

__all__ = ["Compiled", "Engine", "Finding", "build", "compile", "find_engine", "render"]

AUTHOR = "Nightlab"
STANDS_IN = "the offline text stands in for the section"
ALONE = "its words stand alone, without figures, tables, formulas and a model's readings"
BODY_ENDS = rf"\write16{{{MARK}\the\value{{page}}}}"
_LONG = 22  # a table of more rows may break across pages
_PARTS = 4  # runs in more pieces are told by their number


def build(
    manuscript: Manuscript,
    facts: Mapping[str, Fact],
    references: Sequence[Reference],
    folder: Path,
    engine: Engine | None = None,
    own: Manuscript | None = None,
    seal: Seal | None = None,
    venue: Venue | None = None,
) -> Compiled:
    """Render into `folder` and compile there, with the engine given or the best that is found.

    Where LaTeX stops at a fault, the sections are mended one by one. own: the code's text of them, which stands in for
    one that cannot be mended; without it, the section's bare words do. venue: whose look and page limit the paper has.
    """
    engine = engine or find_engine()
    look, unusable = (venue, ()) if venue is None or engine is None else usable(venue, folder, engine)

    def made(m: Manuscript) -> Compiled:
        render(m, facts, references, folder, seal, look)
        compiled = compile(folder, engine)
        if engine is None or compiled.pdf:
            return compiled
        paper = _Paper(m, facts, ordered(references, keys_cited(m)), seal, look)
        texts = [(text, told) for text, told in ((own, STANDS_IN), (paper.bare(), ALONE)) if text]
        return mend(folder, engine, lambda key: [(tex, told) for m, told in texts if (tex := paper.part(m, key))])

    compiled = fitted(manuscript, look.pages if look else 0, made)
    if compiled.pdf is None and engine and look and look.styled:
        look, unusable = plain(look, engine, compiled.error)
        compiled = fitted(manuscript, look.pages, made)
    return replace(compiled, findings=(*unusable, *compiled.findings), styled=bool(look and look.styled))


def render(
    manuscript: Manuscript,
    facts: Mapping[str, Fact],
    references: Sequence[Reference],
    folder: Path,
    seal: Seal | None = None,
    venue: Venue | None = None,
) -> Path:
    """Write paper.tex and references.bib into `folder`, where the figures already are; returns the path of paper.tex.

    seal: of a study's ledger, for the first page. Sets any manuscript, also one that `check` finds fault with: what is
    unknown appears as its own name.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures").mkdir(exist_ok=True)
    cited = ordered(references, keys_cited(manuscript))
    write_bib(cited, folder / "references.bib")
    if venue:
        venue.lay_out(folder)
        if venue.styled and venue.bst:
            (folder / "venue/cited.bib").write_text(entries(cited), encoding="utf-8")
    document = _Paper(manuscript, facts, cited, seal, venue).document()
    document.generate_tex(str(folder / "paper"))
    return folder / "paper.tex"


class _Paper:
    def __init__(
        self,
        manuscript: Manuscript,
        facts: Mapping[str, Fact],
        cited: Sequence[Reference],
        seal: Seal | None = None,
        venue: Venue | None = None,
    ) -> None:
        self.venue = venue
        self.manuscript = manuscript
        self.seal = seal
        self.facts = facts
        self.cited = cited
        places = {r.key: i for i, r in enumerate(cited)}
        self.set = Setter(manuscript, facts, places, named=not (venue and venue.anonymous))
        self.figures = {f.key: f for f in manuscript.figures if f.drawn}
        self.tables = {t.key: t for t in manuscript.tables}
        self.listings = {c.key: c for c in manuscript.listings}

    def document(self) -> pylatex.Document:
        look = replace(venue, bst=venue.bst if self.cited else "") if (venue := self.venue) and venue.styled else None
        document = empty(self.about(), look)
        for part in self.front(self.manuscript):
            document.append(part)
        for section in self.manuscript.sections:
            document.append(self.section(section))
        document.append(NoEscape(BODY_ENDS))
        if self.cited:
            document.append(bibliography(self.cited, bst=bool(look and look.bst)))
        if look:
            document.append(NoEscape(r"\wideappendix"))
        document.append(Command("appendix"))
        for section in self.manuscript.appendix:
            document.append(self.section(section))
        if used := sorted({id for id in facts_used(self.manuscript) if id in self.facts}, key=_natural):
            document.append(self.evidence([self.facts[id] for id in used]))
        return document

    def part(self, m: Manuscript, key: str) -> str:
        """The LaTeX of another manuscript's section, or front, in this paper; empty where it has none of that key."""
        if key == FRONT:
            return "".join(f"{part if isinstance(part, str) else part.dumps()}%\n" for part in self.front(m))
        section = next((s for s in (*m.sections, *m.appendix) if s.key == key), None)
        return f"{self.section(section).dumps()}%\n" if section else ""

    def bare(self) -> Manuscript:
        """The words and numbers of all sections without what could go wrong: formulas, code, figures and tables.

        A model's readings are left out, since their words would stand there as the paper's own.
        """
        m = self.manuscript

        def words(source: str) -> str:
            lines = (
                line for part in blocks(source) if not isinstance(part, Float | Reading) for line in lines_of(part)
            )
            return "\n\n".join(literal(self.set.plain(line)) for line in lines)

        def plain(sections: Sequence[Section]) -> tuple[Section, ...]:
            return tuple(Section(s.key, words(s.heading), words(s.body)) for s in sections)

        return Manuscript(
            title=words(m.title),
            authors_note=words(m.authors_note),
            abstract=words(m.abstract),
            sections=plain(m.sections),
            appendix=plain(m.appendix),
        )

    def about(self) -> dict[str, str]:
        """What the PDF says of itself, in the words of the manuscript."""
        m = self.manuscript
        return {
            "pdftitle": self.set.plain(inline(m.title)),
            "pdfauthor": self.author,
            "pdfsubject": self.set.plain(inline(m.authors_note)),
            "pdfcreator": self.author,
            "pdfkeywords": ", ".join(self.set.plain(inline(k)) for k in m.keywords),
        }

    @property
    def author(self) -> str:
        return "Anonymous" if self.venue and self.venue.anonymous else AUTHOR

    def front(self, m: Manuscript) -> list[NoEscape]:
        keywords = ", ".join(self.set.inline(k) for k in m.keywords)
        return [
            NoEscape(self.title(m)),
            *([NoEscape(self.seal.tex)] if self.seal else []),
            NoEscape(r"\begin{abstract}"),
            *self.body(m.abstract),
            *([NoEscape(rf"\keywords{{{keywords}}}")] if keywords else []),
            NoEscape(r"\end{abstract}"),
        ]

    def title(self, m: Manuscript) -> str:
        title, note = self.set.inline(m.title), self.set.inline(m.authors_note)
        if self.venue is None or not self.venue.styled:
            return rf"\papertitle{{{title}}}{{{self.author}}}{{{note}}}"
        return rf"\title{{{title}}}\author{{{self.author}}}\date{{}}\maketitle{{\centering\small\itshape {note}\par}}"

    def section(self, section: Section) -> pylatex.Section:
        heading = self.set.inline(section.heading)
        plain = ascii_only("".join(s.text for s in inline(section.heading) if isinstance(s, Text)))
        title = heading if heading == plain else NoEscape(rf"\texorpdfstring{{{heading}}}{{{plain}}}")
        part = _section(title, section.key)
        part.extend(self.body(section.body))
        return part

    def body(self, source: str) -> list[object]:
        parts: list[object] = []
        for block in blocks(source):
            match block:
                case Bullets(items):
                    bullets = Itemize()
                    for item in items:
                        bullets.add_item(self.set.spans(item))
                    parts.append(bullets)
                case Reading(spans):
                    by = self.set.inline(self.manuscript.reader) or "a language model"
                    parts.append(NoEscape(f"\\begin{{reading}}{{{by}}}\n{self.set.spans(spans)}\n\\end{{reading}}\n"))
                case Float(key):
                    if key in self.figures:
                        parts.append(self.figure(self.figures[key]))
                    elif key in self.tables:
                        parts.append(self.table(self.tables[key]))
                    elif key in self.listings:
                        parts.append(self.listing(self.listings[key]))
                case _:
                    parts.append(NoEscape(self.set.spans(block.spans) + "\n\n"))
        return parts

    def figure(self, figure: Figure) -> pylatex.Figure:
        part = pylatex.Figure(position="htbp")
        part.append(
            NoEscape(rf"\centering\drawing{{{figure.file}}}{{{utf16(self.set.plain(inline(figure.caption)))}}}")
        )
        part.add_caption(self.set.inline(figure.caption))
        part.append(NoEscape(rf"\label{{{figure.key}}}"))
        return part

    def listing(self, listing: Listing) -> NoEscape:
        lines = [rf"\codeline{{{c.number or ''}}}{{{escape(c.sign)}}}{{{code(c.text)}}}" for c in listing.lines()]
        head = rf"\listingcaption{{{self.set.inline(listing.caption)}}}{{{listing.key}}}"
        body = "\n".join([r"{\footnotesize\ttfamily\raggedright", *lines, r"\par}\addvspace{10pt}"])
        return NoEscape(f"{head}\n{body}\n")

    def table(self, table: Table) -> object:
        columns = [self.set.inline(c) for c in table.columns]
        letters = [max(map(self.letters, cells)) for cells in zip(table.columns, *table.rows, strict=True)]
        align = table.align or "l" + "r" * (len(columns) - 1)
        rows = self.rows(table.rows, align)
        caption, label = self.set.inline(table.caption), NoEscape(rf"\label{{{table.key}}}")
        if len(rows) > _LONG:
            grid = long(columns, rows, align, shares(align, letters))
            return NoEscape(
                rf"\needroom{{12\baselineskip}}{{\captionabove\tablecaption{{{caption}}}{label}\par}}\nopagebreak"
                f"\n{{\\footnotesize\n{grid.dumps()}\n}}\n"
            )
        part = pylatex.Table(position="htbp")
        part.append(NoEscape(r"\centering\small\captionabove"))
        part.add_caption(caption)
        part.append(label)
        least = [self.least(*cells) for cells in zip(table.columns, *table.rows, strict=True)]
        part.append(short(columns, rows, align, letters, least))
        return part

    def rows(self, rows: Sequence[Sequence[str]], align: str) -> list[tuple[NoEscape, ...]]:
        """The cells, the numbers of right-aligned columns by their decimal points."""
        set = (partial(column, setter=self.set) if a == "r" else partial(map, self.set.inline) for a in align)
        return list(zip(*(each(cells) for each, cells in zip(set, zip(*rows, strict=True), strict=True)), strict=True))

    def letters(self, cell: str) -> int:
        """About how many letters a cell prints."""
        return len(self.printed(cell))

    def least(self, head: str, *cells: str) -> int:
        """About how many letters a column of numbers needs that stand by their points, where its head may wrap."""
        halves = [self.printed(cell).partition(".")[::2] for cell in cells]
        numbers = sum(max(map(len, half), default=0) + 1 for half in zip(*halves, strict=True))
        return max(numbers, *map(self.letters, head.split()), 0)

    def printed(self, cell: str) -> str:
        """About what a cell prints."""
        cell = re.sub(r"\{fact:([^{}]+)\}", lambda m: self.facts[m[1]].text if m[1] in self.facts else m[1], cell)
        return re.sub(r"(?<=\d)e(?=[+-]?\d)", " × 10", re.sub(r"[`*$\\]|\{\w+:|\}", "", cell))

    def evidence(self, facts: Sequence[Fact]) -> pylatex.Section:
        """A row for each fact: where each number of the paper leads."""
        part = _section("Evidence", EVIDENCE)
        part.append(
            NoEscape(
                "Every number that text, tables and figures take from the study is a row of this table, to which those"
                " of text and tables are linked. A row names the value as it is printed, how it was computed, and the"
                " runs in the study's ledger that it was computed from, or, of what was set and not measured, where"
                " that is written down; where the runs are many apart, evidence.json beside the paper lists them.\n\n"
            )
        )
        rows = [
            [
                NoEscape(rf"\factrow{{{anchor(f.id)}}}\ttfamily {escape_code(f.id)}"),
                NoEscape(number(f.text) + (f" {escape(f.unit)}" if f.unit and f.unit not in f.text else "")),
                escape_code(meaning(f)),
                NoEscape(ranges(f.runs).replace(",", r",\allowbreak{}")) if f.runs else escape(record(f)),
            ]
            for f in facts
        ]
        grid = long(("Fact", "Value", "How it is computed", "Runs, or record"), rows, "lrll", (0.31, 0.12, 0.41, 0.16))
        part.append(NoEscape(f"{{\\footnotesize\n{grid.dumps()}\n}}\n"))
        return part


def _section(title: str, key: str) -> pylatex.Section:
    part = pylatex.Section(title, label=False)
    part.append(NoEscape(rf"\label{{{key}}}"))
    return part


def _natural(id: str) -> list[tuple[int, int, str]]:
    """trial.2 before trial.10."""
    return [(0, int(p), "") if p.isdecimal() else (1, 0, p) for p in re.split(r"(\d+)|\.", id) if p]


def ranges(numbers: Iterable[int]) -> str:
    """Whole numbers with the runs among them joined: 1, 3–5; of scattered ones how many lie between which."""
    parts = []
    ordered = sorted(set(numbers))
    for _, group in groupby(enumerate(ordered), key=lambda pair: pair[1] - pair[0]):
        run = [n for _, n in group]
        parts.append(f"{run[0]}–{run[-1]}" if len(run) > 2 else ", ".join(map(str, run)))
    return ", ".join(parts) if len(parts) <= _PARTS else f"{len(ordered)} of {ordered[0]}–{ordered[-1]}"
