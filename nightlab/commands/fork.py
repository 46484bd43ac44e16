"""A new study from a trial of another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nightlab.commands.common.driving import go
from nightlab.commands.common.options import DryRun, Json, Out, StudyArg, asks, given


@asks("key", "replay", inherited=True)
def fork(
    study: StudyArg,
    trial: Annotated[int, typer.Option(min=0, help="The trial that is the new study's baseline.")],
    out: Out = Path("studies"),
    dry_run: DryRun = False,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Start a new study from a trial of another: its files and parameters are the new baseline.

    Example: nightlab fork studies/digits-20260102-a1b2c3 --trial 17 --trials 100
    """
    from nightlab.graph import session

    changed = given(settings)
    go(lambda place: session.fork(study, trial, place, for_good=not dry_run, **changed), out, as_json, dry_run)
