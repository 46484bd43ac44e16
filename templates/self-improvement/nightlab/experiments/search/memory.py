"""What a search policy remembers of the trials, as arrays that models can be fitted to."""

from __future__ import annotations

import functools
import itertools
import math
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nightlab.experiments.first_seen import FirstSeen
from nightlab.experiments.records import Params, ParamValue
from nightlab.experiments.search.policy import Tried
from nightlab.experiments.search.space import ENUMERATE, Key, Mask, Matrix, Space, Vector

CACHED = 2048  # encoded assignments at hand
REMEMBERED = 100  # trials that a model is fitted to: half the best, half the latest


@dataclass(frozen=True)
class SearchView:
    """The trials as points with scores, and the subspace in which the next one may move.

    points: (n, knobs), oldest first. scores: (n,), a failed trial's is the worst there is, a running one's the median
    (the constant liar of Ginsbourger et al., 2010). replicates: (n,). base: the point whose other knobs stay.
    """

    space: Space
    points: Matrix
    scores: Vector
    replicates: Vector
    taken: FirstSeen
    base: Vector
    free: Mask

    def tried(self, params: Params) -> bool:
        return hash(self.space.key(params)) in self.taken

    def fresh(self, points: Iterable[Vector]) -> dict[str, ParamValue] | None:
        """The first of the points that is valid and was not tried, as parameters."""
        for point in points:
            params = self.space.decode(point)
            if not self.tried(params) and self.space.valid(params):
                return params
        return None

    def anything(self, rng: np.random.Generator) -> dict[str, ParamValue] | None:
        """A random assignment of the subspace that was not tried; None if none is left."""
        if self.space.size(self.free) <= ENUMERATE:
            return self.fresh(rng.permutation(self.space.grid(self.base, self.free)))
        draws = range(50 if self.space.ruled else 1)  # few may be valid
        return next((params for _ in draws if (params := self.fresh(self.uniform(1000, rng)))), None)

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
    """Turns trials into views; keeps what it learnt of settled trials, so that a view costs the same after many."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._position = functools.lru_cache(maxsize=CACHED)(self._encode)
        self._settled: list[Tried] = []  # the leading trials whose verdicts stand
        self._scores = array("d")  # theirs; NaN where one failed
        self._taken = FirstSeen()  # by the hash of their keys

    def encode(self, params: Params) -> Vector:
        return self._position(self.space.key(params))

    def _encode(self, key: Key) -> Vector:
        return self.space.encode({k.name: value for k, value in zip(self.space.knobs, key, strict=True)})

    def view(self, trials: Sequence[Tried], base: Params, free: Mask) -> SearchView:
        rest = self._learn(trials)
        scores = np.concatenate([np.array(self._scores), [math.nan if t.score is None else t.score for t in rest]])
        known = scores[~np.isnan(scores)]
        worst, middle = (float(known.min()), float(np.median(known))) if len(known) else (0.0, 0.0)
        for i, t in enumerate(rest, start=len(self._settled)):
            scores[i] = middle if t.verdict is None else scores[i]
        scores[np.isnan(scores)] = worst
        chosen = list(range(len(trials)))
        if len(trials) > REMEMBERED:
            best = np.argpartition(-scores, REMEMBERED // 2)[: REMEMBERED // 2].tolist()
            chosen = sorted({*best, *chosen[-REMEMBERED // 2 :]})
        return SearchView(
            self.space,
            np.stack([self.encode(trials[i].params) for i in chosen]),
            scores[chosen],
            np.array([float(max(1, trials[i].replicates)) for i in chosen]),
            self._taken,
            self.encode(base),
            free,
        )

    def _learn(self, trials: Sequence[Tried]) -> Sequence[Tried]:
        """Take in what is new of the trials; returns those after the leading settled ones."""
        known = len(self._settled)
        if known and (len(trials) < known or any(trials[i] is not self._settled[i] for i in (0, known - 1))):
            self._settled, self._scores, self._taken, known = [], array("d"), FirstSeen(), 0  # other trials than before
        rest = trials[known:]
        for t in rest:
            self._taken.add(hash(self.space.key(t.params)), t.number)
        for t in itertools.takewhile(lambda t: t.verdict is not None, rest):
            self._settled.append(t)
            self._scores.append(math.nan if t.score is None else t.score)
        return trials[len(self._settled) :]
