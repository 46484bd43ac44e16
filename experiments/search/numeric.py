"""The numeric search over the declared knobs, alone or as the drive of another policy."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from nightlab.experiments.records import Knob, ParamValue
from nightlab.experiments.search.policy import Exhausted, Proposal, Tried, generator, incumbent
from nightlab.experiments.search.space import ENUMERATE, Key, Mask, Matrix, Space, Vector

REMEMBERED = 200  # trials that a model is fitted to: half the best, half the latest


@dataclass(frozen=True)
class View:
    """What a sampler sees: the points tried with their scores, and the subspace in which it may move."""

    space: Space
    points: Matrix
    scores: Vector
    taken: set[Key]
    base: Vector
    free: Mask

    def candidates(self, rng: np.random.Generator) -> Matrix:
        """Untried points of the subspace: all where they are few, else a sample with neighbours of the best."""
        few = self.space.size(self.free) <= ENUMERATE
        points = self.space.grid(self.base, self.free) if few else self._sample(rng)
        fresh = [self.space.key(self.space.decode(p)) not in self.taken for p in points]
        return points[fresh]

    def _sample(self, rng: np.random.Generator) -> Matrix:
        count, d = 2000, len(self.base)
        points = rng.random((count, d))
        best = self.points[np.argsort(-self.scores)[:5]]
        near = best[rng.integers(len(best), size=count)]
        move = rng.random((count, d)) < np.maximum(0.3, 1 / d)
        near = np.where(move, near + rng.normal(scale=0.1, size=(count, d)), near)
        points = np.concatenate([points, near])
        points[:, ~self.free] = self.base[~self.free]
        return np.unique(self.space.snap(points), axis=0)


class Sampler(Protocol):
    def suggest(self, view: View, rng: np.random.Generator) -> Vector | None: ...


class RandomSampler:
    def suggest(self, view: View, rng: np.random.Generator) -> Vector | None:
        candidates = view.candidates(rng)
        return candidates[rng.integers(len(candidates))] if len(candidates) else None


class OptunaSampler:
    """Optuna's multivariate TPE (Bergstra et al. 2011; Falkner et al. 2018) over the free knobs."""

    STARTUP = 8
    TRIES = 8

    def suggest(self, view: View, rng: np.random.Generator) -> Vector | None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        knobs = [k for k, moves in zip(view.space.knobs, view.free, strict=True) if moves]
        distributions = {k.name: distribution(k) for k in knobs}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(
                multivariate=True, n_startup_trials=self.STARTUP, seed=int(rng.integers(2**31))
            )
        study = optuna.create_study(direction="maximize", sampler=sampler)
        for point, score in zip(view.points, view.scores, strict=True):
            params = view.space.decode(point)
            params = {k.name: params[k.name] for k in knobs}
            study.add_trial(optuna.trial.create_trial(params=params, distributions=distributions, value=float(score)))
        for _ in range(self.TRIES):
            asked = study.ask(distributions).params
            point = view.base.copy()
            point[view.free] = view.space.encode({**view.space.decode(view.base), **asked})[view.free]
            if view.space.key(view.space.decode(point)) not in view.taken:
                return point
        return RandomSampler().suggest(view, rng)


def distribution(knob: Knob) -> Any:
    """Optuna's distribution of a knob."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if knob.type == "choice":
        return CategoricalDistribution(knob.choices)
    if knob.type == "int":
        return IntDistribution(int(knob.low), int(knob.high), log=knob.log)
    return FloatDistribution(knob.low, knob.high, log=knob.log)


SAMPLERS: dict[str, type[Sampler]] = {"random": RandomSampler, "tpe": OptunaSampler}


class Memory:
    """What a policy knows of the trials; caches the encoding, which is all that is slow."""

    def __init__(self, space: Space) -> None:
        self.space = space
        self._known: dict[int, tuple[Key, Vector]] = {}

    def view(self, trials: Sequence[Tried], base: Vector, free: Mask) -> View:
        taken = set()
        for t in trials:
            key = self.space.key(t.params)
            if t.number not in self._known or self._known[t.number][0] != key:
                self._known[t.number] = key, self.space.encode(t.params)
            taken.add(key)
        scored = [t for t in trials if t.score is not None or t.verdict == "failed"]
        worst = min((t.score for t in scored if t.score is not None), default=0.0)
        if len(scored) > REMEMBERED:
            ranked = sorted(scored, key=lambda t: -(worst if t.score is None else t.score))
            chosen = {t.number for t in ranked[: REMEMBERED // 2]} | {t.number for t in scored[-REMEMBERED // 2 :]}
            scored = [t for t in scored if t.number in chosen]
        points = np.array([self._known[t.number][1] for t in scored]).reshape(-1, len(self.space.knobs))
        scores = np.array([worst if t.score is None else t.score for t in scored])
        return View(self.space, points, scores, taken, base, free)


class Numeric:
    """A sampler by itself: every knob of the strategies moves at once."""

    def __init__(self, name: str, *, knobs: Sequence[Knob], strategies: Sequence[str], seed: int) -> None:
        self.space, self.seed, self.name = Space(knobs), seed, name
        self.free = self.space.mask(strategies)
        self.sampler = SAMPLERS[name]()
        self.memory = Memory(self.space)
        self.base = self.space.encode({k.name: k.default for k in knobs})

    def propose(self, trials: Sequence[Tried], number: int) -> Proposal:
        rng = generator(self.seed, number)
        point = self.sampler.suggest(self.memory.view(trials, self.base, self.free), rng)
        if point is None:
            raise Exhausted("every assignment of the knobs that may move was tried")
        params: dict[str, ParamValue] = self.space.decode(point)
        return Proposal(params=params, strategy="joint", parent=incumbent(trials).number, sampler=self.name)
