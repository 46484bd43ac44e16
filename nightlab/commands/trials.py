"""What was tried."""

from __future__ import annotations

from typing import Annotated, Optional

import typer

from nightlab.commands.common.ending import print_json
from nightlab.commands.common.options import Json, StudyArg


def trials(
    study: StudyArg,
    trial: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(
            min=0,
            help="One trial whole: its parameters, runs, output and edits.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the trials of a study with their verdicts, or show one of them.

    Example: nightlab trials studies/digits-20260102-a1b2c3

    Example: nightlab trials studies/digits-20260102-a1b2c3 --trial 17
    """
    from nightlab.telling import report, trials_view

    with report.opened(study) as opened:
        if as_json:
            found = (
                {"trials": trials_view.rows(opened)} if trial is None else {"trial": trials_view.whole(opened, trial)}
            )
            print_json({"study": str(opened.folder), **found})
        elif trial is None:
            trials_view.print_trials(opened)
        else:
            trials_view.print_trial(opened, trial)
