"""What the section on related work says of the references that the survey found."""

from __future__ import annotations

import re
from typing import Any

from nightlab.agents.team import Brief
from nightlab.agents.telling.words import listed, words
from nightlab.papers.literature import names
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.markup import literal

GENERAL = ("search", "autoresearch", "noise", "data")  # topics that every study has
MOST = 6  # references that a general topic cites, and further ones that are named
SENTENCES = 3  # a strategy; its other references share one citation


def related(b: Brief) -> dict[str, Any]:
    """The context of the section."""
    seen: set[str] = set()
    topics = [_topic(b, s, seen) for s in b.evidence.template.strategies if on(b, s)]
    nearest = next((r for r in b.references if r.key == b.idea.nearest), None)
    cited = {key for topic in topics for key in (*topic["rest"], *(work["key"] for work in topic["named"]))}
    cited |= {key for topic in GENERAL for key in on(b, topic, MOST)} | ({nearest.key} if nearest else set())
    further = [f"*{literal(r.title)}* {{cite:{r.key}}}" for r in b.references if r.key not in cited]
    return {
        "topics": topics,
        "most": MOST,
        "nearest": {"title": literal(nearest.title), "key": nearest.key} if nearest else None,
        "further": further[:MOST],
        "found": bool(b.references),
    }


def on(b: Brief, topic: str, most: int | None = None) -> list[str]:
    """The keys of the references on a topic."""
    return [r.key for r in b.references if topic in r.keywords][:most]


def _topic(b: Brief, strategy: str, seen: set[str]) -> dict[str, Any]:
    """What the references on a strategy are about: some in a sentence each, the rest in one citation.

    seen: keys of the works that a sentence has told of, to which these are added.
    """
    found = [r for r in b.references if strategy in r.keywords]
    named = [r for r in found if r.key not in seen and r.authors and _predicate(r)][:SENTENCES]
    seen.update(r.key for r in named)
    return {
        "name": strategy.replace("_", " "),
        "named": [{"key": r.key, "authors": _authors(r), "says": _predicate(r)} for r in named],
        "rest": [r.key for r in found if r not in named],
    }


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
