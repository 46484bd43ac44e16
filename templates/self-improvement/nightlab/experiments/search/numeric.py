"""The numeric search over the declared knobs, alone or as the drive of another policy."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from nightlab.experiments.records import Knob, ParamValue
from nightlab.experiments.search.memory import Memory, SearchView
from nightlab.experiments.search.policy import Exhausted, Proposal, Tried, generator, incumbent
from nightlab.experiments.search.space import Space
from nightlab.experiments.search.surrogate import Landscapes, winsorized

SPREAD = 2  # trials before a model is worth its name; until then points far from those tried
FEW = 3  # random points of which the farthest is taken: of many, it would always be a corner
OPTIMISM = 3.0, 6.0  # standard deviations above the mean, after an improvement and when none has come for long
LONG = 60  # trials without one
CENTRES = 2  # the best, around which candidates lie
POOL = (500, 1000)  # candidates near the best and anywhere


class Sampler(Protocol):
    """A numeric method: the next assignment within a view's subspace, or None if nothing there is untried."""

    name: str

    def suggest(self, view: SearchView, rng: np.random.Generator) -> dict[str, ParamValue] | None: ...


class Random:
    name = "random"

    def suggest(self, view: SearchView, rng: np.random.Generator) -> dict[str, ParamValue] | None:
        return view.anything(rng)


class Step:
    """A random change of one or two knobs of the base."""

    name = "local step"

    def suggest(self, view: SearchView, rng: np.random.Generator) -> dict[str, ParamValue] | None:
        return view.fresh(view.near(view.base[None, :], 50, rng)) or view.anything(rng)


class Surrogate:
    """The highest upper confidence bound (GP-UCB: Srinivas et al., ICML 2010) under `Landscapes`.

    The bound rises while nothing better is found, so that a search that is stuck looks elsewhere. Candidates are the
    neighbours of the best, as in SMAC (Hutter et al., LION 2011), and random points. Each of the first trials is the
    farthest of a few random points from those tried (maximin: Johnson et al., 1990).
    """

    name = "Gaussian process"

    def suggest(self, view: SearchView, rng: np.random.Generator) -> dict[str, ParamValue] | None:
        if len(view.points) < SPREAD:
            pool = view.uniform(FEW, rng)
            order = np.argsort(-_gaps(pool, view), kind="stable")
            return view.fresh(pool[order]) or view.anything(rng)
        model = Landscapes(view.points, winsorized(view.scores), view.replicates, view.space)
        centres = view.points[np.argsort(-model.fitted, kind="stable")[:CENTRES]]
        pool = np.concatenate([view.near(centres, POOL[0], rng), view.uniform(POOL[1], rng)])
        stalled = len(view.points) - 1 - int(np.argmax(view.scores))
        order = np.argsort(-model.upper_bound(pool, float(np.interp(stalled, (0, LONG), OPTIMISM))), kind="stable")
        return view.fresh(pool[order]) or view.anything(rng)


def _gaps(pool: np.ndarray[Any, Any], view: SearchView) -> np.ndarray[Any, Any]:
    """Squared distance of each point of the pool to the nearest one tried; unordered knobs differ or do not."""
    difference = pool[:, None, :] - view.points[None, :, :]
    difference[:, :, view.space.unordered] = difference[:, :, view.space.unordered] != 0
    return np.asarray((difference**2).sum(axis=2).min(axis=1))


class ParzenTree:
    """Optuna's tree-structured Parzen estimator (Bergstra et al., NeurIPS 2011; Watanabe, 2023)."""

    name = "TPE"

    def suggest(self, view: SearchView, rng: np.random.Generator) -> dict[str, ParamValue] | None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.WARNING)
        knobs = [k for k, moves in zip(view.space.knobs, view.free, strict=True) if moves]
        distributions = {k.name: distribution(k) for k in knobs}
        study = optuna.create_study(
            direction="maximize", sampler=optuna.samplers.TPESampler(seed=int(rng.integers(2**31)))
        )
        for point, score in zip(view.points, view.scores, strict=True):
            params = view.space.decode(point)
            study.add_trial(
                optuna.trial.create_trial(
                    params={k.name: params[k.name] for k in knobs}, distributions=distributions, value=float(score)
                )
            )
        base = view.space.decode(view.base)
        for _ in range(10):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
                asked = {**base, **study.ask(distributions).params}
            if fresh := view.fresh([view.space.encode(asked)]):
                return fresh
        return view.anything(rng)


def distribution(knob: Knob) -> Any:
    """The knob as Optuna names it."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if knob.type == "choice":
        return CategoricalDistribution(knob.choices)
    if knob.type == "int":
        return IntDistribution(int(knob.low), int(knob.high), log=knob.log)
    return FloatDistribution(knob.low, knob.high, log=knob.log)


class CovarianceMatrix:
    """CMA-ES (Hansen and Ostermeier, Evolutionary Computation 9, 2001), with a margin for grids (Hamano et al., 2022).

    Its state follows from the trials: they are told to it again in their order, a generation at a time.
    """

    name = "CMA-ES"

    def suggest(self, view: SearchView, rng: np.random.Generator) -> dict[str, ParamValue] | None:
        from cmaes import CMA

        axes = np.flatnonzero(view.free)
        if len(axes) < 2:  # it learns covariances, and there are none
            return Step().suggest(view, rng)
        bounds = np.tile([0.0, 1.0], (len(axes), 1))
        method = CMA(mean=view.base[axes], sigma=0.25, bounds=bounds, seed=int(rng.integers(2**31)))
        size = method.population_size
        for start in range(0, len(view.points) - size + 1, size):
            generation = range(start, start + size)
            method.tell([(view.points[i, axes], -float(view.scores[i])) for i in generation])
        pool = np.tile(view.base, (50, 1))
        pool[:, axes] = [method.ask() for _ in pool]
        return view.fresh(view.space.snap(pool)) or view.anything(rng)


SAMPLERS: Mapping[str, type[Sampler]] = {
    "gp": Surrogate,
    "tpe": ParzenTree,
    "cmaes": CovarianceMatrix,
    "random": Random,
}


class Numeric:
    """A sampler by itself: every knob of the strategies moves at once."""

    def __init__(self, name: str, *, knobs: Sequence[Knob], strategies: Sequence[str], seed: int) -> None:
        self._space, self._seed = Space(knobs), seed
        self._free = self._space.mask(strategies)
        self._sampler = SAMPLERS[name]()
        self._memory = Memory(self._space)
        self._defaults = {k.name: k.default for k in knobs}
        self._label = strategies[0] if len(strategies) == 1 else "joint"

    def propose(self, trials: Sequence[Tried], number: int) -> Proposal:
        view = self._memory.view(trials, self._defaults, self._free)
        params = self._sampler.suggest(view, generator(self._seed, number))
        if params is None:
            raise Exhausted
        parent = incumbent(trials).number
        return Proposal(params=params, strategy=self._label, parent=parent, sampler=self._sampler.name)
