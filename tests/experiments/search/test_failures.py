"""A crash of the numeric search is dropped, and its neighbourhood is avoided from then on."""

from __future__ import annotations

import pytest

from nightlab.experiments.records import Knob
from nightlab.experiments.search.policy import Tried, incumbent
from nightlab.experiments.search.registry import make_policy

X = Knob(name="x", type="float", strategy="east", default=0.1, low=0.0, high=1.0)
Y = Knob(name="y", type="float", strategy="north", default=0.5, low=0.0, high=1.0)


def crashes(name: str, seed: int) -> list[bool]:
    policy = make_policy(name, knobs=[X, Y], strategies=["east", "north"], seed=seed)
    trials: list[Tried] = []
    for number in range(40):
        proposal = policy.propose(trials, number) if number else None
        params = proposal.params if proposal else {"x": 0.1, "y": 0.5}
        x, y = float(params["x"]), float(params["y"])
        score = None if x > 0.5 else -((x - 0.3) ** 2) - (y - 0.7) ** 2
        better = bool(trials) and score is not None and score > (incumbent(trials).score or 0.0)
        trials.append(
            Tried(
                number=number,
                parent=proposal.parent if proposal else None,
                strategy=proposal.strategy if proposal else "baseline",
                params=params,
                verdict="baseline" if not proposal else "failed" if score is None else "kept" if better else "reverted",
                score=score,
                replicates=1,
            )
        )
    return [t.verdict == "failed" for t in trials]


@pytest.mark.parametrize("name", ["greedy", pytest.param("gp", marks=pytest.mark.long)])
def test_the_neighbourhood_of_a_crash_is_avoided(name: str) -> None:
    studies = [crashes(name, seed) for seed in range(3)]
    assert all(any(crashed) for crashed in studies)
    assert sum(sum(crashed[20:]) for crashed in studies) <= 18  # one that does not mind would crash 30 times
