"""The whole pipeline, or only the experiment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from nightlab.commands.driving import given, go
from nightlab.commands.options import (
    GIVEN,
    BaseUrl,
    ConfirmSeeds,
    DryRun,
    Executor,
    Hours,
    Isolation,
    Json,
    Key,
    Model,
    Out,
    Policy,
    Record,
    Replay,
    ReviewerModel,
    Rounds,
    Rule,
    Seed,
    Seeds,
    TemplateArg,
    Tokens,
    Trials,
    Usd,
    Workers,
)


def run(
    template: TemplateArg,
    trials: Trials = GIVEN,
    seeds: Seeds = GIVEN,
    confirm_seeds: ConfirmSeeds = GIVEN,
    hours: Hours = GIVEN,
    workers: Workers = GIVEN,
    seed: Seed = 0,
    key: Key = "",
    out: Out = Path("studies"),
    rounds: Rounds = 2,
    policy: Policy = "greedy",
    rule: Rule = "paired",
    isolation: Isolation = None,
    executor: Executor = "local",
    model: Model = "",
    reviewer_model: ReviewerModel = "",
    base_url: BaseUrl = "",
    tokens: Tokens = GIVEN,
    usd: Usd = GIVEN,
    record: Record = False,
    replay: Replay = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Write a paper: the whole pipeline, from the template to the reviewed PDF.

    Example: nightlab run digits --trials 40

    Example: nightlab run digits --trials 400 --dry-run
    """
    _start("pipeline", **locals())


def experiment(
    template: TemplateArg,
    trials: Trials = GIVEN,
    seeds: Seeds = GIVEN,
    confirm_seeds: ConfirmSeeds = GIVEN,
    hours: Hours = GIVEN,
    workers: Workers = GIVEN,
    seed: Seed = 0,
    key: Key = "",
    out: Out = Path("studies"),
    policy: Policy = "greedy",
    rule: Rule = "paired",
    isolation: Isolation = None,
    executor: Executor = "local",
    model: Model = "",
    base_url: BaseUrl = "",
    tokens: Tokens = GIVEN,
    usd: Usd = GIVEN,
    record: Record = False,
    replay: Replay = None,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Run only the experiment subgraph: search, confirmation, ablation.

    Example: nightlab experiment path/to/template --trials 100 --workers 2 --json
    """
    _start("experiment", **locals())


def _start(
    mode: Literal["pipeline", "experiment"], *, template: str, out: Path, as_json: bool, dry_run: bool, **options: Any
) -> None:
    """Begin a study, with what `run` or `experiment` got."""
    from nightlab.experiments.study.study import Settings
    from nightlab.graph.estimate import keyless
    from nightlab.graph.session import begin

    settings = Settings(**given(**options | {"workers": options["workers"] or _cores()}))
    make = keyless if dry_run else begin
    go(lambda place: make(template, settings, place, mode), out, as_json, dry_run)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
