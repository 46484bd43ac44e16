"""The bibliography as LaTeX: one look on every engine, without BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from pylatex import Command, NoEscape
from pylatex.base_classes import Environment

from nightlab.papers.latex.escape import escape, escape_code
from nightlab.papers.literature import names
from nightlab.papers.literature.literature import Reference

UNVERIFIED = "Unverified: it has neither a DOI nor an arXiv id"

_MANY = 8  # more authors than this are named by the first ones


class TheBibliography(Environment):  # type: ignore[misc]
    """LaTeX's own environment of that name."""

    _latex_name = "thebibliography"
    escape = False


def ordered(references: Iterable[Reference], cited: Iterable[str]) -> list[Reference]:
    """The cited references as they are numbered: by first author, or title where nobody is named, year and title."""
    keys = set(cited)
    return sorted((r for r in references if r.key in keys), key=_order)


def _order(reference: Reference) -> tuple[str, int, str]:
    family = names.parts(reference.authors[0])[1] if reference.authors else reference.title
    return (family.casefold(), reference.year, reference.title)


class OwnBibliography(TheBibliography):
    """The same, where BibTeX has made none in the style of a venue."""

    def dumps(self) -> str:
        return rf"\ifvenuebst\bibliography{{cited}}\else{super().dumps()}" + "\n\\fi"


def bibliography(references: Sequence[Reference], *, bst: bool = False) -> TheBibliography:
    """The environment with its items, in the order given. bst: that of BibTeX goes before it."""
    make = OwnBibliography if bst else TheBibliography
    items = make(arguments=NoEscape("9" * max(1, len(str(len(references))))))
    for i, reference in enumerate(references):
        items.append(Command("bibitem", NoEscape(item(i))))
        items.append(NoEscape(entry(reference)))
    return items


def entries(references: Sequence[Reference]) -> str:
    """The same for BibTeX, by the names that LaTeX calls them by; one that nothing identifies says so."""
    return "\n".join(_entry(item(i), reference) for i, reference in enumerate(references))


def _entry(key: str, r: Reference) -> str:
    people = [_person(n) for n in r.authors if n != names.OTHERS]
    others = ["others"] if names.OTHERS in r.authors else []
    note = _link(r).strip().removesuffix(".") or ("" if r.identified else UNVERIFIED)
    fields = {
        "author": " and ".join([*people, *others]),
        "title": f"{{{escape(r.title.rstrip('.'))}}}",
        "journal": escape(r.venue) if r.venue else "",
        "year": str(r.year or ""),
        "note": note,
    }
    told = "".join(f"  {name} = {{{value}}},\n" for name, value in fields.items() if value)
    return f"@{'article' if r.venue else 'misc'}{{{key},\n{told}}}\n"


def _person(name: str) -> str:
    given, family = names.parts(name)
    return ", ".join(filter(None, (f"{{{escape(family)}}}", " ".join(map(escape, given)))))


def item(place: int) -> str:
    """What LaTeX calls the reference in that place, whatever its key looks like."""
    return f"reference.{place}"


def entry(r: Reference) -> str:
    """What it has of authors, title, venue, year and a link, as LaTeX; one that nothing identifies says so."""
    people = f"{_authors(r.authors).removesuffix('.')}. " if r.authors else ""
    title = escape(r.title.rstrip("."))
    stop = "" if title.endswith(("?", "!")) else "."
    place = ", ".join(filter(None, (rf"\emph{{{escape(r.venue)}}}" if r.venue else "", str(r.year or ""))))
    told = "" if r.identified else f" {UNVERIFIED}."
    return f"{people}{title}{stop}{f' {place}.' if place else ''}{_link(r)}{told}"


def _authors(lines: Sequence[str]) -> str:
    shown = [_author(n) for n in lines if n != names.OTHERS]
    if len(shown) > _MANY or len(shown) < len(lines):
        return ", ".join(shown[:_MANY]) + ", et~al"
    if len(shown) < 3:
        return " and ".join(shown)
    return f"{', '.join(shown[:-1])}, and {shown[-1]}"


def _author(name: str) -> str:
    return "~".join(escape(part) for part in names.initials(name))


def _link(r: Reference) -> str:
    address = re.sub(r"[%#]", r"\\\g<0>", re.sub(r"[{}\\\s]", "", r.link))
    shown = f"doi:{r.doi}" if r.doi else f"arXiv:{r.arxiv}" if r.arxiv else r.link
    return rf" \href{{{address}}}{{{escape_code(shown)}}}." if shown else ""
