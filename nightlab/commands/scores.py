"""The reviewers' scores."""

from __future__ import annotations

from typing import Annotated

import typer

from nightlab.commands.common.ending import DOES_NOT_HOLD, fail, print_json
from nightlab.commands.common.options import Json, StudyArg

Plot = Annotated[bool, typer.Option("--plot", help="Write scores.pdf into the study's folder as well.")]


def scores(study: StudyArg, plot: Plot = False, as_json: Json = False) -> None:
    """Show the scores of every round: each reviewer's, mean and spread, the decision, what was kept and what changed.

    Example: nightlab scores studies/digits-20260102-a1b2c3 --json
    """
    from nightlab.telling import report, reviews
    from nightlab.telling.terminal import say

    with report.opened(study) as opened:
        rounds = reviews.rounds(opened)
        drawn = {"plot": str(reviews.plot(opened))} if plot and rounds else {}
        if as_json:
            lacking = {} if rounds else {"error": report.no_reviews(opened)}
            print_json({"study": str(opened.folder), "rounds": rounds, **drawn, **lacking})
        elif not rounds:
            fail(report.no_reviews(opened), DOES_NOT_HOLD)
        else:
            report.print_scores(opened)
            for file in drawn.values():
                say(f"plot   {file}")
        if not rounds:
            raise typer.Exit(DOES_NOT_HOLD)
