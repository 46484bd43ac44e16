"""What a search policy remembers of the trials, as arrays that models can be fitted to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nightlab.experiments.records import Params, ParamValue
from nightlab.experiments.search.policy import Tried
from nightlab.experiments.search.space import ENUMERATE, Key, Mask, Matrix, Space, Vector

REMEMBERED = 100  # trials that a model is fitted to: half the best, half the latest


@dataclass(frozen=True)
class View:
    """The trials as points with scores, and the subspace in which the next one may move.

    points: (n, knobs), oldest first. scores: (n,), a failed trial's is the worst there is, a running one's the median
    (the constant liar of Ginsbourger et al., 2010). replicates: (n,). base: the point whose other knobs stay.
    """

    space: Space
    points: Matrix
    scores: Vector
    replicates: Vector
    taken: set[Key]
    base: Vector
    free: Mask

    def fresh(self, points: Iterable[Vector]) -> dict[str, ParamValue] | None:
        """The first of the points that was not tried, as parameters."""
        for point in points:
            params = self.space.decode(point)
            if self.space.key(params) not in self.taken:
                return params
        return None

    def anything(self, rng: np.random.Generator) -> dict[str, ParamValue] | None:
        """A random assignment of the subspace that was not tried; None if none is left."""
        if self.space.size(self.free) <= ENUMERATE:
            return self.fresh(rng.permutation(self.space.grid(self.base, self.free)))
        return self.fresh(self.uniform(1000, rng))

    def uniform(self, count: int, rng: np.random.Generator) -> Matrix:
        """Random points of the subspace."""
        points = self.space.snap(rng.random((count, len(self.base))))
        points[:, ~self.free] = self.base[~self.free]
        return points

    def near(self, centres: Matrix, count: int, rng: np.random.Generator, most: int = 2) -> Matrix:
        """Points that differ from a centre in one to `most` knobs: half go anywhere, half by steps of all sizes."""
        d, axes = len(self.base), np.flatnonzero(self.free)
        points = centres[rng.integers(len(centres), size=count)].copy()
        points[:, ~self.free] = self.base[~self.free]
        rank = rng.random((count, len(axes))).argsort(axis=1)
        moved = np.zeros((count, d), dtype=bool)
        moved[:, axes] = rank < rng.integers(1, most + 1, size=(count, 1))
        scale = 0.3 * 10 ** -rng.uniform(0, 2, size=(count, 1))
        steps = points + scale * rng.normal(size=(count, d))
        anywhere = (rng.random((count, 1)) < 0.5) | self.space.unordered
        return self.space.snap(np.where(moved, np.where(anywhere, rng.random((count, d)), steps), points))


class Memory:
    """Turns trials into views; keeps the encoded points, which is what takes time."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._encoded: dict[Key, Vector] = {}

    def encode(self, params: Params) -> Vector:
        key = self.space.key(params)
        if key not in self._encoded:
            self._encoded[key] = self.space.encode(params)
        return self._encoded[key]

    def view(self, trials: Sequence[Tried], base: Params, free: Mask) -> View:
        taken = {self.space.key(t.params) for t in trials}
        known = [t.score for t in trials if t.score is not None]
        worst, middle = (min(known), float(np.median(known))) if known else (0.0, 0.0)
        scores = np.array([middle if t.verdict is None else worst if t.score is None else t.score for t in trials])
        chosen = list(range(len(trials)))
        if len(trials) > REMEMBERED:
            best = np.argpartition(-scores, REMEMBERED // 2)[: REMEMBERED // 2].tolist()
            chosen = sorted({*best, *chosen[-REMEMBERED // 2 :]})
        return View(
            self.space,
            np.stack([self.encode(trials[i].params) for i in chosen]),
            scores[chosen],
            np.array([float(max(1, trials[i].replicates)) for i in chosen]),
            taken,
            self.encode(base),
            free,
        )
