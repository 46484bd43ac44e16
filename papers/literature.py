"""References: records of real sources, out of a bibliography or from arXiv."""

from __future__ import annotations

import codecs
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

ARXIV = "https://export.arxiv.org/api/query"

_DOI = re.compile(r"10\.\d{4,9}/[^\s{}\\]+")
_ARXIV = re.compile(r"(\d{2}(?:0[1-9]|1[0-2])\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d+)?")
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_:./+-]*")


class LiteratureError(NightlabError):
    """A bibliography that cannot be used, or a source that cannot be reached."""

    exit_code = 2


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A source. It has a DOI, an arXiv id or both; `source` says where the record comes from."""

    key: str
    title: str
    authors: tuple[str, ...]  # "First Last"
    year: int
    venue: str = ""
    doi: str = ""
    arxiv: str = ""
    url: str = ""
    abstract: str = ""
    source: str = ""
    keywords: tuple[str, ...] = ()  # the topics or strategies that it is about

    @property
    def link(self) -> str:
        """Where a reader finds it."""
        if self.doi:
            return f"https://doi.org/{quote(self.doi, safe='/:;().,_-')}"
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else self.url


def load_bib(file: Path) -> tuple[Reference, ...]:
    """Read a BibTeX file.

    Raises LiteratureError with the file, and the key and what is wrong of each entry: it needs a title, authors, a
    year, and a DOI or an arXiv id.
    """
    from pybtex.database import parse_file
    from pybtex.exceptions import PybtexError

    try:
        entries = parse_file(str(file), bib_format="bibtex", encoding="utf-8").entries
    except (PybtexError, OSError, UnicodeDecodeError) as error:
        raise LiteratureError(f"{file}: {error}") from None
    references, faults = [], []
    for key, entry in entries.items():
        try:
            references.append(_reference(file, key, entry))
        except LiteratureError as fault:
            faults.append(str(fault))
    if faults:
        raise LiteratureError("\n".join(faults))
    return tuple(references)


def _reference(file: Path, key: str, entry: Any) -> Reference:
    fields = {name.lower(): _plain(value) for name, value in entry.fields.items()}
    people = entry.persons.get("author") or entry.persons.get("editor") or ()
    authors = tuple(_plain(str(person)) for person in people)

    def refuse(what: str) -> LiteratureError:
        return LiteratureError(f"{file}: {key}: {what}")

    if not _KEY.fullmatch(key):
        raise refuse("the key may hold letters, digits and _:./+- only")
    if missing := [n for n, v in (("title", fields.get("title")), ("author", authors)) if not v]:
        raise refuse(f"has no {missing[0]}")
    if not re.fullmatch(r"1[5-9]\d\d|20\d\d", year := fields.get("year", "")):
        raise refuse(f"needs the year in four digits, not {year!r}")
    doi, arxiv = _identifiers(fields)
    if not doi and not arxiv:
        raise refuse("has neither a DOI nor an arXiv id (doi = {...} or eprint = {...})")
    if doi and not _DOI.fullmatch(doi):
        raise refuse(f"{doi!r} is no DOI: one looks like 10.1000/xyz123")
    if arxiv and not _ARXIV.fullmatch(arxiv):
        raise refuse(f"{arxiv!r} is no arXiv id: one looks like 1412.6980 or cs/0112017")
    return Reference(
        key=key,
        title=fields["title"],
        authors=tuple(_first_last(a) for a in authors),
        year=int(year),
        venue=next((fields[n] for n in ("journal", "booktitle", "publisher", "school") if fields.get(n)), ""),
        doi=doi,
        arxiv=arxiv,
        url=fields.get("url", ""),
        abstract=fields.get("abstract", ""),
        source=file.name,
        keywords=tuple(k for k in re.split(r"[,;]\s*", fields.get("keywords", "")) if k),
    )


def _identifiers(fields: Mapping[str, str]) -> tuple[str, str]:
    """DOI and arXiv id, without the addresses that they are often given in."""
    doi = re.sub(r"^(https?://(dx\.)?doi\.org/|doi:\s*)", "", fields.get("doi", ""), flags=re.IGNORECASE)
    eprint = fields.get("eprint", "") if fields.get("archiveprefix", "arXiv").lower() == "arxiv" else ""
    arxiv = eprint or fields.get("arxiv", "")
    if not arxiv and (found := re.search(r"arxiv\.org/(?:abs|pdf)/([^\s?#]+?)(?:\.pdf)?$", fields.get("url", ""))):
        arxiv = found[1]
    if not arxiv and (found := re.fullmatch(r"10\.48550/arxiv\.(.+)", doi, flags=re.IGNORECASE)):
        arxiv = found[1]
    return doi, re.sub(r"v\d+$", "", re.sub(r"^arxiv:", "", arxiv, flags=re.IGNORECASE))


def _plain(value: str) -> str:
    """LaTeX as text: accents composed, braces gone."""
    import latexcodec  # noqa: F401  (registers the codec)

    text = str(codecs.lookup("ulatex").decode(value)[0])  # type: ignore[arg-type]  # this codec reads text
    return _clean(re.sub(r"(?<!\\)[{}]", "", text))


def _clean(text: str) -> str:
    text = unicodedata.normalize("NFC", " ".join(text.split()))
    return "".join(c for c in text if unicodedata.category(c)[0] != "C")


def _first_last(name: str) -> str:
    last, _, first = name.partition(", ")
    return f"{first} {last}".strip()


def write_bib(references: Iterable[Reference], file: Path) -> None:
    """Write a BibTeX file that `load_bib` reads back and any BibTeX style can use."""
    from pybtex.database import BibliographyData, Entry, Person

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
        people = [Person(_braceless(a)) for a in r.authors]
        entries[r.key] = Entry("article" if r.venue else "misc", fields=fields, persons={"author": people})
    file.write_text(BibliographyData(entries=entries).to_string("bibtex"), encoding="utf-8")


def _braceless(text: str) -> str:
    return re.sub(r"[{}\\$]", "", text).replace('"', "''")


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
        raise LiteratureError(f"arXiv ({url}) cannot be searched: {_reason(result)}")
    return result


def _ask(url: str, query: str, max_results: int) -> list[Reference]:
    import arxiv

    logging.getLogger("arxiv").setLevel(logging.ERROR)  # what is wrong is told by the exception
    client = arxiv.Client(page_size=max_results, delay_seconds=3.0, num_retries=1)
    client.query_url_format = url + "?{}"
    results = client.results(arxiv.Search(query=query, max_results=max_results))
    found: dict[str, Reference] = {}
    for reference in filter(None, map(_from_arxiv, results)):
        key = next(k for k in (f"{reference.key}{end}" for end in ("", *ascii_lowercase)) if k not in found)
        found[key] = replace(reference, key=key)
    return list(found.values())


def _from_arxiv(result: Any) -> Reference | None:
    found = _ARXIV.search(result.entry_id.partition("/abs/")[2])
    authors = tuple(name for a in result.authors if (name := _clean(a.name)))
    title = _clean(result.title.replace("$", ""))  # arXiv's titles may hold TeX's mathematics
    if not found or not authors or not title:
        return None
    doi = _clean(result.doi or "")
    last = re.sub(r"[^a-z]", "", _ascii(authors[0].split()[-1]).lower()) or "anon"
    word = next((w for w in re.findall(r"[a-z]+", _ascii(title).lower()) if len(w) > 3), "paper")
    return Reference(
        key=f"{last}{result.published.year}{word}",
        title=title,
        authors=authors,
        year=result.published.year,
        venue=_clean(result.journal_ref or ""),
        doi=doi if _DOI.fullmatch(doi) else "",
        arxiv=found[1],
        url=f"https://arxiv.org/abs/{found[1]}",
        abstract=_clean(result.summary),
        source="arXiv",
    )


def _ascii(text: str) -> str:
    return unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()


def _reason(error: Exception) -> str:
    status = getattr(error, "status", None)
    return f"HTTP {status}" if status else f"no connection ({type(error).__name__})"
