"""Results by group, where the evaluator says of few groups which items belong to them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from nightlab.agents.offline.wording import caption
from nightlab.agents.telling.words import words
from nightlab.experiments.claim.statistics.inference import summarize
from nightlab.experiments.ledger.ledger import Run
from nightlab.papers.facts.evidence import BASELINE, Evidence, confirmed
from nightlab.papers.facts.facts import Facts
from nightlab.papers.facts.formulas.groups import Statistic
from nightlab.papers.facts.registry import Value, formula
from nightlab.papers.manuscript.manuscript import Table
from nightlab.papers.manuscript.tables import code, mark, plus_minus

MOST = 12  # groups; with more of them, they are clusters of the test and no classes that a reader looks for


@lru_cache(maxsize=2)
def groups(e: Evidence) -> tuple[str, ...]:
    """The names of the groups, in their order; none where they are too many or one alone."""
    found = {str(name) for run in confirmed(e, "baseline") if (t := _items(e, run)) for name in np.unique(t[1])}
    named = all(name.isdecimal() or not any(c.isnumeric() for c in name) for name in found)  # others pass for results
    return tuple(sorted(found, key=lambda name: (len(name), name))) if named and 1 < len(found) <= MOST else ()


def _items(e: Evidence, run: Run) -> tuple[Any, Any] | None:
    """The metric's values by item in a run, on the claim's split, and their groups."""
    found = e.items.of(run.id, e.claim.split, e.template.metric) if e.items else None
    return None if found is None or found[1] is None else (found[0], found[1])


def _subjects(e: Evidence) -> tuple[str, ...]:
    return ("baseline",) if e.best.number == BASELINE else ("baseline", "best")


def add(facts: Facts) -> None:
    """The facts by group."""
    e = facts.evidence
    for i, name in enumerate(groups(e)):
        for subject in _subjects(e):
            facts.group(f"group.{i}.{subject}", "by_group", subject=subject, group=name)
        if name.isdecimal():
            facts.put(f"group.{i}.name", "group_name", str, group=name)


@formula("{statistic} of the metric over the items of group {group}, {subject}, run by run in the confirmation")
def by_group(e: Evidence, statistic: Statistic, subject: str, group: str) -> Value:
    values, used = [], []
    for run in confirmed(e, subject):
        if table := _items(e, run):
            mine = table[0][np.asarray(table[1]).astype(str) == group]
            if mine.size:
                values.append(float(mine.mean()))
                used.append(run.id)
    return Value(getattr(summarize(values), statistic), tuple(used))


@formula("name of a group, by the evaluator", "the values by item")
def group_name(e: Evidence, group: str) -> Value:  # noqa: ARG001
    return Value(int(group))


def table(e: Evidence) -> Table | None:
    """The metric by group. e: with the facts by group."""
    if "group.0.baseline.mean" not in e.facts:
        return None
    names = {"baseline": "Baseline", "best": "Best configuration"}
    return Table(
        "groups",
        caption("groups", e, plain_metric=words(e.template.metric_label)),
        ("Group", *(names[s] for s in _subjects(e))),
        tuple(
            (
                mark(f"group.{i}.name") if f"group.{i}.name" in e.facts else code(name),
                *(plus_minus(f"group.{i}.{s}.mean", f"group.{i}.{s}.stderr") for s in _subjects(e)),
            )
            for i, name in enumerate(groups(e))
        ),
        "l" + "r" * len(_subjects(e)),
    )
