"""What every search policy must keep, whatever its method."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import pytest

from nightlab.experiments.records import Knob, Params
from nightlab.experiments.search import registry
from nightlab.experiments.search.policy import Exhausted, Policy, Proposal, Tried
from nightlab.experiments.search.registry import make_policy

KNOBS = (
    Knob(name="x", type="float", strategy="east", default=0.1, low=0.0, high=1.0),
    Knob(name="rate", type="float", strategy="east", default=1e-3, low=1e-4, high=1e-1, log=True),
    Knob(name="n", type="int", strategy="north", default=2, low=1, high=9),
    Knob(name="kind", type="choice", strategy="mood", default="a", choices=("a", "b", "c")),
)
STRATEGIES = ("east", "north", "mood")
NAMES = ("greedy", "tree", "evolution", "archive", "tpe", "cmaes", "gp", "random")


def height(params: Params) -> float:
    """Best at x = 0.7, rate = 0.01, n = 6, kind b."""
    from math import log10

    x, rate, n = (float(params[k]) for k in ("x", "rate", "n"))
    return -((x - 0.7) ** 2) - 0.1 * (log10(rate) + 2) ** 2 - 0.02 * (n - 6) ** 2 - 0.2 * (params["kind"] != "b")


def start(knobs: Sequence[Knob] = KNOBS, value: Callable[[Params], float] = height) -> list[Tried]:
    params = {k.name: k.default for k in knobs}
    return [
        Tried(
            number=0,
            parent=None,
            strategy="baseline",
            params=params,
            verdict="baseline",
            score=value(params),
            replicates=1,
        )
    ]


def search(policy: Policy, trials: list[Tried], count: int, value: Callable[[Params], float] = height) -> list[Tried]:
    for number in range(len(trials), len(trials) + count):
        p = policy.propose(trials, number)
        score = value(p.params)
        best = max(t.score for t in trials if t.score is not None and t.verdict in ("baseline", "kept"))
        trials.append(
            Tried(
                number=number,
                parent=p.parent,
                strategy=p.strategy,
                params=p.params,
                verdict="kept" if score > best else "reverted",
                score=score,
                replicates=1,
            )
        )
    return trials


def policy(name: str, seed: int = 1, strategies: Sequence[str] = STRATEGIES) -> Policy:
    return make_policy(name, knobs=KNOBS, strategies=strategies, seed=seed)


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_improves_stays_in_range_and_repeats_nothing(name: str) -> None:
    trials = search(policy(name), start(), 30)
    assert max(t.score or 0 for t in trials) > height(trials[0].params) + 0.05
    assert len({tuple(sorted(t.params.items())) for t in trials}) == len(trials)
    for t in trials:
        assert 0.0 <= float(t.params["x"]) <= 1.0
        assert 1e-4 <= float(t.params["rate"]) <= 1e-1
        assert t.params["n"] in range(1, 10)
        assert t.params["kind"] in ("a", "b", "c")
        assert t.parent is None or t.parent < t.number


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_depends_on_seed_and_trials_alone(name: str) -> None:
    trials = search(policy(name), start(), 12)
    fresh = policy(name)
    assert fresh.propose(trials, 13) == policy(name).propose(trials, 13)
    assert search(policy(name), start(), 12) == trials
    assert search(policy(name, seed=2), start(), 12) != trials


@pytest.mark.parametrize("name", NAMES)
def test_only_the_knobs_of_the_strategies_move(name: str) -> None:
    trials = search(policy(name, strategies=("north",)), start(), 6)
    assert all(t.params | {"n": 0} == trials[0].params | {"n": 0} for t in trials)  # type: ignore[operator]


@pytest.mark.parametrize("name", NAMES)
def test_a_space_that_is_used_up_is_told(name: str) -> None:
    with pytest.raises(Exhausted):
        search(policy(name, strategies=("mood",)), start(), 5)


@pytest.mark.parametrize("name", NAMES)
def test_failed_and_running_trials_are_no_obstacle(name: str) -> None:
    trials = search(policy(name), start(), 10)
    trials[3] = dataclasses.replace(trials[3], verdict="failed", score=None)
    trials[9] = dataclasses.replace(trials[9], verdict=None, score=None)
    p = policy(name).propose(trials, len(trials))
    assert tuple(p.params.values()) not in {tuple(t.params.values()) for t in trials}


def test_an_unknown_policy_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"no search policy is called 'astrology'; there are .*greedy"):
        policy("astrology")


def test_greedy_draws_every_strategy() -> None:
    trials = search(policy("greedy"), start(), 40)
    counts = {s: sum(t.strategy == s for t in trials) for s in STRATEGIES}
    assert min(counts.values()) >= 2


def test_a_policy_from_outside_is_known_by_its_name() -> None:
    class Same:
        """Proposes the baseline's parameters, whatever was tried."""

        def __init__(self, *, knobs: Sequence[Knob], strategies: Sequence[str], seed: int) -> None:
            self._strategy = strategies[0]

        def propose(self, trials: Sequence[Tried], number: int) -> Proposal:
            return Proposal(params=trials[0].params, strategy=self._strategy, parent=0, sampler="same")

    with pytest.raises(ValueError, match="there is a search policy 'greedy' already"):
        registry.register("greedy", Same)
    registry.register("same", Same)
    try:
        made = registry.make_policy("same", knobs=KNOBS, strategies=[KNOBS[0].strategy], seed=1)
        assert isinstance(made, Same)
        with pytest.raises(ValueError, match=r"no search policy is called 'other'; there are greedy, .*, same"):
            registry.make_policy("other", knobs=KNOBS, strategies=[], seed=1)
    finally:
        registry._POLICIES.pop("same")
