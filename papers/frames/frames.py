"""Frames: the closed sentences in which a text may speak of a measured quantity.

`{say:NAME}` places one. Its subject, verb, direction, metric, split and numbers come from the record; a frame that the
record does not bear is not there to be placed. Several phrasings of a frame follow each other in turn.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping

from nightlab.papers.facts.registry import meaning
from nightlab.papers.frames import course, outcome, setup
from nightlab.papers.frames.record import Record
from nightlab.papers.frames.words import Phrasings, Said
from nightlab.papers.manuscript.markup import literal

_SAY = re.compile(r"\{say:([^{}]*)\}")
REGISTRY: tuple[Callable[[Record], Said], ...] = (
    *(outcome.claim, outcome.test, outcome.scope, outcome.relative, outcome.smallest, outcome.values, outcome.splits),
    *(course.search, course.trials, course.ablation, course.importances),
    *(setup.knobs, setup.settings),
)


def sayings(record: Record) -> dict[str, Phrasings]:
    """Every frame that the record bears, by its name, with its phrasings."""
    told = {name: phrasings for kind in REGISTRY for name, phrasings in kind(record)}
    return told | dict(_plain(record))


def _plain(record: Record) -> Said:
    """Any fact in the words of its formula, for what no other frame says."""
    for id, fact in record.facts.items():
        what = re.sub(r"\btrial (\d+)", r"trial `T\1`", literal(meaning(fact).replace("_", " ")))
        if not re.search(r"\d", re.sub(r"`T\d+`", "", what)):
            yield f"number {id}", (f"By the evidence, {{fact:{id}}} is this: {what}.",)


def named(mark: str) -> str:
    """A frame's name as it is written: small letters, one blank, no `T` or underscore that a writer may add."""
    return " ".join(mark.replace("_", " ").replace("`", "").casefold().split())


def unknown(text: str, known: Mapping[str, Phrasings]) -> list[str]:
    """The frames that a text places and that are not there."""
    names = {named(name) for name in known}
    return [mark for mark in _SAY.findall(text) if named(mark) not in names]


def placed(text: str, known: Mapping[str, Phrasings], used: Counter[str] | None = None) -> str:
    """The text with each frame in words; `used` counts them over several texts, so that the phrasings take turns."""
    names = {named(name): name for name in known}
    count: Counter[str] = Counter() if used is None else used

    def said(mark: re.Match[str]) -> str:
        name = names.get(named(mark[1]))
        if name is None:
            return ""
        phrasings = known[name]
        count[name] += 1
        return phrasings[(count[name] - 1) % len(phrasings)]

    return " ".join(_SAY.sub(said, text).split(" "))
