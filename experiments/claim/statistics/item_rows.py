"""Pairs of runs item by item, as the rows of a crossed test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightlab.experiments.claim.statistics.crossed import Row
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.records import Split
from nightlab.experiments.study.items import ItemStore
from nightlab.experiments.template.template import Template

Found = tuple[NDArray[Any], NDArray[Any] | None]


def item_rows(
    template: Template,
    pairs: Sequence[tuple[Run, Run]],
    differences: Sequence[float],
    split: Split,
    items: ItemStore,
    searched: Sequence[Run],
) -> list[Row]:
    """A row for each pair whose two runs have values by item; none at all where a pair that ran lacks them.

    differences: the pairs' own, by fitness; a row's mean is moved there, since a penalty belongs to no item, and a run
    that failed has none. searched: runs of the search. Over draws of the data, what these were scored on is left out:
    the search has seen it. So are draws whose items have no names, which cannot be found again in another draw.
    """
    seen = _groups(template, searched, items) if template.redraws else np.array([], int)
    rows, lost = list[Row](), list[float]()
    for (first, second), difference in zip(pairs, differences, strict=True):
        if second.outcome is None or second.outcome.status != "ok":
            lost.append(difference)
            continue
        before, after = (items.of(run.id, split, template.metric) for run in (first, second))
        if before is None or after is None or not _match(before, after) or (template.redraws and after[1] is None):
            return []
        groups = np.arange(len(after[0])) if after[1] is None else after[1]
        values = template.sign * (after[0] - before[0])
        stay = ~np.isin(groups, seen)
        if not stay.any():
            return []
        shift = difference - values.mean()
        rows.append(Row(differences=values[stay] + shift, groups=groups[stay]))
    if not rows:
        return []
    return [*rows, *(Row(differences=np.full(len(rows[0].groups), v), groups=rows[0].groups) for v in lost)]


def _match(before: Found, after: Found) -> bool:
    """Whether two runs were scored on the same items."""
    one, other = (np.arange(len(v)) if g is None else g for v, g in (before, after))
    return bool(np.array_equal(one, other))


def _groups(template: Template, searched: Sequence[Run], items: ItemStore) -> NDArray[Any]:
    found = [g for run in searched if (t := items.of(run.id, "dev", template.metric)) and (g := t[1]) is not None]
    return np.unique(np.concatenate(found)) if found else np.array([], int)
