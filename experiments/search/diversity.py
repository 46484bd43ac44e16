"""How varied the search has been."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from nightlab.experiments.records import Knob, Params
from nightlab.experiments.search.space import Matrix, Space

LATEST = 1000  # changes of which distances are taken


class Move(Protocol):
    """What a trial changed: `records.Change` and `policy.Tried` are such."""

    @property
    def parent(self) -> int | None: ...
    @property
    def strategy(self) -> str: ...
    @property
    def params(self) -> Params: ...
    @property
    def artifact(self) -> str: ...


def diversity(moves: Sequence[Move], knobs: Sequence[Knob]) -> dict[str, float]:
    """How varied the changes were; the baseline, which has no parent, is none.

    strategies: their effective number, the exponential of the Shannon entropy of their shares (Hill, Ecology 54, 1973).
    distinct: the share of changes that are the first with their files and parameters. nearest and mean: the distance of
    a change to the nearest other and to all others, averaged, in the unit cube of the knobs divided by its diagonal;
    unordered choices differ by 0 or 1.
    """
    changes = [m for m in moves if m.parent is not None]
    if not changes:
        return {"strategies": 0.0, "distinct": 0.0, "nearest": 0.0, "mean": 0.0}
    shares = [n / len(changes) for n in Counter(m.strategy for m in changes).values()]
    different = {(m.artifact, *sorted(m.params.items())) for m in changes}
    nearest, mean = _distances(changes[-LATEST:], knobs)
    return {
        "strategies": math.exp(-math.fsum(p * math.log(p) for p in shares)),
        "distinct": len(different) / len(changes),
        "nearest": nearest,
        "mean": mean,
    }


def _distances(changes: Sequence[Move], knobs: Sequence[Knob]) -> tuple[float, float]:
    if len(changes) < 2 or not knobs:
        return 0.0, 0.0
    space = Space(knobs)
    points = np.stack([space.encode(m.params) for m in changes])
    apart = np.sqrt(sum(_squared(points, i, bool(space.unordered[i])) for i in range(len(knobs))) / len(knobs))
    mean = float(apart.sum()) / (len(changes) * (len(changes) - 1))
    np.fill_diagonal(apart, np.inf)
    return float(apart.min(axis=1).mean()), mean


def _squared(points: Matrix, axis: int, unordered: bool) -> Matrix:
    difference = points[:, axis, None] - points[None, :, axis]
    return np.asarray((difference != 0).astype(float) if unordered else difference**2)
