"""Lays out what is to be packed: the square, and two rectangles that nobody knew before."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

CIRCLES, OTHERS = 26, 2
DENSE = 0.65  # share of a rectangle that a grid of equal circles covers at most


def prepare(inputs: Path, private: Path, seed: int) -> None:
    """Write `instances.json` to `inputs`, and what a plain grid reaches on each instance to `private`."""
    rng = np.random.default_rng(seed)
    instances = {"square": {"circles": CIRCLES, "width": 1.0, "height": 1.0}}
    for number in range(OTHERS):
        while True:
            circles, height = int(rng.integers(9, 16)), round(float(rng.uniform(0.4, 0.9)), 3)
            if circles * math.pi * (grid(circles, 1.0, height) / circles) ** 2 < DENSE * height:
                break
        instances[f"rectangle_{number}"] = {"circles": circles, "width": 1.0, "height": height}
    (inputs / "instances.json").write_text(json.dumps(instances), encoding="utf-8")
    grids = {name: {**given, "grid": grid(**given)} for name, given in instances.items()}
    (private / "instances.json").write_text(json.dumps(grids), encoding="utf-8")


def grid(circles: int, width: float, height: float) -> float:
    """The largest sum of the radii of equal circles in the cells of a square grid."""
    shapes = [(across, -(-circles // across)) for across in range(1, circles + 1)]
    return max(circles * min(width / across, height / down) / 2 for across, down in shapes)
