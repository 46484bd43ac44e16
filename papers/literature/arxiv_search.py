"""arXiv as a source of literature."""

from __future__ import annotations

import logging
import os
import re
import threading
import unicodedata
from dataclasses import replace
from string import ascii_lowercase
from typing import Any

from nightlab.experiments.template.template import Template
from nightlab.papers.literature import identifiers
from nightlab.papers.literature.literature import Reference, Unreachable
from nightlab.papers.literature.network import REQUESTS, faults, loopback
from nightlab.papers.literature.untex import clean

ARXIV = "https://export.arxiv.org/api/query"
FOUND = 6  # papers asked of it


class Arxiv:
    """What arXiv finds on a template's title and its first strategies."""

    whence = "from arXiv"

    def find(self, template: Template) -> list[Reference]:
        topics = " ".join(s.replace("_", " ") for s in template.strategies[:2])
        return search_arxiv(f"{template.spec.template.title} {topics}", FOUND)


def search_arxiv(
    query: str, max_results: int = 10, *, base_url: str | None = None, timeout: float = 5.0
) -> list[Reference]:
    """References that arXiv finds for `query`, best first.

    base_url: another address of the API; by default the environment's NIGHTLAB_ARXIV_URL, else arXiv's own.
    Raises Unreachable within `timeout` seconds where arXiv cannot be reached or does not answer.
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
        raise Unreachable(f"arXiv ({url}) did not answer within {timeout:g} s")
    if isinstance(result := outcome[0], Exception):
        raise Unreachable(f"arXiv ({url}) cannot be searched: {faults(url, REQUESTS) or _reason(result)}")
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
