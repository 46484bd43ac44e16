"""A template out of a program that is there already, without a change to it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from nightlab.commands.common.ending import DOES_NOT_HOLD, WRONG_USE, print_json
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
    from nightlab.experiments.template.adoption.refusal import AdoptionError
    from nightlab.graph.template.adopting import Wish
    from nightlab.graph.template.adopting import adopt as adopted
    from nightlab.telling.terminal import say

    asks = not (yes or as_json) and sys.stdin.isatty() and sys.stderr.isatty()
    quiet = as_json or not sys.stderr.isatty()
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
    try:
        made = adopted(
            wish,
            asked if asks else lambda *_: "",
            (lambda _: None) if quiet else (lambda t: say(f"... {t}", error=True)),
        )
    except AdoptionError as error:
        say(f"nightlab: {error}", error=True)
        if as_json:
            print_json({"error": str(error), "choices": list(error.choices)})
        raise typer.Exit(WRONG_USE) from None
    _show(made, as_json)


def asked(question: str, proposed: Sequence[str]) -> str:
    """What a person says: one of the proposals by its number, or another text."""
    from nightlab.telling.terminal import say

    for number, text in enumerate(proposed, 1):
        say(f"  {number}  {text}", error=True)
    said = str(typer.prompt(f"{question} (a number, or another; empty ends)", default="", show_default=False, err=True))
    if said.isdigit() and 1 <= int(said) <= len(proposed):
        return proposed[int(said) - 1].partition("   (")[0]
    return said.strip()


def _show(made: Adopted, as_json: bool) -> None:
    from dataclasses import asdict

    from nightlab.telling.terminal import say

    found = made.examination
    ok = found is None or found.ok
    if as_json:
        findings = [asdict(finding) for finding in found.findings] if found else []
        print_json({"template": str(made.template), "ok": ok, **made.facts, "notes": made.notes, "findings": findings})
    else:
        metric, facts = made.facts["metric"], made.facts
        say(f"{made.template} is a template: {facts['direction']} {metric['name']} = {metric['value']:g}")
        for name, knob in facts["knobs"].items():
            span = (
                f"{knob['low']:g} to {knob['high']:g}"
                if "low" in knob
                else ", ".join(map(str, knob.get("choices", ())))
            )
            say(f"  {name} = {knob['default']}: {span or 'true or false'}")
        for note in made.notes:
            say(f"note: {note}")
        for finding in found.findings if found else ():
            say(f"{finding.severity}: {finding.where}: {finding.text}{f'; mend: {finding.mend}' * bool(finding.mend)}")
        if "hours" in facts:
            least, most = facts["hours"]
            say(
                f"{facts['seeds']} seeds find an effect of {facts['smallest_effect']:.2g}; a study of"
                f" {facts['trials']} trials takes {least:.2g} to {most:.2g} hours"
            )
        say(f"next: nightlab experiment {made.template}")
    if not ok:
        raise typer.Exit(DOES_NOT_HOLD)
