"""A study that another process works on."""

from __future__ import annotations

from typing import Annotated

import typer

from nightlab.commands.ending import INTERRUPTED, print_json
from nightlab.commands.options import StudyArg


def follow(
    study: StudyArg,
    after: Annotated[int, typer.Option(min=0, help="Only what was told after the event of this number.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with the event's number.")] = False,
) -> None:
    """Watch a study that another process works on, until it is finished. Ctrl-C ends the watching, not the study.

    Example: nightlab follow studies/digits-20260102-a1b2c3

    Example: nightlab follow studies/digits-20260102-a1b2c3 --after 120 --json
    """
    from nightlab.telling import following, report

    with report.opened(study) as opened:
        try:
            if not as_json:
                return following.show(opened, after)
            for event in following.follow(opened, after):
                print_json(event.record())
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
