"""A trial's scores: the loop, the search, the evidence and whatever tells of a trial ask for them here."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean
from typing import TypeGuard

from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.records import RunOutcome
from nightlab.experiments.template.template import Template

SEARCH = "search"  # the phase of the runs that verdicts look at


def counts(outcome: RunOutcome | None, replicate: int, seeds: int) -> TypeGuard[RunOutcome]:
    """Whether a run of the search enters its trial's scores: it went well, on one of the first `seeds` seeds.

    A verdict may use those of the study's settings; the selection runs promising trials on further ones.
    """
    return replicate < seeds and outcome is not None and outcome.status == "ok"


def trial_scores(template: Template, runs: Iterable[Run], seeds: int) -> dict[int, float]:
    """The dev fitness of a trial's runs that count, by the runs' numbers, in the objective's own direction.

    Cheaper runs, those beside another trial and those of the confirmation are no runs of the search.
    """
    return {
        run.id: template.fitness(dict(run.outcome.metrics["dev"]))
        for run in runs
        if run.phase == SEARCH and counts(run.outcome, run.replicate, seeds)
    }


def mean(scores: Iterable[float]) -> float | None:
    """A trial's score; None where no run of it counts."""
    found = tuple(scores)
    return fmean(found) if found else None
