"""Lays out simulated data sets whose truth is known, and a real one whose training responses are spoilt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes

SETS, ROWS, FEATURES = 32, 100, 5  # simulated data sets, of which half are the holdout; their size
TRAIN, DEV = 200, 120  # rows of the real data; what is left is the holdout
SPOILT = 0.15  # share of the real training responses

Array = NDArray[np.float64]


def prepare(inputs: Path, private: Path, seed: int) -> None:
    """Write `simulated.npz` and `real.npz` to `inputs`; the truth and the real rows that are kept back to `private`."""
    rng = np.random.default_rng(seed)
    drawn = [simulated(rng) for _ in range(SETS)]
    x, y, truth, spread, noise = (np.stack(column) for column in zip(*drawn, strict=True))
    np.savez(inputs / "simulated.npz", x=x, y=y)
    order = rng.permutation(SETS)  # nothing in the inputs tells which sets belong to which split
    for split, sets in (("dev", order[: SETS // 2]), ("holdout", order[SETS // 2 :])):
        np.savez(private / f"{split}_truth.npz", sets=sets, truth=truth[sets], spread=spread[sets], noise=noise[sets])
    real(inputs, private, rng)


def simulated(rng: np.random.Generator) -> tuple[Array, Array, Array, Array, Array]:
    """Features (rows, features), responses, the true coefficients with the intercept first, the covariance of clean
    features, and the standard deviation of clean noise."""
    root = rng.normal(size=(FEATURES, FEATURES)) / np.sqrt(FEATURES) + np.eye(FEATURES)
    spread, noise = root @ root.T, np.exp(rng.uniform(np.log(0.5), np.log(3.0)))
    truth = rng.normal(size=FEATURES + 1) * [5.0, *[2.0] * FEATURES]
    x = rng.normal(size=(ROWS, FEATURES)) @ root.T
    y = truth[0] + x @ truth[1:] + noise * rng.normal(size=ROWS)
    bad = rng.choice(ROWS, int(ROWS * rng.uniform(0.05, 0.35)), replace=False)
    kind = rng.choice(["shift", "leverage", "heavy", "scatter"])
    if kind == "shift":  # all to one side
        y[bad] += noise * rng.uniform(5, 20)
    elif kind == "leverage":  # a cluster far away that follows another law
        x[bad] = 4 * root @ rng.normal(size=FEATURES) + 0.3 * rng.normal(size=(len(bad), FEATURES))
        y[bad] = truth[0] - x[bad] @ truth[1:] + noise * rng.normal(size=len(bad))
    elif kind == "heavy":  # errors without a variance, everywhere
        y = truth[0] + x @ truth[1:] + noise * rng.standard_t(1.5, size=ROWS)
    else:  # responses that have nothing to do with their features
        y[bad] = truth[0] + noise * 15 * rng.normal(size=len(bad))
    return x, y, truth, spread, np.asarray(noise)


def real(inputs: Path, private: Path, rng: np.random.Generator) -> None:
    data = load_diabetes()
    order = rng.permutation(len(data.target))
    train, dev, holdout = np.split(order, [TRAIN, TRAIN + DEV])
    y = data.target[train].copy()
    spoilt = rng.choice(TRAIN, int(SPOILT * TRAIN), replace=False)
    y[spoilt] += rng.uniform(200, 400, size=len(spoilt))
    np.savez(inputs / "real.npz", x=data.data[train], y=y)
    clean = np.column_stack([np.ones(TRAIN), data.data[train]])
    fitted = np.linalg.lstsq(clean, data.target[train], rcond=None)[0]
    for split, rows in (("dev", dev), ("holdout", holdout)):
        x, target = data.data[rows], data.target[rows]
        error = np.abs(fitted[0] + x @ fitted[1:] - target).mean()
        np.savez(private / f"{split}_real.npz", x=x, y=target, clean_error=error)
