"""The sources of literature by name. One from outside the package registers itself in the same way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from nightlab.experiments.template.template import Template
from nightlab.papers.literature.arxiv_search import Arxiv
from nightlab.papers.literature.literature import Reference, load_bib


class LiteratureSource(Protocol):
    """Where references come from. whence: as the end of "2 references ...", for example "from arXiv"."""

    @property
    def whence(self) -> str: ...

    def find(self, template: Template) -> Sequence[Reference]:
        """References for a study of the template, best first, each of a record that exists, with its `source`; none is
        no fault.

        Raises Unreachable where the source cannot be asked now, and LiteratureError for what only a person can mend.
        """
        ...


class Bibliography:
    """The references that a template brings in its references.bib."""

    whence = "of the template"

    def find(self, template: Template) -> Sequence[Reference]:
        file = template.folder / "references.bib"
        return load_bib(file) if file.is_file() else ()


_SOURCES: dict[str, LiteratureSource] = {}


def register(name: str, source: LiteratureSource) -> None:
    """Have every survey ask a source, after those before it. Raises ValueError for a name that is taken."""
    if name in _SOURCES:
        raise ValueError(f"there is a source of literature {name!r} already")
    _SOURCES[name] = source


def sources() -> Mapping[str, LiteratureSource]:
    """All sources by name, in the order in which a survey asks them."""
    return _SOURCES


def source(name: str) -> LiteratureSource:
    """The source called `name`. Raises ValueError where there is none."""
    if name not in _SOURCES:
        raise ValueError(f"no source of literature is called {name!r}; there are {', '.join(_SOURCES)}")
    return _SOURCES[name]


register("bibliography", Bibliography())
register("arxiv", Arxiv())
