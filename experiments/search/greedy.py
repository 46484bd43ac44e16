"""Greedy search with widening on stagnation: the default."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nightlab.experiments.records import Knob, ParamValue
from nightlab.experiments.search.memory import Memory
from nightlab.experiments.search.numeric import Surrogate
from nightlab.experiments.search.policy import Exhausted, Proposal, Tried, generator, incumbent
from nightlab.experiments.search.space import Space
from nightlab.experiments.search.strategies import COMBINATION, JOINT, draw_strategy
from nightlab.experiments.template.knobs.rules import settled

PATIENCE = 12  # trials without a kept change after which the search widens by one step
WIDEST = 3
COMBINE = 0.25  # share of proposals spent on combinations while there are any to try


class Greedy:
    """Changes the incumbent by a strategy that a bandit draws, or by several at once; a surrogate chooses the values.

    Greedy matches the best tree searches if it widens when it stagnates (FML-bench, 2025). Each PATIENCE trials without
    a kept change widen it by a step, WIDEST at most: joint changes and near misses as parents become likelier.
    """

    def __init__(self, *, knobs: Sequence[Knob], strategies: Sequence[str], seed: int) -> None:
        self._space, self._seed, self._strategies = Space(knobs), seed, tuple(strategies)
        self._memory = Memory(self._space)

    def propose(self, trials: Sequence[Tried], number: int) -> Proposal:
        rng = generator(self._seed, number)
        best = incumbent(trials)
        several = len(self._strategies) > 1  # a single one moves all its knobs at once, so nothing is found apart
        if several and rng.random() < COMBINE and (combined := self._combination(trials, best)):
            return Proposal(params=combined, strategy=COMBINATION, parent=best.number, sampler="combination")
        width = min(WIDEST, stagnation(trials) // PATIENCE)
        parent = _parent(trials, best, width, rng)
        arms = self._strategies if len(self._strategies) == 1 else (*self._strategies, *[JOINT] * (1 + width))
        strategy = draw_strategy(arms, trials, rng)
        sampler = Surrogate()
        for moving in (self._strategies if strategy == JOINT else (strategy,), self._strategies):
            view = self._memory.view(trials, parent.params, self._space.mask(moving))
            if params := sampler.suggest(view, rng):
                label = strategy if moving == (strategy,) else JOINT
                return Proposal(params=params, strategy=label, parent=parent.number, sampler=sampler.name)
        raise Exhausted

    def _combination(self, trials: Sequence[Tried], best: Tried) -> dict[str, ParamValue] | None:
        """The incumbent with a change that was found apart from it and gained over its own parent; untried."""
        line = _line(trials, best)
        taken = {self._space.key(t.params) for t in trials}
        apart = [t for t in trials[-200:] if t.number not in line and _gained(trials, t)]
        for t in sorted(apart, key=lambda t: (t.verdict != "kept", -(t.score or 0.0))):
            before = trials[t.parent or 0].params
            own = {k: v for k, v in t.params.items() if v != before[k]}
            if t.parent != best.number and all(best.params[k] == before[k] for k in own):
                combined = settled(self._space.knobs, {**best.params, **own})
                if self._space.key(combined) not in taken and self._space.valid(combined):
                    return combined
        return None


def stagnation(trials: Sequence[Tried]) -> int:
    """Settled trials since the last kept change (or the start)."""
    last = max((t.number for t in trials if t.verdict == "kept"), default=0)
    return sum(t.verdict is not None for t in trials[last + 1 :])


def _parent(trials: Sequence[Tried], best: Tried, width: int, rng: np.random.Generator) -> Tried:
    """The incumbent; the wider the search, the more often one of the next best instead."""
    if rng.random() >= min(0.5, 0.2 * width):
        return best
    rivals = sorted((t for t in trials[-200:] if t.score is not None), key=lambda t: -(t.score or 0.0))[:5]
    return rivals[int(rng.integers(len(rivals)))] if rivals else best


def _line(trials: Sequence[Tried], best: Tried) -> set[int]:
    """The trials from the baseline to the incumbent."""
    line, number = {best.number}, best.parent
    while number is not None:
        line.add(number)
        number = trials[number].parent
    return line


def _gained(trials: Sequence[Tried], t: Tried) -> bool:
    before = trials[t.parent].score if t.parent is not None else None
    return t.score is not None and before is not None and t.score > before
