"""Which kind of change comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from nightlab.experiments.search.memory import Memory
from nightlab.experiments.search.numeric import Step
from nightlab.experiments.search.policy import Exhausted, Proposal, Tried

COMBINATION = "combination"  # changes that were found apart, tried together
JOINT = "joint"  # a change that may alter the knobs of all strategies at once
FLOOR = 0.5  # of a fair share: what the least successful strategy still gets
RECENT = 100  # trials from which the gains are learned


def draw_strategy(
    strategies: Sequence[str],
    trials: Sequence[Tried],
    rng: np.random.Generator,
    silent: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """Probability matching with a floor (Thierens, GECCO 2005): a strategy is drawn as often as its changes gained.

    A kept change counts 1, one that only scored better than its parent 1/4. Each strategy keeps FLOOR of a fair share,
    so that none starves, and none gets more than the floors of the others leave. silent: draws that made no trial.
    """
    won, drawn = dict.fromkeys(strategies, 0.5), {s: 1.0 + silent.get(s, 0) for s in strategies}
    for t in trials[-RECENT:]:
        if t.strategy in won and t.verdict is not None and t.parent is not None:
            parent = trials[t.parent].score
            better = t.score is not None and parent is not None and t.score > parent
            won[t.strategy] += 1.0 if t.verdict == "kept" else 0.25 * better
            drawn[t.strategy] += 1
    quality = np.array([won[s] / drawn[s] for s in strategies])
    chances = FLOOR / len(strategies) + (1 - FLOOR) * quality / quality.sum()
    return strategies[int(rng.choice(len(strategies), p=chances))]


def step_from(
    parent: Tried, trials: Sequence[Tried], *, memory: Memory, strategies: Sequence[str], rng: np.random.Generator
) -> Proposal:
    """A step away from `parent` within a drawn strategy; within all of them where that one is used up."""
    strategy, sampler = draw_strategy(strategies, trials, rng), Step()
    for moving, label in (((strategy,), strategy), (tuple(strategies), JOINT)):
        view = memory.view(trials, parent.params, memory.space.mask(moving))
        if params := sampler.suggest(view, rng):
            return Proposal(params=params, strategy=label, parent=parent.number, sampler=sampler.name)
    raise Exhausted
