"""A template out of a folder that another system has."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Optional

import typer

from nightlab.commands.common.bringing import brought, show
from nightlab.commands.common.options import Json

Kind = Annotated[str, typer.Argument(help="ai-scientist, autoresearch, openevolve, shinka, aide or adas.")]
Folder = Annotated[Path, typer.Argument(help="The folder of the task. It is read, never written to.")]
Metric = Annotated[str, typer.Option(help="The number to improve, where the format does not say it.")]
Direction = Annotated[str, typer.Option(help="minimize or maximize, likewise.")]
Program = Annotated[str, typer.Option(help="The file that changes, where there are several.")]
Evaluator = Annotated[str, typer.Option(help="The file that evaluates it, likewise.")]
Data = Annotated[Optional[Path], typer.Option(help="Where its data lie, if not in the folder.")]  # noqa: UP045
Answers = Annotated[Optional[Path], typer.Option(help="Of adas: a file that answers for the hosted model.")]  # noqa: UP045
BaseUrl = Annotated[str, typer.Option(help="Of adas: a server without a key that answers for it.")]
AgentModel = Annotated[str, typer.Option(help="Of adas: the model's name there.")]
Gpus = Annotated[Optional[int], typer.Option(help="GPUs of a run, where its code does not tell.", min=0)]  # noqa: UP045
Python = Annotated[str, typer.Option(help="The interpreter of runs and of the evaluator. Nightlab's own.")]
Out = Annotated[Optional[Path], typer.Option(help="Where the template is written. PATH-nightlab.")]  # noqa: UP045
Check = Annotated[bool, typer.Option(help="Try the template by some dozen runs, as nightlab check does.")]
Yes = Annotated[bool, typer.Option("--yes", help="Ask nothing.")]


def import_(
    kind: Kind,
    path: Folder,
    metric: Metric = "",
    direction: Direction = "",
    program: Program = "",
    evaluator: Evaluator = "",
    data: Data = None,
    gpus: Gpus = None,
    answers: Answers = None,
    base_url: BaseUrl = "",
    agent_model: AgentModel = "",
    python: Python = "",
    out: Out = None,
    check: Check = True,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Make a template of a task of AI-Scientist, autoresearch, OpenEvolve, ShinkaEvolve, AIDE or ADAS.

    Reads the folder, runs it as it is, in sandboxes without network or keys, and writes the template beside it.
    Example: nightlab import openevolve examples/circle_packing --out packing
    """
    from nightlab.experiments.template.imports.draft import Wish
    from nightlab.graph.template.importing import bring

    folder = path.resolve()
    wish = Wish(
        folder=folder,
        metric=metric,
        direction=direction,
        program=program,
        evaluator=evaluator,
        data=data.resolve() if data else None,
        gpus=gpus,
        answers=answers,
        base_url=base_url,
        agent_model=agent_model,
        python=python,
    )
    place = out or folder.parent / f"{folder.name}-nightlab"
    made = brought(partial(bring, kind, wish, place, check=check), yes=yes, as_json=as_json)
    facts = {key: getattr(made, key) for key in ("metric", "direction", "value", "trust", "knobs")}
    head = f"{made.template} is a template: {made.direction} {made.metric} = {made.value:g} ({made.trust})"
    show(made, facts, [head], [], as_json=as_json)
