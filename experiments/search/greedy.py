"""Greedy search: change the incumbent."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.experiments.records import Knob
from nightlab.experiments.search.numeric import Memory, RandomSampler
from nightlab.experiments.search.policy import Exhausted, Proposal, Tried, generator, incumbent
from nightlab.experiments.search.space import Space


class Greedy:
    def __init__(self, *, knobs: Sequence[Knob], strategies: Sequence[str], seed: int) -> None:
        self.space, self.seed, self.strategies = Space(knobs), seed, tuple(strategies)
        self.memory = Memory(self.space)
        self.sampler = RandomSampler()

    def propose(self, trials: Sequence[Tried], number: int) -> Proposal:
        rng = generator(self.seed, number)
        parent = incumbent(trials)
        base = self.space.encode(parent.params)
        strategy = self.strategies[rng.integers(len(self.strategies))]
        for name, moving in ((strategy, (strategy,)), ("joint", self.strategies)):
            point = self.sampler.suggest(self.memory.view(trials, base, self.space.mask(moving)), rng)
            if point is not None:
                return Proposal(
                    params=self.space.decode(point), strategy=name, parent=parent.number, sampler="random step"
                )
        raise Exhausted("every assignment of the knobs that may move was tried")
