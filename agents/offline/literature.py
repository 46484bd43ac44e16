"""What the section on related work says of the references that the survey found.

A work is cited with the words of its record, or by its title: nothing else is said of it, and no sentence rests on
several works at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from nightlab.agents.offline.ideation import likeness
from nightlab.agents.team import Brief
from nightlab.agents.telling.words import listed, words
from nightlab.papers.literature import names
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.markup import literal

GENERAL = {  # topics that every study has, under their headings
    "search": "search over configurations",
    "autoresearch": "automated research",
    "noise": "noise and selection",
    "data": "data and software",
}
SHOWN = 3  # works of a topic
MOST = 6  # works that no topic claims


def related(b: Brief) -> dict[str, Any]:
    """The context of the section."""
    strategies = b.evidence.template.strategies
    nearest = next((r for r in b.references if r.key == b.idea.nearest), None)
    topics = list(_topics(b, {s: s.replace("_", " ") for s in strategies} | GENERAL))
    filed = {*strategies, *GENERAL}
    further = [_titled(r) for r in b.references if not filed & set(r.keywords) and r is not nearest]
    return {
        "topics": topics,
        "nearest": nearest and _titled(nearest),
        "further": further[:MOST],
        "found": bool(b.references),
    }


def _topics(b: Brief, headings: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Of each topic the works that are most like the idea: in the words of their records, or else by title."""
    near = likeness(f"{b.idea.question} {b.idea.hypothesis}", b.references) if b.references else []
    order = [b.references[i] for i in sorted(range(len(near)), key=lambda i: -near[i])]
    told = set[str]()
    for topic, heading in headings.items():
        found = [r for r in order if topic in r.keywords and r.key not in told]
        saying = [r for r in found if r.authors and _predicate(r)][:SHOWN]
        bare = [] if saying else found[:SHOWN]
        told.update(r.key for r in (*saying, *bare))
        works = [{"key": r.key, "authors": _authors(r), "says": _predicate(r)} for r in saying]
        if works or bare:
            yield {"topic": topic, "name": heading, "works": works, "titles": [_titled(r) for r in bare]}


def _titled(reference: Reference) -> str:
    return f"*{literal(reference.title)}* {{cite:{reference.key}}}"


def _predicate(reference: Reference) -> str:
    """The first sentence of an abstract that is a predicate ("Shows that ..."), to follow its authors' names."""
    first = reference.abstract.split(". ")[0].rstrip(".")
    verb = first.split(" ")[0]
    return f"{verb[0].lower()}{literal(first[1:])}" if re.fullmatch(r"[A-Z][a-z]+s", verb) and len(first) < 300 else ""


def _authors(reference: Reference) -> str:
    families = [words(names.parts(name)[1]) for name in reference.authors]
    if names.OTHERS in reference.authors or len(families) > 2:
        return f"{families[0]} and others"
    return listed(families)
