"""References: records of real sources, and the bibliographies that hold them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger.kinds import document
from nightlab.experiments.reading import form_of
from nightlab.papers.literature import identifiers, names
from nightlab.papers.literature.untex import address, plain

_KEY = re.compile(r"[^\s{},]+")
_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)")
_BODIES = ("organization", "institution", "collaboration")  # who answers for a work of no author
_VENUES = ("journal", "journaltitle", "booktitle", "publisher", "school", "institution", "organization", "howpublished")


class LiteratureError(NightlabError):
    """A bibliography that cannot be used, or a source that cannot be reached."""

    exit_code = 2


class Unreachable(LiteratureError):
    """A source that cannot be reached or gives no answer now; a survey goes on without it."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A source; `source` says where the record comes from."""

    key: str
    title: str
    authors: tuple[str, ...]  # lines of `names`; none where nobody is named
    year: int  # 0 where none is given
    venue: str = ""
    doi: str = ""
    arxiv: str = ""
    url: str = ""
    abstract: str = ""
    source: str = ""
    keywords: tuple[str, ...] = ()  # the topics or strategies that it is about

    @property
    def identified(self) -> bool:
        """Whether a DOI or an arXiv id says which work it is; without one nobody has looked it up."""
        return bool(self.doi or self.arxiv)

    @property
    def lacks(self) -> tuple[str, ...]:
        """What a list of references prints it without."""
        return tuple(what for what, given in (("author", self.authors), ("year", self.year)) if not given)

    @property
    def link(self) -> str:
        """Where a reader finds it."""
        if self.doi:
            return f"https://doi.org/{quote(self.doi, safe='/:;().,_-')}"
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else self.url


@document("survey", "references")
@dataclass(frozen=True, kw_only=True)
class Survey:
    """The literature that a study was given, and a sentence on where it comes from."""

    note: str
    references: tuple[Reference, ...]


def load_bib(file: Path) -> tuple[Reference, ...]:
    """Read a BibTeX file, of BibTeX's own or of biblatex's fields.

    Raises LiteratureError with the file, and the key and what is wrong of each entry: it needs a title. What it lacks
    beside that, `lacks` tells; one without a DOI and an arXiv id is not `identified`.
    """
    references, faults = [], []
    entries = _entries(file)
    for key, entry in entries.items():
        try:
            references.append(_reference(file, key, entry, entries.get(entry.fields.get("crossref", ""))))
        except LiteratureError as fault:
            faults.append(str(fault))
    if faults:
        raise LiteratureError("\n".join(faults))
    return tuple(references)


def _entries(file: Path) -> Mapping[str, Any]:
    from pybtex.database.input.bibtex import DuplicateField, Parser, UndefinedMacro
    from pybtex.exceptions import PybtexError
    from pybtex.scanner import PybtexSyntaxError
    from pybtex.utils import CaseInsensitiveDict

    class Macros(CaseInsensitiveDict):  # type: ignore[misc]
        def __getitem__(self, name: str) -> str:
            return (
                str(super().__getitem__(name)) if name in self else name
            )  # of a journal's abbreviation that nobody has declared, itself

    class Reader(Parser):  # type: ignore[misc]
        def handle_error(self, error: PybtexError) -> None:
            stray = isinstance(error, PybtexSyntaxError) and text[: error.parser.command_start][-1:].isalnum()
            if not (stray or isinstance(error, DuplicateField | UndefinedMacro)):  # stray: an address with an @
                raise error

    try:
        text = re.sub(r"(?im)^\s*@comment\b(?!\s*[{(]).*$", "", _decoded(file.read_bytes()))
        reader = Reader()
        reader.macros = Macros(reader.macros)
        reader.filename = str(file)
        entries: Mapping[str, Any] = reader.parse_string(text).entries
    except (PybtexError, OSError) as error:
        raise LiteratureError(f"{file}: {error}") from None
    return entries


def _decoded(content: bytes) -> str:
    """Text in UTF-8, in the encoding whose mark it has, or else in the one that every byte has a sign in."""
    try:
        return form_of(content).text(content)
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _reference(file: Path, key: str, entry: Any, volume: Any = None) -> Reference:
    """volume: the entry of the collection that this one is a part of."""
    raw = {name.lower(): address(value) for name, value in entry.fields.items()}
    fields = _fields(entry, volume.fields if volume else {})
    people = entry.persons.get("author") or entry.persons.get("editor") or ()
    authors = [name for person in people if (name := names.line(person))]
    bodies = [held for name in _BODIES if (held := names.held(fields.get(name, "")))]

    def refuse(what: str) -> LiteratureError:
        return LiteratureError(f"{file}: {key}: {what}")

    if not _KEY.fullmatch(key):
        raise refuse("the key may not hold braces")
    if wrong := next((p for p in people if not names.single(p)), None):
        raise refuse(f"joins authors by something else than `and`, or lacks the braces about a body's name: {wrong}")
    title = ": ".join(t for t in (fields.get("title"), fields.get("subtitle")) if t)
    if not title:
        raise refuse("has no title")
    dates = [fields[n] for n in ("date", "year", "eventdate") if fields.get(n)]
    year = next((found[0] for text in dates if (found := _YEAR.search(text))), 0)
    doi, arxiv = identifiers.doi(raw), identifiers.arxiv(raw)
    if doi and not identifiers.DOI.fullmatch(doi):
        raise refuse(f"{doi!r} is no DOI: one looks like 10.1000/xyz123")
    if arxiv and not identifiers.ARXIV.fullmatch(arxiv):
        raise refuse(f"{arxiv!r} is no arXiv id: one looks like 1412.6980 or cs/0112017")
    return Reference(
        key=key,
        title=title,
        authors=tuple(authors or bodies[:1]),
        year=int(year),
        venue=next((fields[n] for n in _VENUES if fields.get(n)), ""),
        doi=doi,
        arxiv=arxiv,
        url=raw.get("url", ""),
        abstract=fields.get("abstract", ""),
        source=file.name,
        keywords=tuple(k for k in re.split(r"[,;]\s*", fields.get("keywords", "")) if k),
    )


def _fields(entry: Any, whole: Mapping[str, str]) -> dict[str, str]:
    """An entry's fields as text, with those that it has from the whole that it is a part of."""
    inherited = {"booktitle": whole.get("title"), **{n: whole[n] for n in ("date", "year") if n in whole}}
    own = {name.lower(): value for name, value in entry.fields.items()}
    return {name: plain(value) for name, value in {**inherited, **own}.items() if value}


def write_bib(references: Iterable[Reference], file: Path) -> None:
    """Write a BibTeX file that `load_bib` reads back and any BibTeX style can use."""
    from pybtex.database import BibliographyData, Entry

    entries = {}
    for r in references:
        fields = {"title": f"{{{_braceless(r.title)}}}"}
        if r.year:
            fields["year"] = str(r.year)
        if r.venue:
            fields["journal"] = _braceless(r.venue)
        if r.doi:
            fields["doi"] = _braceless(r.doi)
        if r.arxiv:
            fields |= {"eprint": r.arxiv, "archiveprefix": "arXiv"}
        if r.keywords:
            fields["keywords"] = _braceless(", ".join(r.keywords))
        if r.url:
            fields["url"] = _braceless(r.url)
        people = {"author": [names.person(_braceless(a)) for a in r.authors]} if r.authors else {}
        entries[r.key] = Entry("article" if r.venue else "misc", fields=fields, persons=people)
    file.write_text(BibliographyData(entries=entries).to_string("bibtex"), encoding="utf-8")


def _braceless(text: str) -> str:
    return re.sub(r"[{}\\]", "", text).replace('"', "''")
