"""Two subjects on the same seeds: their scores pair by pair, and the effect of the one over the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nightlab.experiments.claim.inference import Effect, compare
from nightlab.experiments.ledger.ledger import Ledger, Run
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.records import BASELINE, Split
from nightlab.experiments.template.doubts import uses_seed
from nightlab.experiments.template.template import Template

LEVEL = 0.05


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Scores of two subjects on the seeds on which both ran, oriented so that larger is better.

    runs: the numbers of exactly the runs that the scores come from, those of `first` before those of `second`.
    """

    first: tuple[float, ...]
    second: tuple[float, ...]
    runs: tuple[int, ...]


def pairs(template: Template, runs: Sequence[Run], first: str, second: str, split: Split) -> Pairs:
    """The pairs of two subjects, by their seeds in the order of the runs of `first`."""
    by_subject: dict[str, dict[int, Run]] = {first: {}, second: {}}
    for run in runs:
        if run.subject in by_subject and run.outcome and run.outcome.status == "ok":
            by_subject[run.subject][run.seed] = run
    common = [seed for seed in by_subject[first] if seed in by_subject[second]]
    before, after = ([by_subject[subject][seed] for seed in common] for subject in (first, second))

    def scores(side: Sequence[Run]) -> tuple[float, ...]:
        return tuple(template.sign * template.fitness(dict(r.outcome.metrics[split])) for r in side if r.outcome)

    return Pairs(first=scores(before), second=scores(after), runs=tuple(r.id for r in (*before, *after)))


def effect(
    template: Template,
    runs: Sequence[Run],
    first: str,
    second: str,
    split: Split,
    level: float = LEVEL,
    *,
    before: Sequence[Run] = (),
) -> Effect | None:
    """How much better the second subject is than the first; None if they share fewer than two seeds.

    before: runs of the baseline that the search had. Where these differ, a few that are alike are so by chance.
    """
    both = pairs(template, runs, first, second, split)
    if len(both.first) < 2:
        return None
    sides = [[r for r in runs if r.subject == subject] for subject in (first, second)]
    alike = all(_alike(side, split) for side in sides) and _alike(before, "dev")
    found = compare(both.first, both.second, level=level)
    return replace(found, alike=alike, runs=both.runs, seeded=uses_seed(template))


def searched(ledger: Ledger) -> list[Run]:
    """The runs of the baseline that the search had."""
    return ledger.runs(SEARCH, str(BASELINE))


def _alike(runs: Sequence[Run], split: Split) -> bool:
    good = [r.outcome for r in runs if r.outcome and r.outcome.status == "ok"]
    return all(dict(o.metrics[split]) == dict(good[0].metrics[split]) for o in good)
