"""Questions in words, for a solver that is a language model: of three kinds, drawn by chance, with one right option."""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

OPTIONS = 5
THINGS = [("bat", "ball"), ("pen", "notebook"), ("lamp", "bulb"), ("coat", "scarf"), ("table", "chair")]
NAMES = ("Ada", "Ben", "Chloe", "Dmitri", "Esra", "Femi")
GREEK = [chr(code) for code in range(0x3B1, 0x3CA) if code != 0x3C2]  # alpha to omega


class Worded(NamedTuple):
    """text: the question. right and lure: the right answer, and the wrong one that comes to mind. others: wrong too."""

    text: str
    right: str
    lure: str
    others: list[str]


def worded(kind: str, difficulty: float, answer: int, lure: int, seed: str) -> dict[str, object]:
    """A question of a kind as its text and its options, of which the one numbered `answer` is right."""
    chance = random.Random(seed)
    made = chance.choice(KINDS[kind])(chance, difficulty)
    others = [other for other in dict.fromkeys(made.others) if other not in (made.right, made.lure)]
    options = others[: OPTIONS - 2]
    chance.shuffle(options)
    for place, option in sorted([(answer, made.right), (lure, made.lure)]):
        options.insert(place, option)
    return {"text": made.text, "options": options}


def status(chance: random.Random, _: float) -> Worded:
    """A code of HTTP by its phrase; the lure is the next code in the list."""
    known = list(HTTPStatus)
    at = chance.randrange(len(known) - 1)
    others = [str(s.value) for s in chance.sample(known, 6)]
    text = f"Which status code of HTTP has the phrase '{known[at].phrase}'?"
    return Worded(text, str(known[at].value), str(known[at + 1].value), others)


def letter(chance: random.Random, _: float) -> Worded:
    """A Greek letter by its place in the alphabet."""
    at = chance.randrange(1, len(GREEK) - 1)
    name = unicodedata.name(GREEK[at]).rsplit(maxsplit=1)[-1].capitalize()
    others = [str(n) for n in chance.sample(range(1, len(GREEK) + 1), 6)]
    return Worded(f"Which place has the letter {name} in the Greek alphabet?", str(at + 1), str(at + 2), others)


def shopping(chance: random.Random, difficulty: float) -> Worded:
    """A sum of several steps, more of them where it is difficult; the lure forgets the last one."""
    name, each, boxes = chance.choice(NAMES), chance.randint(6, 19), chance.randint(3, 9)
    have, text = each * boxes, f"{name} has {boxes} boxes with {each} pencils in each."
    before = have
    for _ in range(max(1, min(5, round(2 + difficulty)))):
        before, what = have, chance.randrange(3)
        if what == 0:
            more = chance.randint(2, 6) * chance.randint(3, 8)
            have, text = have + more, f"{text} Then {more} more are bought."
        elif what == 1 and have > 12:
            less = chance.randint(3, have // 3)
            have, text = have - less, f"{text} Then {less} of them are given away."
        else:
            have, text = 2 * have, f"{text} Then as many again are bought as there are now."
    others = [str(have + by) for by in (10, -10, 2, -1, 12, 20)]
    return Worded(f"{text} How many pencils are there in the end?", str(have), str(before), others)


def travel(chance: random.Random, difficulty: float) -> Worded:
    """The mean speed of two stretches of one length: a harder one where the speeds lie further apart."""
    slow, factor = chance.choice((20, 30, 40, 60)), 3 if difficulty > 0 else 2
    fast, mean = slow * factor, 2 * slow * factor // (1 + factor)
    text = (
        f"A lorry drives to a town at {slow} km/h and back on the same road at {fast} km/h."
        " What is its mean speed over the whole way, in km/h, rounded down?"
    )
    return Worded(text, str(mean), str((slow + fast) // 2), [str(mean + by) for by in (5, -5, 9, -9, 3)])


def pair(chance: random.Random, _: float) -> Worded:
    """The bat and the ball."""
    (large, small), least, more = chance.choice(THINGS), chance.randint(3, 20), 10 * chance.randint(5, 15)
    text = (
        f"A {large} and a {small} cost {2 * least + more} cents together. The {large} costs {more} cents more than the"
        f" {small}. How many cents does the {small} cost?"
    )
    return Worded(text, str(least), str(2 * least), [str(least + by) for by in (1, 5, 10, more, -2)])


def machines(chance: random.Random, _: float) -> Worded:
    few, many = chance.randint(3, 9), 20 * chance.randint(2, 9)
    text = (
        f"{few} machines make {few} parts in {few} minutes. How many minutes do {many} machines take for {many} parts?"
    )
    return Worded(text, str(few), str(many), [str(n) for n in (1, many // few, few * few, 2 * few, many * few)])


def lilies(chance: random.Random, _: float) -> Worded:
    days = 2 * chance.randint(8, 30)
    text = (
        f"Each day a patch of lilies becomes twice as large. It covers the whole lake after {days} days. After how many"
        " days did it cover half of the lake?"
    )
    return Worded(text, str(days - 1), str(days // 2), [str(n) for n in (days - 2, days // 4, days, days // 2 + 1)])


KINDS: dict[str, list[Callable[[random.Random, float], Worded]]] = {
    "recall": [status, letter],
    "reasoning": [shopping, travel],
    "trap": [pair, machines, lilies],
}
