"""Hotspot: every implementation and the judge itself give the edit distance, and the judge sees what is wrong."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nightlab.experiments.template.loading import load
from tests.templates.loading import laid_out, module

prepare, experiment, judge = (module("hotspot", name) for name in ("prepare", "experiment", "judge"))
DEFAULTS = {k.name: k.meant(k.default) for k in load("hotspot").knobs}


@cache
def plain(a: str, b: str) -> int:
    """The definition, by recursion."""
    if not a or not b:
        return len(a) + len(b)
    return min(plain(a[1:], b) + 1, plain(a, b[1:]) + 1, plain(a[1:], b[1:]) + (a[0] != b[0]))


def pairs() -> list[list[str]]:
    rng = np.random.default_rng(0)
    drawn = [["".join(rng.choice(list("ab😀"), rng.integers(0, 9))) for _ in range(2)] for _ in range(120)]
    return [*drawn, *([a, b] for a in judge.NASTY for b in judge.NASTY)]


def test_the_judge_knows_the_distance() -> None:
    assert all(judge.edit_distance(a, b) == plain(a, b) for a, b in pairs())


@pytest.mark.parametrize("algorithm", experiment.ALGORITHMS)
@pytest.mark.parametrize(
    "short_cuts",
    [
        {},
        {"trim": "both", "equal_first": True, "order": "shorter_first", "cache": 256},
        {"trim": "beginning", "order": "longer_first", "band": 1, "widen": 3},
    ],
    ids=["plain", "all", "others"],
)
def test_every_implementation_is_right(algorithm: str, short_cuts: dict[str, Any], tmp_path: Path) -> None:
    experiment.start({**DEFAULTS, "algorithm": algorithm, **short_cuts}, tmp_path, tmp_path, 0)
    asked = pairs()
    assert experiment.distances(asked) == [judge.edit_distance(a, b) for a, b in asked]


class Candidate:
    """Stands for the judge's handle on a process."""

    seconds = 0.002

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked = list[list[str]]()

    def call(self, name: str, pairs: list[list[str]], *, returns: type) -> Any:
        assert name == "distances"
        self.asked += pairs
        return self.answer(pairs)


def right(pairs: list[list[str]]) -> list[int]:
    return [judge.edit_distance(a, b) for a, b in pairs]


def test_the_judge_counts_mistakes_and_takes_the_time(tmp_path: Path) -> None:
    private = laid_out(prepare, tmp_path) / "private"
    assert judge.judge(Candidate(right), private, "dev", 1) == {"milliseconds": 2.0, "wrong": 0.0}
    spoilt = Candidate(lambda pairs: [answer + (a == "aa") for (a, _), answer in zip(pairs, right(pairs), strict=True)])
    assert judge.judge(spoilt, private, "dev", 1)["wrong"] == 15
    for answer in ([True], [1.0], [None], []):
        with pytest.raises(ValueError, match="whole numbers"):
            judge.judge(Candidate(lambda pairs, a=answer: a * len(pairs)), private, "dev", 1)


def test_splits_and_seeds_ask_for_other_pairs(tmp_path: Path) -> None:
    private = laid_out(prepare, tmp_path) / "private"
    asked = []
    for split, seed in (("dev", 1), ("dev", 2), ("holdout", 1)):
        candidate = Candidate(right)
        judge.judge(candidate, private, split, seed)
        asked.append({a for a, b in candidate.asked if len(a) > 40})
    assert not asked[0] & asked[1]
    assert not asked[0] & asked[2]
