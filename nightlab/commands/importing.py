"""A template out of a folder that another system has."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from nightlab.commands.adopt import asked
from nightlab.commands.common.ending import DOES_NOT_HOLD, WRONG_USE, print_json
from nightlab.commands.common.options import Json

if TYPE_CHECKING:
    from nightlab.graph.template.importing import Imported

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
    from nightlab.experiments.template.adoption.refusal import AdoptionError
    from nightlab.experiments.template.imports.draft import Wish
    from nightlab.graph.template.importing import bring
    from nightlab.telling.terminal import say

    asks = not (yes or as_json) and sys.stdin.isatty() and sys.stderr.isatty()
    quiet = as_json or not sys.stderr.isatty()
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
    try:
        made = bring(
            kind,
            wish,
            out or folder.parent / f"{folder.name}-nightlab",
            asked if asks else lambda *_: "",
            (lambda _: None) if quiet else (lambda t: say(f"... {t}", error=True)),
            check=check,
        )
    except AdoptionError as error:
        say(f"nightlab: {error}", error=True)
        if as_json:
            print_json({"error": str(error), "choices": list(error.choices)})
        raise typer.Exit(WRONG_USE) from None
    _show(made, as_json)


def _show(made: Imported, as_json: bool) -> None:
    from dataclasses import asdict

    from nightlab.telling.terminal import say

    found = made.examination
    ok = found is None or found.ok
    if as_json:
        findings = [asdict(finding) for finding in found.findings] if found else []
        told = {key: getattr(made, key) for key in ("metric", "direction", "value", "trust", "knobs", "notes")}
        print_json({"template": str(made.template), "ok": ok, **told, "findings": findings})
    else:
        say(f"{made.template} is a template: {made.direction} {made.metric} = {made.value:g} ({made.trust})")
        for note in made.notes:
            say(f"note: {note}")
        for finding in found.findings if found else ():
            say(f"{finding.severity}: {finding.where}: {finding.text}{f'; mend: {finding.mend}' * bool(finding.mend)}")
        say(f"next: nightlab experiment {made.template}")
    if not ok:
        raise typer.Exit(DOES_NOT_HOLD)
