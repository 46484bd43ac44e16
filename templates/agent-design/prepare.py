"""Draws the questions once per study: all of them are private, since what an agent may know it has to ask for."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
from wording import worded

QUESTIONS = {"dev": 300, "holdout": 500}
WORDED = {"dev": 24, "holdout": 48}  # how many of them there are in words, which a language model answers
OPTIONS = 5
KINDS = ("recall", "reasoning", "trap")
SHARES = (0.3, 0.45, 0.25)  # of the kinds
WORDS = {"recall": 14.0, "reasoning": 38.0, "trap": 26.0}  # of a question, about; a longer one is also harder


def prepare(inputs: Path, private: Path, seed: int) -> None:  # noqa: ARG001
    """Write `dev.npz` and `holdout.npz` to `private`: of each question its kind, difficulty, length, answer and lure.

    `secret` (4,) seeds what the solver thinks of a question, so that no thought can be computed from outside. The first
    ones stand in words in `dev.json` and `holdout.json`. Nothing goes to `inputs`.
    """
    rng, asked = np.random.default_rng(seed), set[str]()
    for split, count in QUESTIONS.items():
        kind = rng.choice(len(KINDS), count, p=SHARES)
        difficulty = rng.normal(size=count)
        answer = rng.integers(OPTIONS, size=count)
        lure = (answer + rng.integers(1, OPTIONS, size=count)) % OPTIONS
        first = zip(kind, difficulty, answer, lure, range(WORDED[split]), strict=False)
        words = [fresh(KINDS[k], float(d), int(a), int(w), f"{seed}/{split}/{i}", asked) for k, d, a, w, i in first]
        (private / f"{split}.json").write_text(json.dumps(words), encoding="utf-8")
        typical = np.array([WORDS[name] for name in KINDS])[kind]
        np.savez(
            private / f"{split}.npz",
            kind=kind,
            difficulty=difficulty,
            words=np.rint(typical * np.exp(0.15 * difficulty + 0.35 * rng.normal(size=count))).astype(np.int64),
            answer=answer,
            lure=lure,
            secret=rng.integers(2**32, size=4),
        )


def fresh(kind: str, difficulty: float, answer: int, lure: int, seed: str, asked: set[str]) -> dict[str, object]:
    """A question in words that is not among those that were asked; it is then."""
    for attempt in itertools.count():
        made = worded(kind, difficulty, answer, lure, f"{seed}/{attempt}")
        if made["text"] not in asked:
            asked.add(str(made["text"]))
            return made
    raise AssertionError("there are more questions than are asked")
