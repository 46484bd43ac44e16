"""The survey: the template's own references, and arXiv's where there is a network."""

from __future__ import annotations

from nightlab.experiments.numbers import plural
from nightlab.experiments.template.template import Template
from nightlab.papers.literature.literature import LiteratureError, Reference, Survey, load_bib, search_arxiv

FOUND = 6  # papers asked of arXiv


def survey(template: Template) -> Survey:
    """The references of a study.

    Raises LiteratureError for a references.bib that cannot be used; an arXiv that cannot be reached is only told.
    """
    file = template.folder / "references.bib"
    own = list(load_bib(file)) if file.is_file() else []
    topics = " ".join(s.replace("_", " ") for s in template.strategies[:2])
    try:
        found = search_arxiv(f"{template.spec.template.title} {topics}", FOUND)
    except LiteratureError as error:
        return Survey(references=tuple(own), note=f"{_told(own)}; {error}")
    new = _new(found, own)
    return Survey(references=(*own, *new), note=f"{_told(own)} and {len(new)} from arXiv")


def _told(own: list[Reference]) -> str:
    """How many references the template brings, and which of them nothing identifies."""
    bare = [r.key for r in own if not r.identified]
    without = f" (unverified, without a DOI or an arXiv id: {', '.join(bare)})" if bare else ""
    return f"{plural(len(own), 'reference')} of the template{without}"


def _new(found: list[Reference], own: list[Reference]) -> list[Reference]:
    """What is not known yet, under keys that are not taken."""
    ids, keys = {r.arxiv for r in own if r.arxiv}, {r.key for r in own}
    titles = {r.title.casefold() for r in own}
    return [r for r in found if r.arxiv not in ids and r.key not in keys and r.title.casefold() not in titles]
