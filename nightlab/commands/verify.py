"""Verify a study, or the bundle of one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nightlab.commands.common.ending import DOES_NOT_HOLD, WRONG_USE, fail, print_json
from nightlab.commands.common.options import Json

Target = Annotated[Path, typer.Argument(help="A study's folder, or a bundle that `nightlab export` wrote.")]


def verify(
    target: Target,
    reproduce: Annotated[
        int, typer.Option(min=0, help="Runs to repeat in the sandbox, drawn at random.", show_default=False)
    ] = 0,
    head: Annotated[
        str,
        typer.Option(help="The ledger's hash as page one, the end of the run or a stamp has it.", show_default=False),
    ] = "",
    as_json: Json = False,
) -> None:
    """Compute every number of a paper again from its study's rows, and compare files, figures, citations and rows.

    One line a problem; exit 1 where there is one. Nothing of the study is run, but for what --reproduce repeats: to the
    bit on the same processor and versions, elsewhere within the noise.

    Example: nightlab verify studies/digits-20261129-4f2a1c
    """
    if not target.exists():
        fail(f"{target} is neither a study nor a bundle: there is nothing of that name", WRONG_USE)
    from nightlab.experiments.numbers import plural
    from nightlab.telling.terminal import say
    from nightlab.verification.verify import verify as findings

    found = []
    for finding in findings(target, reproduce, "".join(head.split()).lower()):
        found.append(finding)
        if not as_json:
            say(f"{finding.severity:7} {finding.kind}: {finding.where}: {finding.text}")
    wrong = sum(finding.severity == "error" for finding in found)
    if as_json:
        print_json({"ok": not wrong, "findings": [asdict(finding) for finding in found]})
    else:
        doubts = f", but for {plural(len(found), 'warning')}" if found else ""
        say(f"{target}: {f'{wrong} wrong' if wrong else f'verified{doubts}'}")
    if wrong:
        raise typer.Exit(DOES_NOT_HOLD)
