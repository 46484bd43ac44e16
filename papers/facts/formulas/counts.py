"""The formulas that count: trials, runs and notices, each with the runs of what it counts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from nightlab.experiments.ledger.ledger import Trial
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.papers.facts.evidence import BASELINE, Evidence
from nightlab.papers.facts.formulas.settings import SETTINGS
from nightlab.papers.facts.registry import Value, formula
from nightlab.papers.manuscript.listing import LINES

NOTICES, TRIALS = "the notices in the ledger", "the trials in the ledger"


def counted(e: Evidence, found: Sequence[Trial]) -> Value:
    """How many trials, with their runs; none where there is none of them, or where they came to no run."""
    return Value(len(found), tuple(run.id for trial in found for run in e.runs_of(SEARCH, str(trial.number))))


def with_verdict(e: Evidence, verdict: str) -> list[Trial]:
    return [t for t in e.trials if t.verdict is not None and t.verdict.kind == verdict]


@formula("trials that extension {number} added", SETTINGS)
def extension(e: Evidence, number: str) -> Value:
    return Value(e.extensions[number])


@formula("budget of trials before extension {number}", SETTINGS)
def trials_before(e: Evidence, number: int) -> Value:
    """The trials that the study had been asked for before its extension of a number, which counts from 1."""
    return Value(e.settings.trials - sum(n for key, n in e.extensions.items() if int(key) >= number))


@formula("settled trials without the baseline", TRIALS)
def settled(e: Evidence) -> Value:
    return counted(e, [t for t in e.trials[1:] if t.verdict is not None])


@formula("trials with the verdict {verdict}", TRIALS)
def trials(e: Evidence, verdict: str) -> Value:
    return counted(e, with_verdict(e, verdict))


@formula("trials that failed: {cause}", TRIALS)
def failures(e: Evidence, cause: str) -> Value:
    return counted(e, [t for t in with_verdict(e, "failed") if t.verdict and t.verdict.cause == cause])


@formula("trials whose parent is neither the baseline nor a kept trial", TRIALS)
def trials_aside(e: Evidence) -> Value:
    stood = {t.number for verdict in ("baseline", "kept") for t in with_verdict(e, verdict)}
    return counted(e, [t for t in e.trials if t.change.parent is not None and t.change.parent not in stood])


@formula("runs of the phase {phase}")
def runs(e: Evidence, phase: str) -> Value:
    found = tuple(r.id for r in e.runs if r.phase == phase)
    return Value(len(found), found)


@formula("runs of all phases")
def all_runs(e: Evidence) -> Value:
    return Value(len(e.runs), tuple(r.id for r in e.runs))


@formula("confirmation runs that failed")
def failed_confirmations(e: Evidence) -> Value:
    rows = [r for r in e.runs if r.phase == "confirm"]
    return Value(sum(r.outcome is None or r.outcome.status != "ok" for r in rows), tuple(r.id for r in rows))


@formula("runs of the search and the selection, without the baseline's")
def searching_runs(e: Evidence) -> Value:
    found = tuple(r.id for r in e.runs if r.phase == SEARCH and r.subject != str(BASELINE))
    return Value(len(found), found)


@formula("trials that changed files", TRIALS)
def edited_trials(e: Evidence) -> Value:
    return counted(e, [e.trials[number] for number in e.edits])


@formula("lines that trial {trial} {side} in files", "the trial's files in the study")
def edited_lines(e: Evidence, trial: int, side: Literal["added", "removed"]) -> Value:
    return Value(sum(getattr(diff, side) for diff in e.edits[trial]))


@formula("notices of the overseer", NOTICES)
def notices(e: Evidence) -> Value:
    return Value(len(e.notices))


@formula("notices of the overseer on signs of gaming", NOTICES)
def notices_of_gaming(e: Evidence) -> Value:
    return Value(sum(n.concern == "gaming" for n in e.notices.values()))


@formula("the gain on dev lies above that on the holdout, intervals apart", NOTICES)
def gap_noticed(e: Evidence) -> Value:
    return Value(float("gap" in e.notices))


@formula("lines of a difference that a listing shows at most", "the protocol")
def listed_lines(e: Evidence) -> Value:  # noqa: ARG001
    return Value(LINES)
