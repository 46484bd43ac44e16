"""Greedy search: change the incumbent, widen when it stagnates.

A change touches the knobs of one strategy or, as a change of its own kind, those of all strategies at once. A bandit
draws the kind (Thompson sampling, Thompson 1933): what has gained is drawn more often, and none starves, since each
kind keeps a prior of one success and one failure. Without a gain for a while, joint changes take over: widening on
stagnation beat fixed policies in FML-bench.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nightlab.experiments.records import Knob
from nightlab.experiments.search.numeric import Memory, OptunaSampler
from nightlab.experiments.search.policy import Exhausted, Proposal, Tried, generator, incumbent
from nightlab.experiments.search.space import Space

JOINT = "joint"
FAILURE = 0.5  # how much a change that was not kept counts against its kind
STAGNATION = 8  # trials without a gain after which the search widens


class Greedy:
    def __init__(self, *, knobs: Sequence[Knob], strategies: Sequence[str], seed: int) -> None:
        self.space, self.seed, self.strategies = Space(knobs), seed, tuple(strategies)
        self.memory = Memory(self.space)
        self.sampler = OptunaSampler()

    def propose(self, trials: Sequence[Tried], number: int) -> Proposal:
        rng = generator(self.seed, number)
        parent = incumbent(trials)
        base = self.space.encode(parent.params)
        kind = self._kind(trials, rng)
        for name in dict.fromkeys((kind, JOINT)):
            moving = self.strategies if name == JOINT else (name,)
            view = self.memory.view(trials, base, self.space.mask(moving))
            point = self.sampler.suggest(view, rng)
            if point is not None:
                return Proposal(params=self.space.decode(point), strategy=name, parent=parent.number, sampler="TPE")
        raise Exhausted("every assignment of the knobs that may move was tried")

    def _kind(self, trials: Sequence[Tried], rng: np.random.Generator) -> str:
        """A strategy, or joint; by Thompson sampling over what each kind has gained."""
        if len(self.strategies) == 1:
            return self.strategies[0]
        since = next((i for i, t in enumerate(reversed(trials)) if t.verdict in ("kept", "baseline")), len(trials))
        if since >= STAGNATION and rng.random() < 0.75:
            return JOINT
        kinds = (*self.strategies, JOINT)
        kept = {kind: 1.0 for kind in kinds}
        lost = {kind: 1.0 for kind in kinds}
        for t in trials:
            if t.strategy in kept and t.verdict is not None:
                if t.verdict == "kept":
                    kept[t.strategy] += 1
                else:
                    lost[t.strategy] += FAILURE
        draws = [rng.beta(kept[kind], lost[kind]) for kind in kinds]
        return kinds[int(np.argmax(draws))]
