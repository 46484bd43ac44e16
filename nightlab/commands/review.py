"""A panel's review of any paper."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from nightlab.agents.chat.settings import ModelSettings
from nightlab.commands.common.ending import print_json
from nightlab.commands.common.options import Json, asks, given


@asks("record", "replay", of=(ModelSettings,))
def review(
    paper: Annotated[Path, typer.Argument(help="A study's folder, or a PDF from anywhere.")],
    reviewers: Annotated[int, typer.Option("--reviewers", min=1, max=12, help="How many reviewers.")] = 3,
    repeat: Annotated[
        int, typer.Option("--repeat", min=1, max=50, help="Review so often, to see by how much the scores vary.")
    ] = 1,
    as_json: Json = False,
    **settings: Any,
) -> None:
    """Have a panel review a study's paper, or what the text of any PDF tells.

    Example: nightlab review studies/digits-20260102-a1b2c3

    Example: nightlab review paper.pdf --model openai:gpt-4.1 --reviewers 5 --json

    Example: nightlab review paper.pdf --model openai:gpt-4.1 --repeat 5
    """
    from nightlab.agents.chat.settings import settings_from
    from nightlab.graph.appraisal import appraise
    from nightlab.telling.reviews import print_review

    told = appraise(paper, reviewers, settings_from(given(settings))[1], repeat)
    print_json(told) if as_json else print_review(told)
