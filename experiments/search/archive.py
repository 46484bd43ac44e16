"""Open-ended search over an archive of all trials (ADAS: Hu, Lu and Clune, ICLR 2025)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from nightlab.experiments.records import Knob
from nightlab.experiments.search.memory import Memory
from nightlab.experiments.search.policy import Proposal, Tried, generator
from nightlab.experiments.search.space import Space
from nightlab.experiments.search.strategies import step_from

LATEST = 1000  # trials from which a parent is drawn, beside the baseline


class Archive:
    """Keeps all; a parent is drawn the likelier, the better it ranks and the fewer children it has.

    The weights are those of the Darwin Goedel Machine (Zhang et al., arXiv:2505.22954, 2025), by rank.
    """

    def __init__(self, *, knobs: Sequence[Knob], strategies: Sequence[str], seed: int) -> None:
        self._space, self._seed, self._strategies = Space(knobs), seed, tuple(strategies)
        self._memory = Memory(self._space)

    def propose(self, trials: Sequence[Tried], number: int) -> Proposal:
        rng = generator(self._seed, number)
        parent = draw_parent(trials, rng)
        return step_from(parent, trials, memory=self._memory, strategies=self._strategies, rng=rng)


def draw_parent(trials: Sequence[Tried], rng: np.random.Generator) -> Tried:
    """A trial with a score, weighted by a sigmoid of its rank and by 1 / (1 + children)."""
    pool = [t for t in (trials[0], *trials[1:][-LATEST:]) if t.score is not None]
    if not pool:
        return trials[0]
    rank = np.argsort(np.argsort([t.score or 0.0 for t in pool])) / max(1, len(pool) - 1)
    children = Counter(t.parent for t in trials[-LATEST:])
    weight = 1 / (1 + np.exp(-10 * (rank - 0.5))) / (1 + np.array([children[t.number] for t in pool]))
    return pool[int(rng.choice(len(pool), p=weight / weight.sum()))]
