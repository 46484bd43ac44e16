"""A template out of a program that is there already, without a change to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from nightlab.commands.common.bringing import brought, show
from nightlab.commands.common.options import Json

if TYPE_CHECKING:
    from nightlab.graph.template.adopting import Adopted

Folder = Annotated[Path, typer.Argument(help="The folder of your program. It is read, never written to.")]
Command = Annotated[str, typer.Option(help="What runs it once, with knobs in braces; {seed} is the seed. No shell.")]
Metric = Annotated[str, typer.Option(help="The number to improve, by its name or as FILE:NAME.")]
Direction = Annotated[str, typer.Option(help="minimize or maximize.")]
Editable = Annotated[Optional[list[str]], typer.Option(help="Files that may change: 'src/**/*.py'.")]  # noqa: UP045
Knob = Annotated[Optional[list[str]], typer.Option(help="lr=0.1:1e-4..1, opt=adam:adam|sgd, lr@conf.yaml:a.lr.")]  # noqa: UP045
Python = Annotated[str, typer.Option(help="The interpreter of runs. One in the folder (.venv), or nightlab's own.")]
Out = Annotated[Optional[Path], typer.Option(help="Where the template is written. PATH-nightlab.")]  # noqa: UP045
Bind = Annotated[Optional[list[str]], typer.Option(help="Data outside of the folder that runs read where it lies.")]  # noqa: UP045
Without = Annotated[Optional[list[str]], typer.Option(help="Patterns of what is left out: 'checkpoints/'.")]  # noqa: UP045
Untracked = Annotated[bool, typer.Option("--untracked", help="Copy files too that git does not track.")]
Gpus = Annotated[int, typer.Option(help="GPUs of a run.", min=0)]
Timeout = Annotated[float, typer.Option(help="Seconds that the first run may take.", min=1)]
Check = Annotated[bool, typer.Option(help="Try the template by some dozen runs, as nightlab check does.")]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing, and take the metric where there is only one.")]


def adopt(
    path: Folder,
    command: Command = "",
    metric: Metric = "",
    direction: Direction = "",
    editable: Editable = None,
    knob: Knob = None,
    python: Python = "",
    out: Out = None,
    bind: Bind = None,
    without: Without = None,
    untracked: Untracked = False,
    gpus: Gpus = 0,
    timeout: Timeout = 600.0,
    check: Check = True,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Make a template of a program that is there already: your script, your repository, your environment.

    Reads the folder, runs the command once on a copy, without network or keys, and writes the template beside it.
    Example: nightlab adopt DIR --command "python train.py --lr {lr} --seed {seed}" --metric loss --direction minimize
    """
    from nightlab.graph.template.adopting import Wish
    from nightlab.graph.template.adopting import adopt as adopted

    wish = Wish(
        folder=path.resolve(),
        out=out,
        command=command,
        metric=metric,
        direction=direction,
        editable=editable or (),
        knobs=knob or (),
        python=python,
        bind=bind or (),
        without=without or (),
        untracked=untracked,
        gpus=gpus,
        timeout_s=timeout,
        sole=yes,
        check=check,
    )
    made = brought(partial(adopted, wish), yes=yes, as_json=as_json)
    show(made, made.facts, [*_head(made)], [*_hours(made.facts)], as_json=as_json)


def _head(made: Adopted) -> Iterator[str]:
    metric, facts = made.facts["metric"], made.facts
    yield f"{made.template} is a template: {facts['direction']} {metric['name']} = {metric['value']:g}"
    for name, knob in facts["knobs"].items():
        span = f"{knob['low']:g} to {knob['high']:g}" if "low" in knob else ", ".join(map(str, knob.get("choices", ())))
        yield f"  {name} = {knob['default']}: {span or 'true or false'}"


def _hours(facts: Mapping[str, Any]) -> Iterator[str]:
    if "hours" in facts:
        least, most = facts["hours"]
        yield (
            f"{facts['seeds']} seeds find an effect of {facts['smallest_effect']:.2g}, the confirmation one of"
            f" {facts['confirmed_effect']:.2g}"
        )
        yield f"a study of {facts['trials']} trials takes {least:.2g} to {most:.2g} hours"
