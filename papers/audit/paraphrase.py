"""Whether a sentence says nothing but what a passage says: its words, in their order, and nothing that turns them.

This is no likeness: every content word of the sentence must stand in one sentence of the passage, in the same order,
close together, and every word of the passage that negates, limits or conditions them must be said as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from nightlab.papers.audit.grammar import lists, stem

LEAST_SHARE = 0.34  # of the content words of the stretch that is paraphrased
AFTER = 4  # words after the stretch that may still turn it


Words = tuple[tuple[str, bool], ...]  # stems, and whether each turns what is said


def content(text: str) -> list[str]:
    """The stems of the words that carry the meaning, those that turn it among them."""
    return [s for s, _ in _content(text)]


@cache
def _content(text: str) -> Words:
    words = re.findall(r"[^\W_]+(?:[-'’][^\W_]+)*", re.sub(r"\{[^{}]*\}", " ", text).casefold())
    found = []
    for word in (w for part in words for w in part.split("-")):
        word = re.sub(r"['’](?:s|t)$", "", word)
        if word in lists()["turning"]:
            found.append((word, True))
        elif word not in lists()["empty"]:
            found.append((stem(word), False))
    return tuple(found)


def says(sentence: str, passages: Iterable[str], *, turned: bool = False) -> bool:
    """Whether one sentence of the passages says all that the sentence says.

    turned: whether the passage's object may come first, as in "a search replaces templates" for "replaces templates by
    a search".
    """
    said = _content(sentence)
    if sum(not turns for _, turns in said) < 2:
        return False
    orders = [said, *(said[i:] + said[:i] for i in range(1, len(said)) if turned)]
    if active := _active(sentence):
        orders.append(_content(active))
    parts = [_content(s) for p in passages for s in re.split(r"(?<=[.;:!?])\s+", p)]
    return any(_within(order, part) for part in parts for order in orders)


def denies(sentence: str, passages: Iterable[str]) -> bool:
    """Whether a sentence says what the passages say, but for a word that turns it."""
    words = sentence.split()
    turned = [w for w in words if w in _TURNS]
    return bool(turned) and says(" ".join(w for w in words if w not in _TURNS), passages)


_TURNS = frozenset(("not", "no", "never", "hardly", "rarely", "seldom"))
_PASSIVE = re.compile(
    r"^(?P<whom>.+?) (?:can |may )?(?:is|are|was|were|be|been) (?P<how>(?:never |not |only |also )?)"
    r"(?P<done>\w+(?:ed|en|wn|ne|t|ld|de|pt|un|d))\b(?P<rest>.*?)(?: by (?P<who>.+))?$"
)


def _active(sentence: str) -> str:
    """A passive sentence with its doer, if it names one, before the verb, and what is done to after it."""
    m = _PASSIVE.match(" ".join(re.findall(r"[\w'-]+", sentence)))
    return f"{m['who'] or ''} {m['how']}{m['done']} {m['whom']} {m['rest']}" if m else ""


def _within(said: Words, passage: Words) -> bool:
    words = [w for w, _ in passage]
    denies = any(turns for _, turns in said)
    for start in (i for i, w in enumerate(words) if w == said[0][0]):
        used = _matched(said, words, start)
        if not used:
            continue
        end = len(passage) if denies else min(used[-1] + AFTER, len(passage))
        skipped = [passage[i] for i in range(end) if i not in used]
        restricted = denies and any(i not in used for i in range(start, len(passage)))
        whole = len(used) / (used[-1] - start + 1) >= LEAST_SHARE
        if whole and not restricted and not any(turns for _, turns in skipped):
            return True
    return False


def _matched(said: Words, words: list[str], start: int) -> list[int]:
    """The places of the words said, in their order; none if one is missing."""
    used = [start]
    for word, _ in said[1:]:
        try:
            used.append(words.index(word, used[-1] + 1))
        except ValueError:
            return []
    return used
