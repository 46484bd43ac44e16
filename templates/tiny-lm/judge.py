"""Has a language model trained and asks it for one byte after another of text that it has never seen.

A model says how likely each of the 256 bytes is to come next before it is told which one came, so it cannot know; the
judge itself divides by the sum, so a model gains nothing by promising everything. It also takes the time of all that a
model does, in units of a fixed piece of work that it times beside it, so that a busy machine changes little.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

FLOOR = 1e-6  # of each probability, so that one sure mistake costs 20 bits at most
BYTES = 256
STEPS, PIECES = 1 << 18, 4  # of the loop that is the unit of cost, and how often it runs


def judge(candidate: Any, private: Path, split: Literal["dev", "holdout"]) -> dict[str, Any]:
    """Bits per byte on the split's stretches of text, the share of bytes guessed right, the cost.

    `items` has the first two for each stretch, with the block that it begins. Raises ValueError where an answer is no
    array of 256 weights for each stretch.
    """
    text = np.load(private / f"{split}_text.npy")
    before = work()
    candidate.call("train")
    candidate.call("begin", len(text))
    bits, right = np.zeros(len(text)), np.zeros(len(text))
    for told, wanted in zip(text[:, :-1].T, text[:, 1:].T, strict=True):
        probability = checked(candidate.call("predict", np.ascontiguousarray(told), returns=np.ndarray), len(text))
        bits -= np.log2(probability[np.arange(len(text)), wanted])
        right += probability.argmax(axis=1) == wanted
    length = text.shape[1] - 1
    spent = candidate.prepared + candidate.spent  # wherever it was trained, and whenever
    return {
        "bits_per_byte": float((bits / length).mean()),
        "accuracy": float((right / length).mean()),
        "cost": spent / min(before, work()),
        "items": {
            "bits_per_byte": bits / length,
            "accuracy": right / length,
            "group": np.load(private / f"{split}_block.npy"),
        },
    }


def checked(weights: NDArray[Any], streams: int) -> NDArray[np.float64]:
    """The probabilities (streams, 256) that an answer stands for."""
    if weights.shape != (streams, BYTES) or weights.dtype.kind != "f":
        raise ValueError(f"predict() is to return {streams} rows of 256 weights, found {weights.dtype} {weights.shape}")
    found = weights.astype(np.float64)
    total = found.sum(axis=1, keepdims=True)
    if not (np.isfinite(total).all() and (found >= 0).all() and (total > 0).all()):
        raise ValueError(
            "predict() returned weights that are negative, not finite or all zero; the training has diverged"
        )
    return (1 - BYTES * FLOOR) * found / total + FLOOR


def work() -> float:
    """Seconds that a fixed piece of work takes now: a loop of a quarter of a million steps in Python.

    Each processor does that alone and by the instructions that all have. Matrix products would not do, as several
    processors share them on an idle machine, nor would numpy's sort: wide registers make it five times as fast, and a
    training hardly. The mean of several pieces: a single one is over before a busy machine gives the processor to
    somebody else.
    """
    began, total = time.perf_counter(), 0
    for _ in range(PIECES):
        for step in range(STEPS):
            total += step * step
    return (time.perf_counter() - began) / PIECES
