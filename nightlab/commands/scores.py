"""The reviewers' scores."""

from __future__ import annotations

import typer

from nightlab.commands.common.ending import DOES_NOT_HOLD, fail, print_json
from nightlab.commands.common.options import Json, StudyArg


def scores(study: StudyArg, as_json: Json = False) -> None:
    """Show the reviewers' scores of every round.

    Example: nightlab scores studies/digits-20260102-a1b2c3 --json
    """
    from nightlab.telling import report

    with report.opened(study) as opened:
        rounds = report.rounds(opened)
        if as_json:
            print_json({"study": str(opened.folder), "rounds": rounds})
        elif not rounds:
            fail(report.no_reviews(opened), DOES_NOT_HOLD)
        else:
            report.print_scores(opened)
        if not rounds:
            raise typer.Exit(DOES_NOT_HOLD)
