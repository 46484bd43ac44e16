"""The survey: what each source of literature finds, and a word about those that could not be asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from nightlab.experiments.numbers import plural
from nightlab.experiments.template.template import Template
from nightlab.papers.literature.literature import Reference, Survey, Unreachable
from nightlab.papers.literature.sources import source, sources

LACKED = {"author": "an", "year": "a"}


def survey(template: Template, names: Iterable[str] | None = None) -> Survey:
    """The references of a study.

    names: of the sources to ask, by default all. Raises LiteratureError for a bibliography that cannot be used; a
    source that cannot be reached is only told.
    """
    known, told, unreached = list[Reference](), list[str](), list[str]()
    for asked in map(source, sources() if names is None else names):
        try:
            new = _new(asked.find(template), known)
        except Unreachable as error:
            unreached.append(str(error))
            continue
        count = str(len(new)) if told else plural(len(new), "reference")
        told.append(f"{count} {asked.whence}{_bare(new)}")
        known += new
    note = "; ".join([" and ".join(told) or "no source of literature was asked", *unreached])
    return Survey(references=tuple(known), note=note)


def _bare(found: Sequence[Reference]) -> str:
    """What some references are printed without."""
    bare = {"unverified, without a DOI or an arXiv id": [r.key for r in found if not r.identified]}
    bare |= {f"without {article} {what}": [r.key for r in found if what in r.lacks] for what, article in LACKED.items()}
    without = "; ".join(f"{what}: {', '.join(keys)}" for what, keys in bare.items() if keys)
    return f" ({without})" if without else ""


def _new(found: Sequence[Reference], known: Sequence[Reference]) -> list[Reference]:
    """What is not known yet, under keys that are not taken."""
    ids = {id for r in known for id in (r.arxiv, r.doi.casefold()) if id}
    keys, titles = {r.key for r in known}, {r.title.casefold() for r in known}
    return [
        r
        for r in found
        if not {r.arxiv, r.doi.casefold()} & ids and r.key not in keys and r.title.casefold() not in titles
    ]
