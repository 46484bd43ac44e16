"""Gaussian processes over the knobs, made for few, noisy and mixed data."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt
from scipy import linalg, special

from nightlab.experiments.search.space import Matrix, Space, Vector

LENGTHS = (0.2, 0.37, 0.67)  # on the unit axis of an ordered knob
NOISES = (0.003, 0.03, 0.3)  # variance of one run, relative to the signal's
ORDERED, UNORDERED = 4.5, 0.37  # weight of a knob's own part; the smaller, the more additive is what it does
COUNTS = 1.65, 0.37  # weight and length of the part that counts the choices of knobs alike
NEGLIGIBLE = 0.01  # weight of a landscape that is left out
DEPTH = 1.5  # how much further below the median than the best is above it a score may count


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """One landscape fitted to the trials."""

    length: float
    chol: Matrix
    mean: float
    alpha: Vector
    scale: float
    evidence: float  # the logarithm of the likelihood with mean and scale at their best, up to a constant


class Landscapes:
    """Gaussian processes of fixed lengths and noises, averaged by their evidence (Hoeting et al., Statistical Science
    14, 1999): from few trials, that finds more than fitting many hyper-parameters to them.

    The kernel is prod_i (1 + w_i k_i) / (1 + w_i): all main effects and interactions at once, the ANOVA kernel
    (Durrande et al., J. Multivariate Analysis 115, 2013). k_i is Matern 5/2 along an ordered knob and equality for an
    unordered one. Unordered knobs with the same choices share a part in which their counts are compared, as in the
    kernels over architectures of NAS-BOWL (Ru et al., ICLR 2021). Mean and scale have closed forms.

    points: (n, knobs) in the unit cube; targets: (n,); replicates: (n,) runs behind each target.
    """

    def __init__(self, points: Matrix, targets: Vector, replicates: Vector, space: Space) -> None:
        self._points, self._space = points, space
        self._kernels = {length: self._kernel(points, length) for length in LENGTHS}
        fits = [self._fit(length, noise / replicates, targets) for length in LENGTHS for noise in NOISES]
        evidence = np.array([fit.evidence for fit in fits])
        weights = special.softmax(evidence)
        kept = weights > NEGLIGIBLE
        weights = weights / weights[kept].sum()
        self._fits = [(float(w), fit) for w, fit, keep in zip(weights, fits, kept, strict=True) if keep]

    @property
    def fitted(self) -> Vector:
        """The posterior mean at the points."""
        return np.asarray(
            np.sum([w * (fit.mean + self._kernels[fit.length] @ fit.alpha) for w, fit in self._fits], axis=0)
        )

    def predict(self, points: Matrix) -> Iterator[tuple[float, Vector, Vector]]:
        """Of each landscape its weight, the posterior mean and the standard deviation of the function, without the
        noise, at (m, knobs) points."""
        for length, fits in groupby(self._fits, lambda pair: pair[1].length):
            cross = self._kernel(points, length)
            for weight, fit in fits:
                explained = linalg.solve_triangular(fit.chol, cross.T, lower=True, check_finite=False)
                variance = fit.scale * np.maximum(1e-9, 1 - (explained**2).sum(axis=0))
                yield weight, fit.mean + cross @ fit.alpha, np.sqrt(variance)

    def upper_bound(self, points: Matrix, deviations: float) -> Vector:
        """The mean plus so many standard deviations: what the function may well reach (Srinivas et al., ICML 2010)."""
        return np.asarray(np.sum([w * (mean + deviations * sd) for w, mean, sd in self.predict(points)], axis=0))

    def _fit(self, length: float, nugget: Vector, targets: Vector) -> _Fit:
        n = len(targets)
        chol = linalg.cholesky(self._kernels[length] + np.diag(nugget), lower=True, check_finite=False)
        whitened = linalg.solve_triangular(chol, np.column_stack([np.ones(n), targets]), lower=True, check_finite=False)
        mean = float(whitened[:, 0] @ whitened[:, 1] / (whitened[:, 0] @ whitened[:, 0]))
        rest = whitened[:, 1] - mean * whitened[:, 0]
        scale = max(float(rest @ rest) / n, 1e-9)
        return _Fit(
            length=length,
            chol=chol,
            mean=mean,
            alpha=linalg.solve_triangular(chol, rest, lower=True, trans="T", check_finite=False),
            scale=scale,
            evidence=-0.5 * n * math.log(scale) - float(np.log(np.diag(chol)).sum()),
        )

    def _kernel(self, points: Matrix, length: float) -> Matrix:
        """Between (m, knobs) points and those of the trials."""
        kernel = np.ones((len(points), len(self._points)))
        for axis, unordered in enumerate(self._space.unordered):
            levels, place = np.unique(points[:, axis], return_inverse=True)
            apart = np.abs(levels[:, None] - self._points[None, :, axis])
            alike = (apart == 0).astype(float) if unordered else _matern(apart / length)
            weight = UNORDERED if unordered else ORDERED
            kernel *= ((1 + weight * alike) / (1 + weight))[place]
        weight, scale = COUNTS
        for knobs in self._space.alike:
            apart = _distances(self._space.counts(points, knobs), self._space.counts(self._points, knobs))
            kernel *= (1 + weight * _matern(apart / scale)) / (1 + weight)
        return kernel


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
    spread = float(cut.std())
    return np.asarray((cut - cut.mean()) / spread) if spread > 0 else np.zeros_like(cut)
