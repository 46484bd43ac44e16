"""A new study from a trial of another."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Annotated, Any, Optional, get_args

import typer

from nightlab.commands.driving import given, go
from nightlab.commands.options import (
    GIVEN,
    STUDYS,
    BaseUrl,
    ConfirmSeeds,
    DryRun,
    Executor,
    Hours,
    Isolation,
    Json,
    Model,
    Out,
    Policy,
    Record,
    ReviewerModel,
    Rounds,
    Rule,
    Seed,
    Seeds,
    StudyArg,
    Tokens,
    Trials,
    Usd,
    Workers,
)


def _inherited(option: Any, default: str = STUDYS) -> Any:
    """An option of `run` as `fork` has it: what is not given is as in the study."""
    own = copy.copy(get_args(option)[1])
    own.show_default = default
    return own


def fork(
    study: StudyArg,
    trial: Annotated[int, typer.Option(min=0, help="The trial that is the new study's baseline.")],
    trials: Annotated[int, _inherited(Trials)] = GIVEN,
    seeds: Annotated[int, _inherited(Seeds)] = GIVEN,
    confirm_seeds: Annotated[int, _inherited(ConfirmSeeds)] = GIVEN,
    hours: Annotated[float, _inherited(Hours)] = GIVEN,
    workers: Annotated[int, _inherited(Workers)] = GIVEN,
    seed: Annotated[int, _inherited(Seed)] = GIVEN,
    out: Out = Path("studies"),
    rounds: Annotated[int, _inherited(Rounds)] = GIVEN,
    policy: Annotated[str, _inherited(Policy)] = GIVEN,
    rule: Annotated[str, _inherited(Rule)] = GIVEN,
    isolation: Annotated[Optional[str], _inherited(Isolation)] = GIVEN,  # noqa: UP045
    executor: Annotated[str, _inherited(Executor)] = GIVEN,
    model: Annotated[str, _inherited(Model)] = GIVEN,
    reviewer_model: Annotated[str, _inherited(ReviewerModel, f"{STUDYS}, or --model where given")] = GIVEN,
    base_url: Annotated[str, _inherited(BaseUrl)] = GIVEN,
    tokens: Annotated[int, _inherited(Tokens)] = GIVEN,
    usd: Annotated[float, _inherited(Usd)] = GIVEN,
    record: Annotated[bool, _inherited(Record)] = GIVEN,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Start a new study from a trial of another: its files and parameters are the new baseline.

    Example: nightlab fork studies/digits-20260102-a1b2c3 --trial 17 --trials 100
    """
    _branch(**locals())


def _branch(*, study: Path, trial: int, out: Path, as_json: bool, dry_run: bool, **options: Any) -> None:
    """Begin a study from a trial of another, with what `fork` got."""
    from nightlab.graph import session

    changed = given(**options)
    go(lambda place: session.fork(study, trial, place, for_good=not dry_run, **changed), out, as_json, dry_run)
