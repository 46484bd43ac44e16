"""Whether a sentence says nothing but what a passage says: its words, in their order, and nothing that turns them.

This is no likeness: every content word of the sentence must stand in one sentence of the passage, in the same order,
close together, and every word of the passage between them that negates, limits or conditions must be said as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from nightlab.papers.audit.grammar import lists, stem

LEAST_SHARE = 0.34  # of the content words of the stretch that is paraphrased
AFTER = 4  # words after the stretch that may still turn it
_TURNS = frozenset(
    "not no never none nothing nor neither only alone without unless except if whether or may might could would"
    " should cannot hardly rarely seldom few little fail less worse against instead rather until".split()
)


def content(text: str) -> list[str]:
    """The stems of the words that carry the meaning, those that turn it among them."""
    return [s for s, _ in _content(text)]


@cache
def _content(text: str) -> tuple[tuple[str, bool], ...]:
    words = re.findall(r"[^\W_]+(?:[-'’][^\W_]+)*", re.sub(r"\{[^{}]*\}", " ", text).casefold())
    found = []
    for word in (w for part in words for w in part.split("-")):
        word = re.sub(r"['’](?:s|t)$", "", word)
        if word in _TURNS:
            found.append((word, True))
        elif word not in lists()["empty"]:
            found.append((stem(word), False))
    return tuple(found)


def says(sentence: str, passages: Iterable[str]) -> bool:
    """Whether one sentence of the passages says all that the sentence says."""
    said = _content(sentence)
    if sum(not turns for _, turns in said) < 2:
        return False
    return any(_within(said, _content(s)) for p in passages for s in re.split(r"(?<=[.;:!?])\s+", p))


def _within(said: tuple[tuple[str, bool], ...], passage: tuple[tuple[str, bool], ...]) -> bool:
    words = [w for w, _ in passage]
    for start in (i for i, w in enumerate(words) if w == said[0][0]):
        place, used = start, [start]
        for word, _ in said[1:]:
            try:
                place = words.index(word, place + 1)
            except ValueError:
                break
            used.append(place)
        else:
            skipped = [passage[i] for i in range(min(place + AFTER, len(passage))) if i not in used]
            whole = len(used) / (place - start + 1) >= LEAST_SHARE
            if whole and not any(turns for _, turns in skipped):
                return True
    return False
