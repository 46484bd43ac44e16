"""Judges estimated coefficients: by the truth on simulated data, by clean rows that were kept back on real ones."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

LARGEST = 2**20  # bytes of the file of coefficients
WORST = 3.0  # a data set costs no more than this

Array = NDArray[np.float64]


def evaluate(out: Path, private: Path, split: Literal["dev", "holdout"]) -> dict[str, Any]:
    """`estimation_error`: the mean over the split's simulated data sets of how far predictions for clean rows are from
    the truth, as a root mean square in standard deviations of the noise, at most 3 each. `real_data_error`: the mean
    absolute error on clean real rows, in units of that of least squares on training responses that nobody has spoilt.

    Raises ValueError where a file is missing or holds something else than plain finite coefficients.
    """
    known = np.load(private / f"{split}_truth.npz")
    sets, count = known["sets"], np.load(private / "dev_truth.npz")["sets"].size * 2
    simulated = coefficients(out / "coefficients.npz", "simulated", (count, known["truth"].shape[1]))[sets]
    off = simulated - known["truth"]
    square = off[:, 0] ** 2 + np.einsum("si,sij,sj->s", off[:, 1:], known["spread"], off[:, 1:])
    errors = np.minimum(np.sqrt(square) / known["noise"], WORST)
    rows = np.load(private / f"{split}_real.npz")
    real = coefficients(out / "coefficients.npz", "real", (rows["x"].shape[1] + 1,))
    error = np.abs(real[0] + rows["x"] @ real[1:] - rows["y"]).mean()
    return {
        "estimation_error": float(errors.mean()),
        "worst_set": float(errors.max()),
        "real_data_error": float(min(error / rows["clean_error"], 1e6)),
        "items": {"estimation_error": errors},
    }


def coefficients(file: Path, name: str, shape: tuple[int, ...]) -> Array:
    if not file.is_file() or file.stat().st_size > LARGEST:
        raise ValueError(f"coefficients.npz: the experiment did not write it, or it has more than {LARGEST} bytes")
    try:
        with np.load(file, allow_pickle=False) as arrays:
            found = arrays[name]
    except (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError(f"coefficients.npz: {name!r} is not readable as a plain array: {error}") from None
    if found.dtype.kind != "f" or found.shape != shape:
        raise ValueError(
            f"coefficients.npz: {name!r} must be floats of shape {shape}, found {found.dtype} {found.shape}"
        )
    if not np.isfinite(found).all() or np.abs(found).max() > 1e12:
        raise ValueError(f"coefficients.npz: {name!r} must be finite and at most 1e12")
    return found.astype(np.float64)
