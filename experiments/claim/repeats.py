"""Whether the holdout repeats dev: a split that gives dev's values, or items that stand in both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.study.items import ItemStore

SMALL = 0.01  # of what differs between the runs of a subject: what splits of their own differ by is far more
ROUNDING = 1e-4  # of the values themselves, where the runs do not differ
ENOUGH = 3  # runs
DIGITS = 9  # of a value by item that is known again
LUCK = 1e-6  # the chance below which as many equal values are no coincidence
LOOKED_AT = 8  # runs, by their items

Values = Mapping[str, Sequence[tuple[float, float]]]  # subject -> (dev, holdout) of its runs


def nearly(values: Values) -> bool:
    """Whether the holdout gives dev's values up to a difference that is small beside what else differs."""
    gaps = [abs(holdout - dev) for pairs in values.values() for dev, holdout in pairs]
    if len(gaps) < ENOUGH:
        return False
    middles = {subject: median(dev for dev, _ in pairs) for subject, pairs in values.items()}
    spread = median(abs(dev - middles[subject]) for subject, pairs in values.items() for dev, _ in pairs)
    size = median(abs(dev) for pairs in values.values() for dev, _ in pairs)
    return max(gaps) <= max(SMALL * spread, ROUNDING * size if not spread else 0.0)


def items_in_both(items: ItemStore, runs: Iterable[Run], metric: str) -> bool:
    """Whether an item of the holdout is one of dev too: by its group, or as runs give it the same values."""
    scored = list[tuple[NDArray[np.float64], NDArray[np.float64]]]()
    for run in runs:
        dev, holdout = (items.of(run.id, split, metric) for split in ("dev", "holdout"))
        if dev and holdout:
            scored.append((_known(dev[0]), _known(holdout[0])))
            if dev[1] is not None and holdout[1] is not None and np.intersect1d(dev[1], holdout[1]).size:
                return True
        if len(scored) == LOOKED_AT:
            break
    return _moving_together(scored) or any(_alike(dev, holdout) for dev, holdout in scored)


def _known(values: NDArray[Any]) -> NDArray[np.float64]:
    """The values with DIGITS digits, whatever their size."""
    sizes = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(np.where(values, values, 1.0)))))
    return np.asarray(np.round(values * sizes) / sizes, dtype=np.float64)


def _shared(dev: NDArray[np.float64], holdout: NDArray[np.float64]) -> dict[tuple[int, int], float]:
    """The values that are there once in each split, by their places."""
    singles = []
    for values in (dev, holdout):
        found, place, counts = np.unique(values, return_index=True, return_counts=True)
        singles.append((found[counts == 1], place[counts == 1]))
    (first, places), (second, others) = singles
    both, i, j = np.intersect1d(first, second, assume_unique=True, return_indices=True)
    return {(int(places[a]), int(others[b])): float(v) for v, a, b in zip(both, i, j, strict=True)}


def _moving_together(scored: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]]) -> bool:
    """Whether a place of dev and one of the holdout have the same value in each run, and not the same in all."""
    found = [_shared(dev, holdout) for dev, holdout in scored]
    pairs = set[tuple[int, int]].intersection(*map(set, found)) if len(found) >= ENOUGH else set()
    return any(len({run[pair] for run in found}) > 1 for pair in pairs)


def _alike(dev: NDArray[np.float64], holdout: NDArray[np.float64]) -> bool:
    """Whether more values are shared than those that repeat within a split let expect: of equal pairs by chance, as
    many lie across the splits as there are pairs across them (binomial)."""
    counts = [np.unique(values, return_counts=True)[1] for values in (dev, holdout)]
    within = sum(int((found == 2).sum()) for found in counts)  # a value that is there more often is no coincidence
    across = len(_shared(dev, holdout))
    pairs = sum(len(values) * (len(values) - 1) / 2 for values in (dev, holdout))
    share = len(dev) * len(holdout) / (len(dev) * len(holdout) + pairs)
    return across > 0 and bool(special.bdtrc(across - 1, across + within, share) < LUCK)
