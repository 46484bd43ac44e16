"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Optional

import typer

TemplateArg = Annotated[
    str, typer.Argument(help="A template that ships with nightlab, or a folder with a template.toml.")
]
StudyArg = Annotated[Path, typer.Argument(help="A study's folder, as `run` and `experiment` print it.")]
TEMPLATES, STUDYS = "the template's", "the study's"  # where a default comes from
Trials = Annotated[int, typer.Option(min=1, help="Trials of the search.", show_default=TEMPLATES)]
Seeds = Annotated[int, typer.Option(min=1, help="Replicates that a verdict may use.", show_default=TEMPLATES)]
ConfirmSeeds = Annotated[
    int, typer.Option(min=2, max=1000, help="Fresh seeds for the claim, after the search.", show_default=TEMPLATES)
]
Hours = Annotated[float, typer.Option(min=0.001, max=1e5, help="Time limit of the search.", show_default=TEMPLATES)]
Workers = Annotated[int, typer.Option(min=1, help="Runs at the same time.", show_default="all cores")]
Seed = Annotated[
    int, typer.Option(min=0, help="Seed of the study; with one worker and its --key everything repeats exactly.")
]
Key = Annotated[
    str,
    typer.Option(
        help="Key of the study's seeds, as its --json tells it: 32 hexadecimal digits that no experiment may know.",
        show_default="drawn at random",
    ),
]
Out = Annotated[Path, typer.Option(help="Where studies are kept.", file_okay=False)]
Rounds = Annotated[int, typer.Option(min=0, help="Revision rounds at most.")]
Policy = Annotated[
    str, typer.Option(help="Search: greedy, tree, evolution, archive, gp, random, or Optuna's own tpe and cmaes.")
]
Rule = Annotated[
    str, typer.Option(help="Verdicts: paired (replicates against the noise) or strict (what scores better is kept).")
]
Isolation = Annotated[
    Optional[str],  # noqa: UP045
    typer.Option(help="Refuse to run below this level: S3, S2, S1 or S0. Code that a model wrote needs S3 without it."),
]
Executor = Annotated[
    str, typer.Option(help="Where the runs happen: local, or the name that an installed package gives its executor.")
]
MODELS = "Language models"
Model = Annotated[
    str,
    typer.Option(
        help="A model for every role: openai:NAME, another provider's PROVIDER:NAME, or fake:SCRIPT."
        " Without one, nor one in nightlab.toml, the offline team works.",
        show_default=False,
        rich_help_panel=MODELS,
    ),
]
ReviewerModel = Annotated[
    str, typer.Option(help="A model of its own for the reviewers.", show_default=False, rich_help_panel=MODELS)
]
BaseUrl = Annotated[
    str,
    typer.Option(
        help="Address of a server that speaks OpenAI's protocol, e.g. http://127.0.0.1:8000/v1.",
        show_default=False,
        rich_help_panel=MODELS,
    ),
]
Tokens = Annotated[
    int,
    typer.Option(min=1, help="Limit on tokens, in and out together.", show_default=False, rich_help_panel=MODELS),
]
Usd = Annotated[
    float,
    typer.Option(
        min=1e-6, max=1e6, help="Limit on the price of all calls.", show_default=False, rich_help_panel=MODELS
    ),
]
Record = Annotated[
    bool, typer.Option("--record", help="Keep every prompt and answer in the study.", rich_help_panel=MODELS)
]
Replay = Annotated[
    Optional[Path],  # noqa: UP045
    typer.Option(
        help="A recorded study: its answers are used instead of a model's, its settings where none are given.",
        show_default=False,
        rich_help_panel=MODELS,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="End with one JSON object on standard output.")]

DryRun = Annotated[
    bool,
    typer.Option("--dry-run", help="Only estimate time, calls, tokens and cost, by timed runs of the baseline."),
]

# What a command did not get is left to the template or, in a fork, to the study.
GIVEN: Any = None
