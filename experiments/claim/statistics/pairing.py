"""Two subjects on the same seeds: their scores pair by pair, and the effect of the one over the other."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from typing import Self

from nightlab.experiments.claim.statistics.crossed import OneGroup, Row, crossed
from nightlab.experiments.claim.statistics.inference import COVERAGE, TRIM, compare
from nightlab.experiments.claim.statistics.item_rows import item_rows
from nightlab.experiments.claim.statistics.reliability import Score, with_losses
from nightlab.experiments.ledger.documents.claim import Claim, Preregistration
from nightlab.experiments.ledger.ledger import Ledger, Run
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.records import BASELINE, Effect, Split
from nightlab.experiments.study.items import ItemStore
from nightlab.experiments.template.template import Template

LEVEL = 0.05


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How pairs are tested: at which level, with which share of them set aside, and whether a failed run of the second
    subject is a loss or leaves its pair out. looks: at the parts, which a revision may measure again. coverage: of the
    interval. skewed: whether a test over items allows for their skewness."""

    level: float = LEVEL
    trim: float = TRIM
    losses: bool = False
    looks: int = 1
    coverage: float = COVERAGE
    skewed: bool = True

    @classmethod
    def of(cls, plan: Preregistration | Claim | None) -> Self:
        """The rule of a preregistration or a claim; those of an earlier version tested the mean of what ran."""
        if plan is None:
            return cls(trim=0.0)
        return cls(**{field.name: getattr(plan, field.name) for field in fields(cls)})

    @property
    def of_parts(self) -> Rule:
        """The same for the parts of what was claimed, where a run that fails leaves its pair out."""
        return replace(self, level=LEVEL, losses=False, coverage=COVERAGE)


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Scores of two subjects on the seeds on which both ran, oriented so that larger is better.

    ran: the pairs of runs that the scores come from.
    """

    first: tuple[float, ...]
    second: tuple[float, ...]
    ran: tuple[tuple[Run, Run], ...]

    @property
    def runs(self) -> tuple[int, ...]:
        """The numbers of exactly the runs that the scores come from, those of `first` before those of `second`."""
        return tuple(pair[side].id for side in (0, 1) for pair in self.ran)


def pairs(
    template: Template, runs: Sequence[Run], first: str, second: str, split: Split, losses: bool = False
) -> Pairs:
    """The pairs of two subjects, by their seeds in the order of the runs of `first`. losses: see `Rule`."""
    by_subject: dict[str, dict[int, Run]] = {first: {}, second: {}}
    for run in runs:
        if run.subject in by_subject and run.outcome and (losses or run.outcome.status == "ok"):
            by_subject[run.subject][run.seed] = run
    common = [seed for seed in by_subject[first] if seed in by_subject[second]]
    before, after = ([by_subject[subject][seed] for seed in common] for subject in (first, second))
    scores = with_losses(*([score(template, run, split) for run in side] for side in (before, after)))
    ran = [pair for pair in zip(before, after, strict=True) if score(template, pair[0], split) is not None]
    return Pairs(first=tuple(scores[0]), second=tuple(scores[1]), ran=tuple(ran))


def score(template: Template, run: Run, split: Split) -> Score:
    """The fitness of a run, oriented so that larger is better; None where it failed."""
    if run.outcome is None or run.outcome.status != "ok":
        return None
    return template.sign * template.fitness(dict(run.outcome.metrics[split]))


def effect(
    template: Template,
    runs: Sequence[Run],
    first: str,
    second: str,
    split: Split,
    rule: Rule = Rule(),
    *,
    before: Sequence[Run] = (),
    items: ItemStore | None = None,
) -> Effect | None:
    """How much better the second subject is than the first; None if they share fewer than two seeds, or if the second
    never ran.

    before: runs of the baseline that the search had. Where these differ, a few that are alike are so by chance.
    items: where values by item may be; with them the effect is one for other items too, unless the search saw them.
    """
    both = pairs(template, runs, first, second, split, rule.losses)
    sides = [[r for r in runs if r.subject == subject] for subject in (first, second)]
    if len(both.first) < 2 or all(score(template, r, split) is None for r in sides[1]):
        return None
    alike = all(_alike(side, split) for side in sides) and _alike(before, "dev")
    rows = list[Row]()
    if items is not None and split == "holdout":
        differences = [b - a for a, b in zip(both.first, both.second, strict=True)]
        rows = item_rows(template, both.ran, differences, split, items, before)
    return replace(_tested(both, rows, rule), alike=alike, runs=both.runs, seeded=template.exact or template.uses_seed)


def _tested(both: Pairs, rows: Sequence[Row], rule: Rule) -> Effect:
    """The effect over rows crossed with items, or over the pairs alone where there are no two groups of items."""
    with suppress(OneGroup):
        if rows:
            return crossed(rows, level=rule.level, trim=rule.trim, coverage=rule.coverage, skewed=rule.skewed)
    return compare(both.first, both.second, level=rule.level, trim=rule.trim, coverage=rule.coverage)


def searched(ledger: Ledger) -> list[Run]:
    """The runs of the baseline that the search had."""
    return ledger.runs(SEARCH, str(BASELINE))


def _alike(runs: Sequence[Run], split: Split) -> bool:
    good = [r.outcome for r in runs if r.outcome and r.outcome.status == "ok"]
    return all(dict(o.metrics[split]) == dict(good[0].metrics[split]) for o in good)
