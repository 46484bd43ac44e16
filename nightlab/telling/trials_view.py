"""What a study has tried, from its ledger: all trials in a table, or one of them whole."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from nightlab.experiments.claim import scope
from nightlab.experiments.ledger.documents.claim import Claim
from nightlab.experiments.ledger.ledger import Run, Trial
from nightlab.experiments.ledger.trial_scores import SEARCH, mean, trial_scores
from nightlab.experiments.numbers import plural, written
from nightlab.experiments.study.study import Study
from nightlab.experiments.template.artifact.diffs import changed, diffs, unified
from nightlab.experiments.template.contract import Constraint
from nightlab.telling.progress import COLOURS, claim_told
from nightlab.telling.report import moves
from nightlab.telling.terminal import Terminal

SAID = ("error", "output")  # what a run leaves in words
WIDE = 2000  # columns where no terminal has fewer: a trial is a line


def rows(study: Study) -> list[dict[str, Any]]:
    """Every trial, in the form of `trials --json`."""
    trials, runs = study.ledger.trials(), _searched(study)
    claims = _claims(study)
    return [_row(study, trial, trials, runs.get(trial.number, []), claims) for trial in trials]


def whole(study: Study, number: int) -> dict[str, Any]:
    """One trial with its parameters, its runs in the search, and the lines of code in which it differs."""
    trial, trials, runs = study.trial(number), study.ledger.trials(), _searched(study).get(number, [])
    before = None if trial.change.parent is None else trials[trial.change.parent].change
    return {
        **_row(study, trial, trials, runs, _claims(study)),
        "params": dict(trial.change.params),
        "artifact": str(study.artifacts.path(trial.change.artifact)),
        "diff": _code(study, trial, before.artifact, unified) if before else "",
        "searched": [
            {
                "run": run.id,
                "seed": run.seed,
                "status": run.outcome.status,
                "metrics": dict(run.outcome.metrics.get("dev", {})),
                "wall_s": run.outcome.wall_s,
                **{what: text for what in SAID if (text := getattr(run.outcome, what))},
                **({"notes": list(run.outcome.notes)} if run.outcome.notes else {}),
            }
            for run in runs
            if run.outcome
        ],
    }


def _row(
    study: Study, trial: Trial, trials: Sequence[Trial], runs: Sequence[Run], claims: Mapping[int, Claim]
) -> dict[str, Any]:
    change, verdict = trial.change, trial.verdict
    before = None if change.parent is None else trials[change.parent].change
    scores = trial_scores(study.template, runs, study.settings.seeds)
    return {
        "trial": trial.number,
        "parent": change.parent,
        "verdict": verdict.kind if verdict else None,
        "cause": verdict.cause if verdict else "",
        "reason": verdict.reason if verdict else "",
        "strategy": change.strategy,
        "proposer": change.proposer,
        "hypothesis": change.hypothesis,
        "changed": {k: list(v) for k, v in changed(change.params, before.params).items()} if before else {},
        "code": [vars(d) for d in _code(study, trial, before.artifact, diffs)] if before else [],
        "fitness": _mean(scores),
        "penalties": _penalties(study, [run for run in runs if run.id in scores]),
        "after_selection": _mean(trial_scores(study.template, runs, len(runs))),
        "confirmed": [n for n, claim in claims.items() if claim.best == trial.number],
    }


def _code(study: Study, trial: Trial, before: str, compare: Any) -> Any:
    same = before == trial.change.artifact  # as in most trials: nothing to read
    return (
        compare({}, {}) if same else compare(study.artifacts.read(before), study.artifacts.read(trial.change.artifact))
    )


def _searched(study: Study) -> dict[int, list[Run]]:
    """The runs of each trial in the search, those included that the selection added after the verdict."""
    found: dict[int, list[Run]] = {}
    for run in study.ledger.runs_by_trial((SEARCH,)):
        found.setdefault(int(run.subject), []).append(run)
    return found


def _mean(scores: Mapping[int, float]) -> dict[str, float | int] | None:
    fitness = mean(scores.values())
    return None if fitness is None else {"fitness": fitness, "runs": len(scores)}


def _penalties(study: Study, runs: Sequence[Run]) -> list[dict[str, Any]]:
    """By each constraint that cost something, its part of the fitness of these runs."""
    found = []
    for constraint in study.template.spec.constraint:
        values = [run.outcome.metrics["dev"][constraint.metric] for run in runs if run.outcome]
        costs = [constraint.penalty * constraint.violation(value) for value in values]
        if penalty := mean(costs):
            found.append(
                {"metric": constraint.metric, "value": mean(values), "penalty": penalty, **_bounds(constraint)}
            )
    return found


def _bounds(constraint: Constraint) -> dict[str, Any]:
    bounds = {"min": constraint.min, "max": constraint.max, "for_each_unit": constraint.penalty}
    return {name: value for name, value in bounds.items() if value is not None} | {"hard": constraint.hard}


def _penalty(told: Mapping[str, Any]) -> str:
    """What a penalty is for."""
    bound = " and ".join(f"{name} = {told[name]:g}" for name in ("min", "max") if name in told)
    hard = "; the constraint is hard, so that a trial that violates it is not kept" if told["hard"] else ""
    return f"{told['for_each_unit']:g} for each unit of {told['metric']} beyond {bound}{hard}"


def _claims(study: Study) -> dict[int, Claim]:
    """The claims that were tested: of the study itself (0) and of each of its extensions."""
    return {n: claim for n, claim in enumerate((*study.earlier_claims, study.claim)) if claim and claim.tested}


def print_trials(study: Study) -> None:
    """A row a trial."""
    table = Table(box=None, pad_edge=False)
    told = rows(study)
    penalties = {_penalty(one): None for row in told for one in row["penalties"]}
    for name in ("trial", "from", "verdict", "fitness (runs)", *(["penalty"] if penalties else []), "change"):
        side = "left" if name in ("verdict", "change") else "right"
        table.add_column(name, justify=side, header_style="bright_black")  # type: ignore[arg-type]
    for row in told:
        mean, penalty = row["fitness"], sum(one["penalty"] for one in row["penalties"])
        table.add_row(
            f"{'* ' if row['confirmed'] else ''}{row['trial']}",
            "" if row["parent"] is None else str(row["parent"]),
            Text(_verdict(row), style=COLOURS.get(row["verdict"], "")),
            f"{mean['fitness']:.5g} ({mean['runs']})" if mean else "",
            *([f"{penalty:.5g}" if penalty else ""] if penalties else []),
            _change(row),
        )
    console = _console()
    _print(table, console)
    if any(row["confirmed"] for row in told):
        console.print("* went to the confirmation", style="bright_black")
    for penalty_told in penalties:
        console.print(f"penalty: the part of the fitness that is {penalty_told}", style="bright_black", soft_wrap=True)


def print_trial(study: Study, number: int) -> None:
    """One trial, for reading."""
    told, console = whole(study, number), _console()
    origin = "" if told["parent"] is None else f", from trial {told['parent']}"
    lines = {
        "hypothesis": told["hypothesis"],
        "strategy": f"{told['strategy']}{origin}, proposed by {told['proposer']}",
        "verdict": f"{_verdict(told)}{': ' if told['reason'] else ''}{told['reason']}",
        "fitness": _fitness(told),
        "penalty": "\n".join(
            f"{one['penalty']:.5g} of it, since {one['metric']} = {one['value']:.5g}: {_penalty(one)}"
            for one in told["penalties"]
        ),
        "files": told["artifact"],
        **{
            f"claim {n}" if n else "claim": f"{claim.split}, {plural(claim.n, scope.row(claim))}: {claim_told(claim)}"
            for n, claim in _claims(study).items()
            if n in told["confirmed"]
        },
    }
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bright_black", no_wrap=True)
    for name, text in lines.items():
        if text:
            table.add_row(name, text)
    console.print(f"trial {number}", style="bold")
    _print(table, console)
    _print_params(study, told, console)
    _print_runs(told, console)
    for what, verb in zip(SAID, ("", " printed"), strict=True):
        for text in dict.fromkeys(run[what] for run in told["searched"] if what in run):
            of = ", ".join(str(run["run"]) for run in told["searched"] if run.get(what) == text)
            console.print(f"\nrun{'s' if ',' in of else ''} {of}{verb}: {text}", soft_wrap=True)
    for note in dict.fromkeys(note for run in told["searched"] for note in run.get("notes", ())):
        console.print(note, soft_wrap=True)
    if told["diff"]:
        console.print(f"\n{told['diff']}", soft_wrap=True)


def _fitness(told: Mapping[str, Any]) -> str:
    first, last = told["fitness"], told["after_selection"]
    if first is None:
        return ""
    more = f", {_runs(last)} with those of the selection" if last != first else ""
    return f"{_runs(first)} on the seeds of the verdicts{more}"


def _print_params(study: Study, told: Mapping[str, Any], console: Console) -> None:
    if not told["params"]:
        return
    table = Table(box=None, pad_edge=False)
    for name in ("parameter", "baseline", "this trial"):
        table.add_column(name, header_style="bright_black", justify="left" if name == "parameter" else "right")
    first = study.ledger.trial(0).change.params
    for name, value in told["params"].items():
        table.add_row(
            name, written(first.get(name, "")), written(value), style="bold" if name in told["changed"] else ""
        )
    _print(table, console)


def _print_runs(told: Mapping[str, Any], console: Console) -> None:
    names = list(dict.fromkeys(name for run in told["searched"] for name in run["metrics"]))
    table = Table(box=None, pad_edge=False)
    for name in ("run", "seed", "status", *names, "seconds"):
        table.add_column(name, header_style="bright_black", justify="left" if name == "status" else "right")
    for run in told["searched"]:
        values = [f"{run['metrics'][name]:.5g}" if name in run["metrics"] else "" for name in names]
        table.add_row(str(run["run"]), str(run["seed"]), run["status"], *values, f"{run['wall_s']:.3g}")
    _print(table, console)


def _verdict(row: Mapping[str, Any]) -> str:
    cause = f" ({row['cause']})" if row["cause"] else ""
    return f"{row['verdict'] or 'not settled'}{cause}"


def _change(row: Mapping[str, Any]) -> str:
    """Where it differs from its parent."""
    edits = [f"{d['file']} +{d['added']} -{d['removed']}" for d in row["code"]]
    return ", ".join(moves(row["changed"]) + edits) or row["hypothesis"]


def _runs(mean: Mapping[str, float]) -> str:
    return f"{mean['fitness']:.5g} over {plural(mean['runs'], 'run')}"


def _print(table: Table, console: Console) -> None:
    """Without the spaces with which a column is as wide as its widest cell."""
    with console.capture() as lines:
        console.print(table)
    console.file.writelines(f"{line.rstrip()}\n" for line in lines.get().splitlines())


def _console() -> Console:
    return Terminal() if sys.stdout.isatty() else Terminal(width=WIDE)
