from collections import Counter

import numpy as np
import pytest

from nightlab.experiments.records import VerdictKind
from nightlab.experiments.search.policy import Tried
from nightlab.experiments.search.strategies import FLOOR, draw_strategy


def history(kinds: list[tuple[str, VerdictKind]]) -> list[Tried]:
    trials = [
        Tried(number=0, parent=None, strategy="baseline", params={"x": 0}, verdict="baseline", score=0.0, replicates=3)
    ]
    for strategy, verdict in kinds:
        score = None if verdict == "failed" else 1.0 if verdict == "kept" else -1.0
        number = len(trials)
        trials.append(
            Tried(
                number=number,
                parent=0,
                strategy=strategy,
                params={"x": number},
                verdict=verdict,
                score=score,
                replicates=1,
            )
        )
    return trials


def shares(strategies: list[str], trials: list[Tried]) -> dict[str, float]:
    rng = np.random.default_rng(0)
    drawn = Counter(draw_strategy(strategies, trials, rng) for _ in range(4000))
    return {s: drawn[s] / 4000 for s in strategies}


def test_without_experience_all_strategies_are_alike() -> None:
    assert shares(["a", "b", "c"], history([])) == pytest.approx(dict.fromkeys("abc", 1 / 3), abs=0.03)


def test_what_gained_is_drawn_more_and_nothing_starves_or_takes_over() -> None:
    found = shares(["a", "b", "c"], history([("a", "kept")] * 40 + [("b", "reverted")] * 40 + [("c", "failed")] * 40))
    assert found["a"] > 2 * max(found["b"], found["c"])
    assert min(found.values()) > 0.9 * FLOOR / 3
    assert found["a"] < 0.75
