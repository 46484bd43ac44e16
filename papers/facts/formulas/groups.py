"""Formulas of groups of runs: the mean of one with its standard error, its interval and its size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from nightlab.experiments.claim.statistics.inference import summarize
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.records import Split
from nightlab.papers.facts.evidence import BASELINE, Evidence, confirmed
from nightlab.papers.facts.registry import Value, formula

Statistic = Literal["mean", "stderr", "low", "high", "n"]


@formula("{statistic} seconds a run")
def seconds(e: Evidence, statistic: Statistic) -> Value:
    good = [
        (r.id, r.outcome.wall_s)
        for r in e.runs
        if r.phase != "rung" and r.outcome and r.outcome.status == "ok" and r.outcome.wall_s
    ]
    return _of(statistic, [s for _, s in good], [id for id, _ in good])


@formula("mean dev objective of trial {trial} on the search seeds of a verdict")
def trial_mean(e: Evidence, trial: int) -> Value:
    value = e.mean(trial)
    if value is None:
        raise LookupError(f"no run of trial {trial} in the search went well")
    return Value(value, tuple(run for run, _ in e.search_scores(trial)))


@formula("search runs of the best trial on the seeds of a verdict")
def replicates(e: Evidence) -> Value:
    used = e.search_scores(e.best.number)
    return Value(len(used), tuple(run for run, _ in used))


@formula("{statistic} {split} objective of the {subject} in the confirmation")
def fitness(e: Evidence, statistic: Statistic, subject: str, split: Split) -> Value:
    good = confirmed(e, subject)
    values = [e.template.fitness(dict(r.outcome.metrics[split])) for r in good if r.outcome]
    return _of(statistic, values, [r.id for r in good])


@formula("{statistic} {split} {metric} of the {subject} in the confirmation")
def measured(e: Evidence, statistic: Statistic, subject: str, split: Split, metric: str) -> Value:
    good = confirmed(e, subject)
    return _of(statistic, [r.outcome.metrics[split][metric] for r in good if r.outcome], [r.id for r in good])


@formula("{statistic} objective of the {subject}, earlier claim {number}, {split}")
def earlier_fitness(e: Evidence, statistic: Statistic, subject: str, split: Split, number: int) -> Value:
    return fitness(then(e, number), statistic, subject, split)


@formula("{statistic} {split} objective of the {subject} in the replication")
def replicated_fitness(e: Evidence, statistic: Statistic, subject: str, split: Split) -> Value:
    return _scored(e, "replication", statistic, subject, split)


@formula("{statistic} {split} objective of {subject} in the further test {kind}")
def further_fitness(e: Evidence, statistic: Statistic, subject: str, kind: str, split: Split) -> Value:
    return _scored(e, kind, statistic, subject, split)


@formula("{statistic} {split} objective of {subject} beside the baselines at equal budget")
def rival_fitness(e: Evidence, statistic: Statistic, subject: str, split: Split) -> Value:
    return _scored(e, "rivals", statistic, subject, split)


@formula("the baseline's mean {metric} on dev in the search, which bounds the stress test")
def stress_bound(e: Evidence, metric: str) -> Value:
    good = [r for r in e.runs_of(SEARCH, str(BASELINE)) if r.outcome and r.outcome.status == "ok"]
    return _of("mean", [r.outcome.metrics["dev"][metric] for r in good if r.outcome], [r.id for r in good])


def _scored(e: Evidence, phase: str, statistic: Statistic, subject: str, split: Split) -> Value:
    """Of the objective of a subject's runs of a phase that went well."""
    good = [(r.id, v) for r in e.runs_of(phase, subject) if (v := e.fitness(r, split)) is not None]
    return _of(statistic, [v for _, v in good], [id for id, _ in good])


def _of(statistic: Statistic, values: Sequence[float], used: Sequence[int]) -> Value:
    return Value(getattr(summarize(values), statistic), tuple(used))


def then(e: Evidence, number: int) -> Evidence:
    """The evidence of an earlier claim, which counts from 1: the runs of its own confirmation for the present ones."""
    phase = "earlier.confirm" if number == 1 else f"confirm {number - 1}"
    rows = tuple(replace(r, phase="confirm") for r in e.runs if r.phase == phase)
    rows += tuple(r for r in e.runs if r.phase == "search")
    return replace(e, claim=e.earlier[number - 1], runs=rows)
