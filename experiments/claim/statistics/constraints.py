"""Constraints, confirmed: whether the hard ones hold on fresh runs of every split that was scored."""

from __future__ import annotations

from collections.abc import Sequence

from scipy import special

from nightlab.experiments.claim.statistics.inference import summarize
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.records import Split
from nightlab.experiments.template.template import Template

SURE = 0.95  # one-sided confidence that the mean of a noisy metric is within its bound


def broken(template: Template, runs: Sequence[Run], splits: Sequence[Split]) -> tuple[str, ...]:
    """The metrics whose hard constraint is not seen to hold, each with the first split on which it is not.

    A metric that is the same in all runs must be within its bound, of a noisy one the mean with its one-sided bound.
    """
    good = [run.outcome for run in runs if run.outcome and run.outcome.status == "ok"]
    found = dict[str, str]()
    for constraint in (c for c in template.spec.constraint if c.hard and good):
        for split in splits:
            s = summarize([outcome.metrics[split][constraint.metric] for outcome in good])
            margin = float(special.stdtrit(s.n - 1, SURE)) * s.stderr if s.stderr else 0.0
            if constraint.violation(s.mean - margin) or constraint.violation(s.mean + margin):
                found.setdefault(constraint.metric, split)
    return tuple(f"{metric} on the {split} split" for metric, split in found.items())
