"""Rows crossed with items: what a difference is worth for other seeds, or other draws of the data, and other items.

A row is a seed or a draw. The images of one test set are the same in each run, so that a spread over seeds says nothing
of other images; the closed form below takes in both, and a verifier can repeat it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightlab.experiments.claim.statistics.inference import COVERAGE, TRIM, weighed
from nightlab.experiments.records import Effect

Array = NDArray[np.float64]


class OneGroup(ValueError):
    """The rows say nothing of other items."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Row:
    """What one pair of runs differs by, item by item; larger is better. groups: which items belong together."""

    differences: Array
    groups: NDArray[Any]


def crossed(
    rows: Sequence[Row], *, level: float = 0.05, trim: float = TRIM, coverage: float = COVERAGE, skewed: bool = True
) -> Effect:
    """Test whether the mean over items of the typical row is positive, for other rows and other items.

    Two-way random effects without replication by the method of moments (Searle, Casella and McCulloch, Variance
    Components, 1992, chapter 4), with Satterthwaite's degrees of freedom (Biometrics Bulletin 2, 1946). Rows that lack
    items of other rows, and items in groups, are weighed as in two-way clustering (Cameron, Gelbach and Miller, Journal
    of Business & Economic Statistics 29, 2011); where all rows have all items the two are the same. The variance is
    that of rows and that of items less that of the residual, which is in both, and never less than either. The rows'
    means are trimmed as in `inference.compare`. skewed: allow for the skewness of the items, as where a change loses
    much on few of them; early versions did not. Raises OneGroup where the rows that stay have fewer than two.
    """
    if len(rows) < 2 and not rows:
        raise ValueError("there are no rows to test")
    means = np.array([row.differences.mean() for row in rows])
    stay, by_rows = _rows(means, int(trim * len(rows)))
    groups = np.unique(np.concatenate([rows[i].groups for i in stay]), return_inverse=True)[1]
    table = _cells([rows[i].differences - means[i] for i in stay], groups)
    by_items, both, third, dofs = _columns(table)
    effect, variance = float(means[stay].mean()), max(by_rows + by_items - both, by_rows, by_items)
    parts = (
        (by_rows, len(stay) - 1),
        (by_items, dofs[0]),
        (both if by_rows + by_items - both == variance else 0, dofs[1]),
    )
    under = sum(part**2 / dof for part, dof in parts if part and dof)
    skew = third / variance**1.5 if skewed and variance else 0.0
    name = "one-sided test of pairs of runs crossed with items"
    return weighed(
        effect,
        float(np.sqrt(variance)),
        variance**2 / under if under else 1.0,
        level=level,
        coverage=coverage,
        n=len(rows),
        items=table.shape[1],
        skew=skew,
        test=name,
        estimand="typical" if len(stay) < len(rows) else "mean",
    )


def _rows(means: Array, cut: int) -> tuple[NDArray[np.intp], float]:
    """Which rows stay, and the variance that their mean has by the rows."""
    if len(means) < 2:
        return np.arange(len(means)), 0.0
    order = np.argsort(means, kind="stable")
    stay = np.sort(order[cut : len(means) - cut])
    drawn_in = means.clip(means[stay].min(), means[stay].max())
    spread = float(((drawn_in - drawn_in.mean()) ** 2).sum())
    return stay, spread / (len(stay) * (len(stay) - 1))


def _cells(rows: Sequence[Array], groups: NDArray[np.intp]) -> Array:
    """What each group of items adds to the mean in each row; NaN where a row has none of its items."""
    number = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    share = np.concatenate([row / len(row) for row in rows]) / len(rows)
    shape = (len(rows), int(groups.max()) + 1)
    place = number * shape[1] + groups
    size = shape[0] * shape[1]
    table: Array = np.bincount(place, share, size).astype(float)
    table[np.bincount(place, minlength=size) == 0] = np.nan
    return table.reshape(shape)


def _columns(table: Array) -> tuple[float, float, float, tuple[float, float]]:
    """The variance by items, that of the residual, the third moment by items, and the variances' degrees of freedom."""
    there = ~np.isnan(table)
    times, columns = there.sum(axis=0), table.shape[1]
    if columns < 2:
        raise OneGroup("all items are in one group; a claim about other items needs two groups at least")
    sums = np.nansum(table, axis=0)
    by_items = columns / (columns - 1) * float((sums**2).sum())
    rest = np.nansum((table - sums / times) ** 2, axis=0)
    several = times > 1
    both = columns / (columns - 1) * float((rest[several] * times[several] / (times[several] - 1)).sum())
    third = columns**2 / max(1, (columns - 1) * (columns - 2)) * float((sums**3).sum())
    return by_items, both, third, (columns - 1, (columns - 1) * max(1.0, float(times.mean()) - 1))
