"""Lays out simulated data sets whose truth is known, and a real one whose training responses are spoilt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes, load_wine

SETS, ROWS, FEATURES = 32, 100, 5  # simulated data sets, of which half are the holdout; their size
TRAIN, DEV = 200, 120  # rows of the real data; what is left is the holdout
SPOILT = 0.15  # share of the real training responses
SECOND_ROWS, SECOND_FEATURES = 60, 8  # of a simulated data set of the second task
SECOND_TRAIN, SECOND_DEV = 80, 50  # rows of its real data

Array = NDArray[np.float64]


def prepare(inputs: Path, private: Path, seed: int) -> None:
    """Write `simulated.npz` and `real.npz` to `inputs`; the truth and the real rows that are kept back to `private`."""
    data = load_diabetes()
    _laid_out(inputs, private, seed, (ROWS, FEATURES), (data.data, data.target), (TRAIN, DEV), (200, 400))


def prepare_second(inputs: Path, private: Path, seed: int) -> None:
    """The same for a second task: fewer rows, more features, and the alcohol of wines by their other measurements."""
    data = load_wine().data
    real = data[:, 1:] / data[:, 1:].std(axis=0), data[:, 0]
    _laid_out(inputs, private, seed, (SECOND_ROWS, SECOND_FEATURES), real, (SECOND_TRAIN, SECOND_DEV), (4, 8))


def _laid_out(
    inputs: Path,
    private: Path,
    seed: int,
    size: tuple[int, int],
    measured: tuple[Array, Array],
    parts: tuple[int, int],
    shift: tuple[float, float],
) -> None:
    """size: rows and features of a simulated set. measured: real features and responses; parts: rows of them for
    training and development; shift: by how much responses are spoilt, at least and at most."""
    rng = np.random.default_rng(seed)
    drawn = [simulated(rng, *size) for _ in range(SETS)]
    x, y, truth, spread, noise = (np.stack(column) for column in zip(*drawn, strict=True))
    np.savez(inputs / "simulated.npz", x=x, y=y)
    order = rng.permutation(SETS)  # nothing in the inputs tells which sets belong to which split
    for split, sets in (("dev", order[: SETS // 2]), ("holdout", order[SETS // 2 :])):
        np.savez(private / f"{split}_truth.npz", sets=sets, truth=truth[sets], spread=spread[sets], noise=noise[sets])
    real(inputs, private, rng, measured, parts, shift)


def simulated(rng: np.random.Generator, rows: int, features: int) -> tuple[Array, Array, Array, Array, Array]:
    """Features (rows, features), responses, the true coefficients with the intercept first, the covariance of clean
    features, and the standard deviation of clean noise."""
    root = rng.normal(size=(features, features)) / np.sqrt(features) + np.eye(features)
    spread, noise = root @ root.T, np.exp(rng.uniform(np.log(0.5), np.log(3.0)))
    truth = rng.normal(size=features + 1) * [5.0, *[2.0] * features]
    x = rng.normal(size=(rows, features)) @ root.T
    y = truth[0] + x @ truth[1:] + noise * rng.normal(size=rows)
    bad = rng.choice(rows, int(rows * rng.uniform(0.05, 0.35)), replace=False)
    kind = rng.choice(["shift", "leverage", "heavy", "scatter"])
    if kind == "shift":  # all to one side
        y[bad] += noise * rng.uniform(5, 20)
    elif kind == "leverage":  # a cluster far away that follows another law
        x[bad] = 4 * root @ rng.normal(size=features) + 0.3 * rng.normal(size=(len(bad), features))
        y[bad] = truth[0] - x[bad] @ truth[1:] + noise * rng.normal(size=len(bad))
    elif kind == "heavy":  # errors without a variance, everywhere
        y = truth[0] + x @ truth[1:] + noise * rng.standard_t(1.5, size=rows)
    else:  # responses that have nothing to do with their features
        y[bad] = truth[0] + noise * 15 * rng.normal(size=len(bad))
    return x, y, truth, spread, np.asarray(noise)


def real(
    inputs: Path,
    private: Path,
    rng: np.random.Generator,
    measured: tuple[Array, Array],
    parts: tuple[int, int],
    shift: tuple[float, float],
) -> None:
    features, target = measured
    rows = parts[0]
    train, dev, holdout = np.split(rng.permutation(len(target)), [rows, sum(parts)])
    y = target[train].copy()
    spoilt = rng.choice(rows, int(SPOILT * rows), replace=False)
    decimals = next((n for n in range(15) if np.array_equal(target, target.round(n))), 15)  # the digits tell nothing
    y[spoilt] = (y[spoilt] + rng.uniform(*shift, size=len(spoilt))).round(decimals)
    np.savez(inputs / "real.npz", x=features[train], y=y)
    clean = np.column_stack([np.ones(rows), features[train]])
    fitted = np.linalg.lstsq(clean, target[train], rcond=None)[0]
    for split, kept in (("dev", dev), ("holdout", holdout)):
        x, wanted = features[kept], target[kept]
        error = np.abs(fitted[0] + x @ fitted[1:] - wanted).mean()
        np.savez(private / f"{split}_real.npz", x=x, y=wanted, clean_error=error)
