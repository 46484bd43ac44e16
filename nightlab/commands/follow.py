"""A study that another process works on."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Annotated

import typer

from nightlab.commands.common.ending import DOES_NOT_HOLD, INTERRUPTED, print_json
from nightlab.commands.common.options import StudyArg


def follow(
    study: StudyArg,
    after: Annotated[int, typer.Option(min=0, help="Only what was told after the event of this number.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with the event's number.")] = False,
) -> None:
    """Watch a study that another process works on, until it ends. Ctrl-C ends the watching, not the study.

    Example: nightlab follow studies/digits-20260102-a1b2c3

    Example: nightlab follow studies/digits-20260102-a1b2c3 --after 120 --json
    """
    from nightlab.telling import following, report

    with report.opened(study) as opened:
        view, event = None if as_json else following.view_of(opened), None
        try:
            with view or nullcontext():
                for event in following.follow(opened, after):
                    (view.hear if view else print_json)(event.record())
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        if event and following.failed(event):
            raise typer.Exit(DOES_NOT_HOLD)
