"""Gaussian processes over the knobs, made for few, noisy and mixed data."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import linalg, special

from nightlab.experiments.search.space import Matrix, Space, Vector

LENGTHS = (0.2, 0.37, 0.67)  # on the unit axis of an ordered knob
NOISES = (0.003, 0.03, 0.3)  # variance of one run, relative to the signal's
ORDERED, UNORDERED = 4.5, 0.37  # weight of a knob's own part; the smaller, the more additive is what it does
COUNTS = 1.65, 0.37  # weight and length of the part that counts the choices of knobs alike
UNEVEN = 64  # landscapes in which each knob has a length and a weight of its own
SPREAD = 0.5  # standard deviation of the logarithms of lengths, common and own, and of weights
NEGLIGIBLE, MOST = 0.01, 12  # weight of a landscape that is left out, and how many are kept at most
DEPTH = 1.5  # how much further below the median than the best is above it a score may count


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """One landscape fitted to the trials. share: of the evidence. lengths, weights: (knobs,)."""

    share: float
    lengths: Vector
    weights: Vector
    chol: Matrix
    mean: float
    alpha: Vector
    scale: float


class Landscapes:
    """Gaussian processes averaged by their evidence (Hoeting et al., Statistical Science 14, 1999): from few trials,
    that finds more than fitting hyper-parameters to them.

    The kernel is prod_i (1 + w_i k_i) / (1 + w_i): all main effects and interactions at once, the ANOVA kernel
    (Durrande et al., J. Multivariate Analysis 115, 2013). k_i is Matern 5/2 along an ordered knob and equality for an
    unordered one. Unordered knobs with the same choices share a part in which their counts are compared, as in the
    kernels over architectures of NAS-BOWL (Ru et al., ICLR 2021). Mean and scale have closed forms.

    In some landscapes all knobs are even. In the others each has a length and a weight of its own, drawn anew for each
    number of trials, so that a knob that does little is found out as by automatic relevance determination (Neal, 1996).

    points: (n, knobs) in the unit cube; targets: (n,); replicates: (n,) runs behind each target.
    """

    def __init__(self, points: Matrix, targets: Vector, replicates: Vector, space: Space) -> None:
        self._points, self._space = points, space
        n = len(points)
        lengths, weights, noises = _prior(space, n)
        kernels = self._kernels(points, lengths, weights)
        chols = np.linalg.cholesky(kernels + np.eye(n) * (noises[:, None] / replicates)[:, None, :])
        columns = np.column_stack([np.ones(n), targets])
        ones, heights = np.moveaxis(np.stack([_solved(chol, columns) for chol in chols]), 2, 0)
        means = (ones * heights).sum(axis=1) / (ones**2).sum(axis=1)
        rests = heights - means[:, None] * ones
        scales = np.maximum((rests**2).sum(axis=1) / n, 1e-9)
        # the logarithm of the likelihood with mean and scale at their best, up to a constant
        evidence = -0.5 * n * np.log(scales) - np.log(np.diagonal(chols, axis1=1, axis2=2)).sum(axis=1)
        shares = special.softmax(evidence)
        kept = np.argsort(-shares, kind="stable")[:MOST]
        kept = kept[shares[kept] > min(NEGLIGIBLE, shares[kept[0]] / 2)]
        shares = shares / shares[kept].sum()
        self._fits = [
            _Fit(
                share=float(shares[i]),
                lengths=lengths[i],
                weights=weights[i],
                chol=chols[i],
                mean=float(means[i]),
                alpha=linalg.solve_triangular(chols[i], rests[i], lower=True, trans="T", check_finite=False),
                scale=float(scales[i]),
            )
            for i in kept
        ]
        self.fitted: Vector = np.sum(  # the posterior mean at the points
            [fit.share * (fit.mean + kernels[i] @ fit.alpha) for i, fit in zip(kept, self._fits, strict=True)], axis=0
        )

    def predict(self, points: Matrix) -> Iterator[tuple[float, Vector, Vector]]:
        """Of each landscape its share, the posterior mean and the standard deviation of the function, without the
        noise, at (m, knobs) points."""
        lengths, weights = (np.stack([getattr(fit, what) for fit in self._fits]) for what in ("lengths", "weights"))
        for fit, cross in zip(self._fits, self._kernels(points, lengths, weights), strict=True):
            variance = fit.scale * np.maximum(1e-9, 1 - (_solved(fit.chol, cross.T) ** 2).sum(axis=0))
            yield fit.share, fit.mean + cross @ fit.alpha, np.sqrt(variance)

    def upper_bound(self, points: Matrix, deviations: float) -> Vector:
        """The mean plus so many standard deviations: what the function may well reach (Srinivas et al., ICML 2010)."""
        return np.asarray(np.sum([w * (mean + deviations * sd) for w, mean, sd in self.predict(points)], axis=0))

    def _kernels(self, points: Matrix, lengths: Matrix, weights: Matrix) -> npt.NDArray[np.float64]:
        """Of each landscape, between (m, knobs) points and those of the trials: (landscapes, m, n)."""
        kernels = np.ones((len(lengths), len(points), len(self._points)))
        for axis, unordered in enumerate(self._space.unordered):
            levels, place = np.unique(points[:, axis], return_inverse=True)
            apart = np.abs(levels[:, None] - self._points[None, :, axis])
            own, length = weights[:, axis, None, None], lengths[:, axis, None, None]
            alike = (apart == 0).astype(float) if unordered else _matern(apart / length)
            kernels *= ((1 + own * alike) / (1 + own))[:, place]
        weight, scale = COUNTS
        for knobs in self._space.alike:
            apart = _distances(self._space.counts(points, knobs), self._space.counts(self._points, knobs))
            kernels *= (1 + weight * _matern(apart / scale)) / (1 + weight)
        return kernels


def _prior(space: Space, trials: int) -> tuple[Matrix, Matrix, Vector]:
    """Lengths and weights (landscapes, knobs) and noises (landscapes,): first the even landscapes, then the others."""
    d, even, rng = len(space.knobs), np.array(list(product(LENGTHS, NOISES))), np.random.default_rng(trials)
    common, own, weight = (SPREAD * rng.normal(size=(UNEVEN, columns)) for columns in (1, d, d))
    middle = np.where(space.unordered, UNORDERED, ORDERED)
    return (
        np.concatenate([np.repeat(even[:, :1], d, axis=1), LENGTHS[1] * np.exp(common + own)]),
        np.concatenate([np.tile(middle, (len(even), 1)), middle * np.exp(weight)]),
        np.concatenate([even[:, 1], np.exp(rng.uniform(math.log(NOISES[0]), math.log(NOISES[-1]), UNEVEN))]),
    )


def _solved(chol: Matrix, right: Matrix) -> Matrix:
    return np.asarray(linalg.solve_triangular(chol, right, lower=True, check_finite=False))


def _matern(distance: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Matern 5/2 at scaled distances."""
    r = math.sqrt(5) * distance
    return np.asarray((1 + r + r * r / 3) * np.exp(-r))


def _distances(a: Matrix, b: Matrix) -> Matrix:
    squared = (a**2).sum(axis=1)[:, None] + (b**2).sum(axis=1) - 2 * a @ b.T
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)))


def winsorized(values: Vector) -> Vector:
    """Standardised values; those far below the median are lifted to DEPTH times the best's height above it.

    What is bad is only known to be bad: by how much (a diverged training, a failure) must not bend the model where it
    matters. The cut is that of winsorized means (Dixon, Annals of Mathematical Statistics 31, 1960), on one side.
    """
    middle = float(np.median(values))
    height = float(values.max()) - middle
    cut = np.maximum(values, middle - DEPTH * height) if height > 0 else values
    cut = np.array(scaled(cut.tolist()))
    spread = float(cut.std())
    return np.asarray((cut - cut.mean()) / spread) if spread > 0 else cut


def scaled(values: Sequence[float]) -> list[float]:
    """The values less their median, in units of the greatest distance from it; zeros where they are equal.

    Their order and the shares of their variance stay, and no square of them overflows or vanishes.
    """
    middle = statistics.median(values)
    unit = max(abs(v - middle) for v in values) or 1.0
    return [(v - middle) / unit for v in values]
