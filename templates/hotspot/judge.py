"""Asks for edit distances of pairs that nobody can know before, takes the time, and checks every answer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

BATCHES = 4  # of each kind
NASTY = ["", "a", "aa", "ab", "ba", "a\0b", "ß", "é", "e\u0301", "😀", "😀😃", "A", " ", "\n", "a" * 33]
LONG = (130, 401)  # letters of the longest texts, which are not timed either

Pair = list[str]


def judge(candidate: Any, private: Path, split: Literal["dev", "holdout"], seed: int) -> dict[str, float]:
    """`milliseconds`: the mean time of a batch by the judge's clock; `wrong`: answers that are not the edit distance.

    Raises ValueError where an answer is no list of whole numbers, one for each pair.
    """
    known = json.loads((private / f"{split}.json").read_text(encoding="utf-8"))
    rng = np.random.default_rng([*known["secret"], seed])
    spent, wrong = [], 0
    for _ in range(BATCHES):
        for kind in (words, sentences, strands, copies):
            pairs = kind(rng, known["words"])
            wrong += mistakes(pairs, asked(candidate, pairs))
            spent.append(1000 * candidate.seconds)
    hard = [[a, b] for a in NASTY for b in NASTY]
    hard += [["".join(rng.choice(list("abcß"), rng.integers(*LONG))) for _ in range(2)] for _ in range(4)]
    order = rng.permutation(len(hard))
    hard = [hard[i] for i in order]
    wrong += mistakes(hard, asked(candidate, hard))  # counts for the answers, not for the time
    return {"milliseconds": float(np.mean(spent)), "wrong": float(wrong)}


def asked(candidate: Any, pairs: list[Pair]) -> list[int]:
    answers = candidate.call("distances", pairs, returns=list)
    if len(answers) != len(pairs) or any(type(answer) is not int for answer in answers):
        raise ValueError(f"distances() must return {len(pairs)} whole numbers")
    return answers


def mistakes(pairs: list[Pair], answers: list[int]) -> int:
    return sum(answer != edit_distance(*pair) for pair, answer in zip(pairs, answers, strict=True))


def edit_distance(a: str, b: str) -> int:
    """By the table of all prefixes, a row at a time: the part from the left is a running minimum."""
    y = np.array([ord(letter) for letter in b], dtype=np.int64)
    steps = np.arange(len(b) + 1)
    row = steps.copy()
    for i, letter in enumerate(a, 1):
        fresh = np.minimum(row[1:] + 1, row[:-1] + (y != ord(letter)))
        row = np.minimum.accumulate(np.append(i, fresh) - steps) + steps
    return int(row[-1])


def words(rng: np.random.Generator, known: list[str]) -> list[Pair]:
    """A word beside others, as in a search for its spelling."""
    wanted = str(rng.choice(known))
    return [[wanted, str(other)] for other in rng.choice(known, 120)]


def sentences(rng: np.random.Generator, known: list[str]) -> list[Pair]:
    return [[" ".join(rng.choice(known, rng.integers(4, 12))) for _ in range(2)] for _ in range(12)]


def strands(rng: np.random.Generator, known: list[str]) -> list[Pair]:  # noqa: ARG001
    """Sequences of four letters."""
    return [["".join(rng.choice(list("acgt"), rng.integers(50, 90))) for _ in range(2)] for _ in range(10)]


def copies(rng: np.random.Generator, known: list[str]) -> list[Pair]:
    """A text and a copy of it with few mistakes."""
    pairs = []
    for _ in range(8):
        text = " ".join(rng.choice(known, 14))
        spoilt = list(text)
        for place in rng.integers(0, len(text), rng.integers(0, 7)):
            spoilt[place] = str(rng.choice(["", "x", spoilt[place] * 2]))
        pairs.append([text, "".join(spoilt)])
    return pairs
