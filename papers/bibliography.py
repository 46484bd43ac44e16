"""The bibliography as LaTeX: one look on every engine, without BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pybtex.database import Person
from pylatex import Command, NoEscape
from pylatex.base_classes import Environment

from nightlab.papers.escape import escape, escape_code
from nightlab.papers.literature import Reference

_MANY = 8  # more authors than this are named by the first ones


class TheBibliography(Environment):  # type: ignore[misc]
    """LaTeX's own environment of that name."""

    _latex_name = "thebibliography"
    escape = False


def ordered(references: Iterable[Reference], cited: Iterable[str]) -> list[Reference]:
    """The cited references as they are numbered: by first author, year and title."""
    keys = set(cited)
    return sorted((r for r in references if r.key in keys), key=_order)


def _order(reference: Reference) -> tuple[str, int, str]:
    return (_last(reference.authors[0]).casefold() if reference.authors else "", reference.year, reference.title)


def _last(name: str) -> str:
    person = Person(_safe(name))
    return " ".join(person.prelast_names + person.last_names)


def bibliography(references: Sequence[Reference]) -> TheBibliography:
    """The environment with its items, in the order given."""
    items = TheBibliography(arguments=NoEscape("9" * max(1, len(str(len(references))))))
    for i, reference in enumerate(references):
        items.append(Command("bibitem", NoEscape(item(i))))
        items.append(NoEscape(entry(reference)))
    return items


def item(place: int) -> str:
    """What LaTeX calls the reference in that place, whatever its key looks like."""
    return f"reference.{place}"


def entry(r: Reference) -> str:
    """Authors, title, venue, year and a link, as LaTeX."""
    venue = rf"\emph{{{escape(r.venue)}}}, " if r.venue else ""
    title = escape(r.title.rstrip("."))
    stop = "" if title.endswith(("?", "!")) else "."
    return f"{_authors(r.authors)}. {title}{stop} {venue}{r.year}.{_link(r)}"


def _authors(names: Sequence[str]) -> str:
    shown = [_initials(n) for n in (names[:_MANY] if len(names) > _MANY else names)]
    if len(names) > _MANY:
        return ", ".join(shown) + ", et~al"
    if len(shown) < 3:
        return " and ".join(shown)
    return f"{', '.join(shown[:-1])}, and {shown[-1]}"


def _initials(name: str) -> str:
    person = Person(_safe(name))
    given = ["-".join(f"{part[0]}." for part in n.split("-") if part) for n in person.first_names + person.middle_names]
    family = " ".join((*person.prelast_names, *person.last_names, *person.lineage_names))
    return "~".join(escape(part) for part in (*given, family))


def _safe(name: str) -> str:
    """Without what pybtex would read as syntax."""
    return re.sub(r"[{}\\,]", " ", name).strip() or "Anonymous"


def _link(r: Reference) -> str:
    address = r.link.replace("%", r"\%").replace("#", r"\#")
    shown = f"doi:{r.doi}" if r.doi else f"arXiv:{r.arxiv}" if r.arxiv else ""
    return rf" \href{{{address}}}{{{escape_code(shown)}}}." if shown else ""
