"""A study goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from nightlab.commands.common.driving import drive
from nightlab.commands.common.ending import WRONG_USE, fail
from nightlab.commands.common.options import Json, StudyArg


def resume(
    study: StudyArg,
    trials: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="+N", help="Give a finished study so many trials more, and a claim of its own for them."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Go on with a study where it stopped, or extend a finished one with --trials; a paper without a PDF gets one.

    Example: nightlab resume studies/digits-20260102-a1b2c3

    Example: nightlab resume studies/digits-20260102-a1b2c3 --trials +50
    """
    if trials is not None and not (trials[:1] == "+" and trials[1:].isdecimal() and int(trials) > 0):
        fail(f"--trials {trials!r}: give the number of trials to add with a plus, such as +50", WRONG_USE)
    if trials is not None:
        from nightlab.graph.session import extend

        extend(study, int(trials))
    elif not as_json and _finished(study):
        from nightlab.experiments.study.study import resuming
        from nightlab.telling.terminal import say

        say(f"{study} is finished; {resuming(study, '--trials +50')} would extend it")
    drive(study, as_json)


def _finished(folder: Path) -> bool:
    from nightlab.telling import report

    with report.opened(folder) as study:
        return study.finished
