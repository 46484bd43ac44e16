"""A robust linear regression: a start, a scale, reweighted least squares, and weights for far-off features."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def run(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:
    """Estimate every data set of `inputs` and write the coefficients, the intercept first, to `coefficients.npz`."""
    rng = np.random.default_rng(seed)
    given, real = np.load(inputs / "simulated.npz"), np.load(inputs / "real.npz")
    simulated = [fitted(x, y, params, rng) for x, y in zip(given["x"], given["y"], strict=True)]
    np.savez(out / "coefficients.npz", simulated=np.stack(simulated), real=fitted(real["x"], real["y"], params, rng))


def fitted(x: Array, y: Array, params: dict[str, Any], rng: np.random.Generator) -> Array:
    """The coefficients (features + 1,) of y (rows,) on x (rows, features), the intercept first."""
    centre, width = np.median(x, axis=0), spread(x)
    level, unit = np.median(y), spread(y[:, None])[0]
    features = np.column_stack([np.ones(len(y)), (x - centre) / width])
    response = (y - level) / unit
    found = estimated(features, response, params, rng)
    slopes = found[1:] * unit / width
    return np.append(level + unit * found[0] - centre @ slopes, slopes)


def estimated(x: Array, y: Array, params: dict[str, Any], rng: np.random.Generator) -> Array:
    """Iteratively reweighted least squares on standardised data, from the start that is asked for."""
    trusted = LEVERAGE[params["leverage"]](x, params["leverage_cut"])
    found = STARTS[params["start"]](x, y, params, rng)
    weight = LOSSES[params["loss"]]
    scale = SCALES[params["scale"]](y - x @ found, x.shape[1])
    for _ in range(params["iterations"]):
        if params["rescale"]:
            scale = SCALES[params["scale"]](y - x @ found, x.shape[1])
        off = np.abs(y - x @ found) / (params["tuning"] * scale)
        found, before = solved(x, y, trusted * weight(off), params["ridge"]), found
        if np.abs(found - before).max() < 1e-8:
            break
    return found


def solved(x: Array, y: Array, weights: Array, ridge: float) -> Array:
    """Weighted least squares with a penalty on the slopes."""
    gram = (x * weights[:, None]).T @ x
    penalty = np.diag([1e-9, *[ridge + 1e-9] * (x.shape[1] - 1)])
    return np.linalg.solve(gram + penalty, x.T @ (weights * y))


def spread(x: Array) -> Array:
    """The median absolute deviation of each column, scaled for a normal; else the standard deviation, else 1."""
    middle = 1.4826 * np.median(np.abs(x - np.median(x, axis=0)), axis=0)
    width = np.where(middle > 1e-12, middle, x.std(axis=0))
    return np.where(width > 1e-12, width, 1.0)


def least_squares(x: Array, y: Array, params: dict[str, Any], rng: np.random.Generator) -> Array:  # noqa: ARG001
    return solved(x, y, np.ones(len(y)), params["ridge"])


def least_absolute(x: Array, y: Array, params: dict[str, Any], rng: np.random.Generator) -> Array:
    """Least absolute deviations, by reweighting."""
    found = least_squares(x, y, params, rng)
    for _ in range(20):
        found = solved(x, y, 1 / np.maximum(np.abs(y - x @ found), 1e-3), params["ridge"])
    return found


def trimmed(x: Array, y: Array, params: dict[str, Any], rng: np.random.Generator) -> Array:
    """Least trimmed squares: from small random subsets, each concentrated on the rows that it fits best."""
    kept = max(x.shape[1] + 1, int(params["coverage"] * len(y)))
    best, least = least_squares(x, y, params, rng), np.inf
    for _ in range(params["subsets"]):
        rows = rng.choice(len(y), x.shape[1] + 1, replace=False)
        for _ in range(4):
            found = solved(x[rows], y[rows], np.ones(len(rows)), params["ridge"])
            squares = (y - x @ found) ** 2
            rows = np.argpartition(squares, kept - 1)[:kept]
        if (value := float(squares[rows].sum())) < least:
            best, least = found, value
    return best


def hat(x: Array, cut: float) -> Array:
    """Rows of high leverage count less: as their diagonal of the hat matrix exceeds `cut` times its mean."""
    leverage = np.einsum("ij,ji->i", x, np.linalg.pinv(x))
    return np.minimum(1.0, cut * leverage.mean() / leverage.clip(1e-12))


def far(x: Array, cut: float) -> Array:
    """Rows count less as their robust distance from the middle exceeds `cut` times its median."""
    distance = np.sqrt(((x[:, 1:]) ** 2).sum(axis=1))
    return np.minimum(1.0, cut * np.median(distance) / distance.clip(1e-12)) ** 2


def deviation(residuals: Array, coefficients: int) -> float:  # noqa: ARG001
    return max(1e-6, 1.4826 * float(np.median(np.abs(residuals - np.median(residuals)))))


def middle(residuals: Array, coefficients: int) -> float:
    """From the median absolute residual, with the correction for small samples that Rousseeuw and Leroy give."""
    size = len(residuals)
    return max(1e-6, 1.4826 * (1 + 5 / (size - coefficients)) * float(np.median(np.abs(residuals))))


def quartiles(residuals: Array, coefficients: int) -> float:  # noqa: ARG001
    low, high = np.quantile(residuals, [0.25, 0.75])
    return max(1e-6, float(high - low) / 1.349)


Start = Callable[[Array, Array, dict[str, Any], np.random.Generator], Array]
STARTS: dict[str, Start] = {
    "least_squares": least_squares,
    "least_absolute": least_absolute,
    "trimmed": trimmed,
}
LEVERAGE: dict[str, Callable[[Array, float], Array]] = {
    "none": lambda x, _: np.ones(len(x)),
    "hat": hat,
    "far": far,
}
SCALES = {"deviation": deviation, "middle": middle, "quartiles": quartiles}
LOSSES: dict[str, Callable[[Array], Array]] = {  # the weight of a residual, in units of the tuning constant
    "huber": lambda off: 1 / np.maximum(off, 1.0),
    "bisquare": lambda off: np.where(off < 1, (1 - np.minimum(off, 1.0) ** 2) ** 2, 0.0),
    "cauchy": lambda off: 1 / (1 + off**2),
    "welsch": lambda off: np.exp(-(off**2)),
    "hard": lambda off: (off < 1).astype(float),
}
