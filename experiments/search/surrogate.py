"""A Gaussian process over the knobs, made for few, noisy and mixed data."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import linalg, optimize, special

from nightlab.experiments.search.space import Mask, Matrix, Vector

ITERATIONS = 30  # of the fit; the prior keeps what is not yet learned in bounds
DEPTH = 1.5  # how much further below the median than the best is above it a score may count
FAR = 6.0  # standard deviations below the best where the asymptotic form takes over


@dataclass(frozen=True, kw_only=True)
class Prior:
    """Medians (as logarithms) of the hyper-parameters' log-normal priors, and their widths."""

    weight: float  # of a knob's own part; the smaller, the more additive and the less relevant the knob
    length: float  # scale on the unit axis
    noise: float  # variance of one run, relative to the signal
    spread: tuple[float, float, float] = (0.7, 0.5, 1.0)

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> Prior:
        """A draw over what is plausible: from bumpy to smooth, from additive to interacting, little or much noise."""
        return cls(
            weight=rng.uniform(-1.0, 2.0),
            length=rng.uniform(-1.5, 0.0),
            noise=rng.uniform(math.log(0.01), math.log(0.2)),
        )


class GaussianProcess:
    """Posterior of a function with kernel prod_i (1 + w_i k_i) / (1 + w_i): all main effects and interactions at once.

    That is the ANOVA kernel (Durrande et al., J. Multivariate Analysis 115, 2013). k_i is Matern 5/2 along an ordered
    knob and equality for an unordered one. Weights, lengths and noise maximise the posterior; the scale and the mean
    have closed forms. points: (n, knobs) in the unit cube; targets: (n,); replicates: (n,) runs behind each target.
    """

    def __init__(self, points: Matrix, targets: Vector, replicates: Vector, unordered: Mask, prior: Prior) -> None:
        self._points, self._targets, self._unordered = points, targets, unordered
        self._nugget = 1.0 / replicates
        self._distances = self._axes_distances(points)
        n, d = points.shape
        centre = np.concatenate([np.full(d, prior.weight), np.full(d, prior.length), [prior.noise]])
        width = np.repeat(prior.spread, [d, d, 1])
        low, high = np.repeat([-6.0, -3.0, -9.0], [d, d, 1]), np.repeat([6.0, 3.0, 2.0], [d, d, 1])
        fit = optimize.minimize(
            self._objective(centre, width),
            centre,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": ITERATIONS},
            bounds=list(zip(low, high, strict=True)),
        )
        self._theta: Vector = fit.x
        self._kernel_matrix = self._kernels(self._distances).prod(axis=0)
        self._chol = linalg.cholesky(
            self._kernel_matrix + np.diag(math.exp(self._theta[-1]) * self._nugget), lower=True, check_finite=False
        )
        ones = self._solve(np.ones(n))
        self._mean = float(ones @ targets / ones.sum())
        self._alpha = self._solve(targets - self._mean)
        self._scale = float((targets - self._mean) @ self._alpha) / n

    @property
    def fitted(self) -> Vector:
        """The posterior mean at the points."""
        return np.asarray(self._mean + self._kernel_matrix @ self._alpha)

    def predict(self, points: Matrix) -> tuple[Vector, Vector]:
        """Posterior mean and standard deviation of the function, without the noise, at (m, knobs) points."""
        cross = np.ones((len(points), len(self._points)))
        for i in range(points.shape[1]):
            levels, inverse = np.unique(points[:, i], return_inverse=True)
            cross *= self._kernel(i, self._distance(i, levels, self._points[:, i]))[inverse]
        explained = linalg.solve_triangular(self._chol, cross.T, lower=True, check_finite=False)
        variance = self._scale * np.maximum(1e-9, 1 - (explained**2).sum(axis=0))
        return self._mean + cross @ self._alpha, np.sqrt(variance)

    def _solve(self, right: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        solved: npt.NDArray[np.float64] = linalg.cho_solve((self._chol, True), right, check_finite=False)
        return solved

    def _distance(self, axis: int, a: Vector, b: Vector) -> Matrix:
        if self._unordered[axis]:
            return np.where(a[:, None] != b[None, :], np.inf, 0.0)
        return np.abs(a[:, None] - b[None, :])

    def _axes_distances(self, points: Matrix) -> npt.NDArray[np.float64]:
        return np.stack([self._distance(i, column, column) for i, column in enumerate(points.T)])

    def _kernel(self, axis: int, distance: Matrix) -> Matrix:
        weight, length = np.exp(self._theta[[axis, axis + len(self._unordered)]])
        return np.asarray((1 + weight * _matern(distance / length)[0]) / (1 + weight))

    def _kernels(self, distances: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.stack([self._kernel(i, distance) for i, distance in enumerate(distances)])

    def _objective(self, centre: Vector, width: Vector) -> Callable[[Vector], tuple[float, Vector]]:
        """Negative log posterior of the logarithms of (weights, lengths, noise) and its gradient."""
        y, d, n = self._targets, self._points.shape[1], len(self._targets)

        def objective(theta: Vector) -> tuple[float, Vector]:
            weights, lengths = np.exp(theta[:d])[:, None, None], np.exp(theta[d : 2 * d])[:, None, None]
            nugget = math.exp(theta[-1]) * self._nugget
            base, slope = _matern(self._distances / lengths)
            parts = 1 + weights * base
            kernel = (parts / (1 + weights)).prod(axis=0)
            try:
                chol = linalg.cholesky(kernel + np.diag(nugget), lower=True, check_finite=False)
            except linalg.LinAlgError:
                return 1e10, np.zeros_like(theta)
            inverse = linalg.cho_solve((chol, True), np.eye(n), check_finite=False)
            ones = inverse.sum(axis=1)
            residual = y - ones @ y / ones.sum()
            alpha = inverse @ residual
            scale = max(float(residual @ alpha) / n, 1e-12)
            outer = inverse - np.outer(alpha, alpha) / scale
            weighted = outer * kernel
            of_weights = 0.5 * (weighted * (weights * base / parts - weights / (1 + weights))).sum(axis=(1, 2))
            of_lengths = 0.5 * (weighted * (weights * slope / parts)).sum(axis=(1, 2))
            of_noise = 0.5 * float(np.diag(outer) @ nugget)
            pull = (theta - centre) / width
            value = 0.5 * n * math.log(scale) + float(np.log(np.diag(chol)).sum() + 0.5 * pull @ pull)
            return value, np.concatenate([of_weights, of_lengths, [of_noise]]) + pull / width

        return objective


def _matern(distance: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Matern 5/2 at scaled distances and its derivative by the logarithm of the length."""
    r = np.minimum(math.sqrt(5) * distance, 700.0)  # beyond that it is 0, also for the infinite one
    decay = np.exp(-r)
    return (1 + r + r * r / 3) * decay, r * r * (1 + r) / 3 * decay


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


def log_expected_improvement(mean: Vector, deviation: Vector, best: float) -> Vector:
    """log E[max(0, f - best)] for normal f, without underflow far below the best (Ament et al., NeurIPS 2023)."""
    deviation = np.maximum(deviation, 1e-12)
    z = (mean - best) / deviation
    near = np.maximum(z, -FAR)
    direct = np.log(np.exp(-0.5 * near**2) / math.sqrt(2 * math.pi) + near * special.ndtr(near))
    below = np.minimum(z, -FAR)
    tail = -0.5 * below**2 - 0.5 * math.log(2 * math.pi) - np.log(below**2 + 3)
    return np.asarray(np.log(deviation) + np.where(z > -FAR, direct, tail))
