"""Judges packings by rational arithmetic: what overlaps by the smallest fraction is no packing."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any, Literal

LARGEST = 2**20  # bytes of a file of packings

Circle = tuple[Fraction, Fraction, Fraction]


def evaluate(out: Path, private: Path, split: Literal["dev", "holdout"]) -> dict[str, Any]:  # noqa: ARG001 - exact
    """The sum of the radii in the square, and the least ratio of such a sum to that of a plain grid elsewhere.

    `arrays` has the square's circles, for a figure. Raises ValueError where a packing is missing, is none, or overlaps
    a wall or itself. No tolerance is given, and the sum is rounded down.
    """
    instances = json.loads((private / "instances.json").read_text(encoding="utf-8"))
    packings = read(out / "packing.json")
    if set(packings) != set(instances):
        raise ValueError(f"packing.json must have exactly {sorted(instances)}, found {sorted(packings)}")
    sums = {name: total(name, packings[name], given) for name, given in instances.items()}
    ratios = [float(sums[name]) / given["grid"] for name, given in instances.items() if name != "square"]
    return {
        "radii_sum": rounded_down(sums["square"]),
        "elsewhere": min(ratios),
        "arrays": {"circles": packings["square"]},
    }


def read(file: Path) -> dict[str, Any]:
    if not file.is_file() or file.stat().st_size > LARGEST:
        raise ValueError(f"packing.json: the experiment did not write it, or it has more than {LARGEST} bytes")

    def refuse(text: str) -> float:
        raise ValueError(f"packing.json: {text} is no number")

    try:
        found = json.loads(file.read_text(encoding="utf-8"), parse_constant=refuse)
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"packing.json: {error}") from None
    if not isinstance(found, dict):
        raise ValueError("packing.json must be a table of packings by name")
    return found


def total(name: str, rows: Any, given: dict[str, Any]) -> Fraction:
    """The exact sum of the radii of a packing."""
    if not isinstance(rows, list) or len(rows) != given["circles"]:
        raise ValueError(f"{name} needs exactly {given['circles']} circles")
    circles = [circle(name, number, row) for number, row in enumerate(rows)]
    width, height = Fraction(given["width"]), Fraction(given["height"])
    for number, (x, y, r) in enumerate(circles):
        if min(x - r, y - r, width - x - r, height - y - r) < 0:
            raise ValueError(f"{name}: circle {number} reaches beyond a side")
    for (i, (x, y, r)), (j, (u, v, s)) in combinations(enumerate(circles), 2):
        if (x - u) ** 2 + (y - v) ** 2 < (r + s) ** 2:
            raise ValueError(f"{name}: circles {i} and {j} overlap")
    return sum((r for _, _, r in circles), Fraction())


def circle(name: str, number: int, row: Any) -> Circle:
    good = isinstance(row, list) and len(row) == 3 and all(type(value) in (int, float) for value in row)
    if not good or not all(abs(value) <= 1 for value in row):  # a comparison that no whole number overflows, nor nan
        raise ValueError(f"{name}: circle {number} must be [x, y, radius], three numbers from -1 to 1")
    x, y, r = map(Fraction, row)
    if r <= 0:
        raise ValueError(f"{name}: circle {number} has no positive radius")
    return x, y, r


def rounded_down(value: Fraction) -> float:
    near = float(value)
    return near if Fraction(near) <= value else math.nextafter(near, -math.inf)
