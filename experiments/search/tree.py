"""Tree search: drafts, debugging with bounded depth, improvement (AIDE: Jiang et al., arXiv:2502.13138, 2025)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nightlab.experiments.records import Knob, ParamValue
from nightlab.experiments.search.memory import Memory
from nightlab.experiments.search.numeric import Random, Sampler, Surrogate
from nightlab.experiments.search.policy import Exhausted, Proposal, Tried, generator
from nightlab.experiments.search.space import Space
from nightlab.experiments.search.strategies import JOINT, draw_strategy

DRAFTS = 5  # first solutions that do not build on one another
DEBUG = 0.5  # chance of repairing a failed leaf rather than improving the best
DEPTH = 3  # failures in a row after which a branch is given up


class Tree:
    """Drafts first; then a failed leaf is moved halfway back to its parent, or the best trial is improved."""

    def __init__(self, *, knobs: Sequence[Knob], strategies: Sequence[str], seed: int) -> None:
        self._space, self._seed, self._strategies = Space(knobs), seed, tuple(strategies)
        self._memory = Memory(self._space)

    def propose(self, trials: Sequence[Tried], number: int) -> Proposal:
        rng = generator(self._seed, number)
        if sum(t.parent == 0 for t in trials) < DRAFTS:
            return self._change(trials, trials[0], JOINT, Random(), "draft", rng)
        failed = _leaves_to_debug(trials)
        if failed and rng.random() < DEBUG:
            leaf = failed[int(rng.integers(len(failed)))]
            if repaired := self._halfway(trials, leaf, rng):
                return Proposal(params=repaired, strategy=leaf.strategy, parent=leaf.number, sampler="debug")
        best = max((t for t in trials if t.score is not None), key=lambda t: t.score or 0.0, default=trials[0])
        strategy = draw_strategy(self._strategies, trials, rng)
        return self._change(trials, best, strategy, Surrogate(), "improve", rng)

    def _change(
        self,
        trials: Sequence[Tried],
        parent: Tried,
        strategy: str,
        sampler: Sampler,
        step: str,
        rng: np.random.Generator,
    ) -> Proposal:
        for moving in (self._strategies if strategy == JOINT else (strategy,), self._strategies):
            view = self._memory.view(trials, parent.params, self._space.mask(moving))
            if params := sampler.suggest(view, rng):
                label = strategy if moving == (strategy,) else JOINT
                name = f"{step}, {sampler.name}"
                return Proposal(params=params, strategy=label, parent=parent.number, sampler=name)
        raise Exhausted

    def _halfway(self, trials: Sequence[Tried], leaf: Tried, rng: np.random.Generator) -> dict[str, ParamValue] | None:
        """Between a failed trial and its parent; unordered knobs as in either."""
        view = self._memory.view(trials, leaf.params, self._space.mask(self._strategies))
        here, back = view.base, self._memory.encode(trials[leaf.parent or 0].params)
        share = rng.uniform(0.25, 0.75, size=(20, 1))
        points = here + share * (back - here)
        either = np.where(rng.random(points.shape) < 0.5, here, back)
        return view.fresh(self._space.snap(np.where(self._space.unordered, either, points)))


def _leaves_to_debug(trials: Sequence[Tried]) -> list[Tried]:
    """Failed trials without children, on branches with fewer than DEPTH failures in a row."""
    parents = {t.parent for t in trials}
    return [t for t in trials[-200:] if t.verdict == "failed" and t.number not in parents and _row(trials, t) < DEPTH]


def _row(trials: Sequence[Tried], t: Tried) -> int:
    row = 0
    while t.verdict == "failed" and t.parent is not None:
        row, t = row + 1, trials[t.parent]
    return row
