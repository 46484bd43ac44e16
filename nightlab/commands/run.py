"""The whole pipeline, or only the experiment."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from nightlab.commands.common.driving import go
from nightlab.commands.common.options import DryRun, Json, Out, RequireAccept, TemplateArg, asks, given
from nightlab.experiments.ledger.documents.study import Mode


@asks()
def run(
    template: TemplateArg,
    out: Out = Path("studies"),
    dry_run: DryRun = False,
    require_accept: RequireAccept = False,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Write a paper: the whole pipeline, from the template to the reviewed PDF.

    Example: nightlab run digits --trials 40

    Example: nightlab run digits --trials 400 --dry-run
    """
    _start("pipeline", template, out, dry_run, as_json, settings, require_accept=require_accept)


@asks("rounds", "venue", "reviewer_model")
def experiment(
    template: TemplateArg, out: Out = Path("studies"), dry_run: DryRun = False, as_json: Json = False, **settings: Any
) -> None:
    """Run only the experiment subgraph: search, confirmation, ablation.

    Example: nightlab experiment path/to/template --trials 100 --workers 2 --json
    """
    _start("experiment", template, out, dry_run, as_json, settings)


def _start(
    mode: Mode,
    template: str,
    out: Path,
    dry_run: bool,
    as_json: bool,
    options: dict[str, Any],
    *,
    require_accept: bool = False,
) -> None:
    """Begin a study, with what `run` or `experiment` got."""
    from nightlab.experiments.template.loading import find

    find(template)  # before all that a study needs is loaded
    from nightlab.agents.chat.settings import settings_from
    from nightlab.graph.estimate import keyless
    from nightlab.graph.session import begin

    settings, models = settings_from(given(options | {"workers": options["workers"] or _cores()}))
    make = keyless if dry_run else begin
    go(
        lambda place: make(template, settings, place, mode, models),
        out,
        as_json,
        dry_run,
        require_accept=require_accept,
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
