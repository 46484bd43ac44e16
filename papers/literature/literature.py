"""References: records of real sources, out of a bibliography or from arXiv."""

from __future__ import annotations

import logging
import os
import re
import threading
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from string import ascii_lowercase
from typing import Any
from urllib.parse import quote

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger.documents import document
from nightlab.experiments.reading import form_of
from nightlab.papers.literature import identifiers, names
from nightlab.papers.literature.network import REQUESTS, faults, loopback
from nightlab.papers.literature.untex import address, clean, plain

ARXIV = "https://export.arxiv.org/api/query"

_KEY = re.compile(r"[^\s{},]+")
_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)")
_BODIES = ("organization", "institution", "collaboration")  # who answers for a work of no author
_VENUES = ("journal", "journaltitle", "booktitle", "publisher", "school", "institution", "organization", "howpublished")


class LiteratureError(NightlabError):
    """A bibliography that cannot be used, or a source that cannot be reached."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A source; `source` says where the record comes from."""

    key: str
    title: str
    authors: tuple[str, ...]  # lines of `names`
    year: int
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

    Raises LiteratureError with the file, and the key and what is wrong of each entry: it needs a title, authors or
    editors, and a year. One without a DOI and an arXiv id is read, and is not `identified`.
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
    if missing := [n for n, v in (("title", title), ("author", authors or bodies)) if not v]:
        raise refuse(f"has no {missing[0]}")
    dates = [fields[n] for n in ("date", "year", "eventdate") if fields.get(n)]
    year = next((found[0] for text in dates if (found := _YEAR.search(text))), "")
    if not year:
        raise refuse(f"needs the year in four digits, not {dates[0] if dates else ''!r}")
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
        fields = {"title": f"{{{_braceless(r.title)}}}", "year": str(r.year)}
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
        people = [names.person(_braceless(a)) for a in r.authors]
        entries[r.key] = Entry("article" if r.venue else "misc", fields=fields, persons={"author": people})
    file.write_text(BibliographyData(entries=entries).to_string("bibtex"), encoding="utf-8")


def _braceless(text: str) -> str:
    return re.sub(r"[{}\\]", "", text).replace('"', "''")


def search_arxiv(
    query: str, max_results: int = 10, *, base_url: str | None = None, timeout: float = 5.0
) -> list[Reference]:
    """References that arXiv finds for `query`, best first.

    base_url: another address of the API; by default the environment's NIGHTLAB_ARXIV_URL, else arXiv's own.
    Raises LiteratureError within `timeout` seconds where arXiv cannot be reached or does not answer.
    """
    url = base_url or os.environ.get("NIGHTLAB_ARXIV_URL") or ARXIV
    outcome: list[list[Reference] | Exception] = []

    def ask() -> None:
        try:
            outcome.append(_ask(url, query, max_results))
        except Exception as error:  # noqa: BLE001  (told below, whatever it is: it must not end a survey)
            outcome.append(error)

    # The package sets no time-out on its requests, so they run in a thread that nobody has to wait for.
    thread = threading.Thread(target=ask, name="arxiv", daemon=True)
    thread.start()
    thread.join(timeout)
    if not outcome:
        raise LiteratureError(f"arXiv ({url}) did not answer within {timeout:g} s")
    if isinstance(result := outcome[0], Exception):
        raise LiteratureError(f"arXiv ({url}) cannot be searched: {faults(url, REQUESTS) or _reason(result)}")
    return result


def _ask(url: str, query: str, max_results: int) -> list[Reference]:
    import arxiv

    logging.getLogger("arxiv").setLevel(logging.ERROR)  # what is wrong is told by the exception
    client = arxiv.Client(page_size=max_results, delay_seconds=3.0, num_retries=1)
    client.query_url_format = url + "?{}"
    client._session.trust_env = not loopback(url)  # the package has no other way to ask no proxy
    results = client.results(arxiv.Search(query=query, max_results=max_results))
    found: dict[str, Reference] = {}
    for reference in filter(None, map(_from_arxiv, results)):
        key = next(k for k in (f"{reference.key}{end}" for end in ("", *ascii_lowercase)) if k not in found)
        found[key] = replace(reference, key=key)
    return list(found.values())


def _from_arxiv(result: Any) -> Reference | None:
    found = identifiers.ARXIV.search(result.entry_id.partition("/abs/")[2])
    authors = tuple(name for a in result.authors if (name := clean(a.name)))
    title = clean(result.title.replace("$", ""))  # arXiv's titles may hold TeX's mathematics
    if not found or not authors or not title:
        return None
    doi = clean(result.doi or "")
    last = re.sub(r"[^a-z]", "", _ascii(authors[0].split()[-1]).lower()) or "anon"
    word = next((w for w in re.findall(r"[a-z]+", _ascii(title).lower()) if len(w) > 3), "paper")
    return Reference(
        key=f"{last}{result.published.year}{word}",
        title=title,
        authors=authors,
        year=result.published.year,
        venue=clean(result.journal_ref or ""),
        doi=doi if identifiers.DOI.fullmatch(doi) else "",
        arxiv=found[1],
        url=f"https://arxiv.org/abs/{found[1]}",
        abstract=clean(result.summary),
        source="arXiv",
    )


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _reason(error: Exception) -> str:
    status = getattr(error, "status", None)
    return f"HTTP {status}" if status else f"no connection ({type(error).__name__})"
