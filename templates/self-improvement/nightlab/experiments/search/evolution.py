"""Evolution on islands, each with a quality-diversity archive (MAP-Elites: Mouret and Clune, arXiv:1504.04909)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nightlab.experiments.records import Knob
from nightlab.experiments.search.memory import Memory
from nightlab.experiments.search.policy import Proposal, Tried, generator
from nightlab.experiments.search.space import Space
from nightlab.experiments.search.strategies import JOINT, step_from

ISLANDS = 3
MIGRATION = 20  # trials after which an island learns of the best of all
EXPLOIT = 0.7  # share of parents that are the island's best; the others are any elite of its archive
CROSSOVER = 0.3  # share of children of two elites
LATEST = 1000  # trials of which the archives are made, beside the baseline


class Evolution:
    """Trial n belongs to island n mod ISLANDS. Each island keeps the best trial of each kind: its elites.

    A kind says for each strategy how far the trial's knobs are from the defaults: not at all, near or far.
    """

    def __init__(self, *, knobs: Sequence[Knob], strategies: Sequence[str], seed: int) -> None:
        self._space, self._seed, self._strategies = Space(knobs), seed, tuple(strategies)
        self._memory = Memory(self._space)
        self._defaults = self._space.encode({k.name: k.default for k in knobs})
        self._masks = [self._space.mask([s]) for s in strategies]

    def propose(self, trials: Sequence[Tried], number: int) -> Proposal:
        rng = generator(self._seed, number)
        elites = self.elites(trials, number)
        parent = elites[0] if rng.random() < EXPLOIT else elites[int(rng.integers(len(elites)))]
        view = self._memory.view(trials, parent.params, self._space.mask(self._strategies))
        if len(elites) > 1 and rng.random() < CROSSOVER:
            other = self._memory.encode(elites[int(rng.integers(len(elites)))].params)
            mixed = np.where(rng.random((20, len(other))) < 0.5, view.base, other)
            if params := view.fresh(mixed):
                return Proposal(params=params, strategy=JOINT, parent=parent.number, sampler="crossover")
        return step_from(parent, trials, memory=self._memory, strategies=self._strategies, rng=rng)

    def elites(self, trials: Sequence[Tried], number: int) -> list[Tried]:
        """The island's best trial of each kind, the best first; never empty."""
        scored = [t for t in (trials[0], *trials[1:][-LATEST:]) if t.score is not None]
        if not scored:
            return [trials[0]]
        residents = [t for t in scored if t.number == 0 or t.number % ISLANDS == number % ISLANDS]
        arrived = [t for t in scored if t.number < number // MIGRATION * MIGRATION]
        if arrived:
            residents.append(max(arrived, key=lambda t: t.score or 0.0))
        best: dict[tuple[int, ...], Tried] = {}
        for t in residents:
            kind = self._kind(t)
            if kind not in best or (t.score or 0.0) > (best[kind].score or 0.0):
                best[kind] = t
        return sorted(best.values(), key=lambda t: -(t.score or 0.0)) or [trials[0]]

    def _kind(self, t: Tried) -> tuple[int, ...]:
        away = np.abs(self._memory.encode(t.params) - self._defaults)
        return tuple(int(np.digitize(away[mask].max(), [1e-9, 0.25])) for mask in self._masks)
