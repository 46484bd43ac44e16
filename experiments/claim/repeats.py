"""Whether the holdout repeats dev: a split that gives dev's values, or items that stand in both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.study.items import ItemStore

SMALL = 0.01  # of what differs between the runs of a subject: what splits of their own differ by is far more
ROUNDING = 1e-4  # of the values themselves, where the runs do not differ
ENOUGH = 3  # runs
DIGITS = 9  # of a value by item that is known again
CHANCE = 3.0  # times as many items as are alike within a split by chance
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
    scored = list[tuple[Any, Any]]()
    for run in runs:
        dev, holdout = (items.of(run.id, split, metric) for split in ("dev", "holdout"))
        if dev and holdout:
            scored.append((dev, holdout))
            if dev[1] is not None and holdout[1] is not None and np.intersect1d(dev[1], holdout[1]).size:
                return True
        if len(scored) == LOOKED_AT:
            break
    return any(_alike(_known(dev), _known(holdout)) for (dev, _), (holdout, _) in scored[:ENOUGH])


def _known(values: NDArray[Any]) -> NDArray[np.float64]:
    """The values with DIGITS digits, whatever their size."""
    sizes = 10.0 ** (DIGITS - 1 - np.floor(np.log10(np.abs(np.where(values, values, 1.0)))))
    return np.asarray(np.round(values * sizes) / sizes, dtype=np.float64)


def _alike(dev: NDArray[np.float64], holdout: NDArray[np.float64]) -> bool:
    """Whether more values of the holdout are in dev than chance would have it by what is alike in the holdout."""
    _, place, counts = np.unique(holdout, return_inverse=True, return_counts=True)
    alike = counts[place] > 1
    hits = int((np.isin(holdout, dev) & ~alike).sum())
    return hits > CHANCE * float(alike.mean()) * len(dev)
