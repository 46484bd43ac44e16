"""Write a study's bundle."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nightlab.commands.common.ending import print_json
from nightlab.commands.common.options import Json, StudyArg

_BACK = ("openevolve", "autoresearch", "ai-scientist")
AGAIN = (
    "whoever has this bundle can make the private data again, since the template's prepare draws them of a seed that"
    " follows from the ledger's rows; show it to nobody who must not know them"
)


def export(
    study: StudyArg,
    out: Annotated[Path, typer.Option(help="The file to write.", show_default="STUDY.zip here")] = Path(),
    private: Annotated[
        bool, typer.Option("--private/--without-private", help="Whether private data and values on them come along.")
    ] = True,
    timestamp: Annotated[
        str, typer.Option(help="An RFC 3161 server that stamps the ledger's head.", show_default=False)
    ] = "",
    openevolve: Annotated[
        bool, typer.Option("--openevolve", help="The best as a folder of OpenEvolve instead.")
    ] = False,
    autoresearch: Annotated[bool, typer.Option("--autoresearch", help="Likewise, of autoresearch.")] = False,
    scientist: Annotated[
        bool, typer.Option("--ai-scientist", help="Likewise, of AI-Scientist, with its plots.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write one zip file with all that a stranger needs to check the paper: `nightlab verify` and verify.py read it.

    Or the best artifact in the form that its template was imported from.
    Example: nightlab export studies/digits-20260102-a1b2c3 --without-private
    """
    if wanted := [k for k, on in zip(_BACK, (openevolve, autoresearch, scientist), strict=True) if on]:
        _give_back(study, wanted[0], out, as_json)
        return
    from nightlab.experiments.study.study import read
    from nightlab.telling.terminal import say
    from nightlab.verification.bundle import write
    from nightlab.verification.readme import drawn

    with closing(read(study)) as opened:
        to = out if out.name else Path(f"{opened.name}.zip")
        done = write(opened, to, private=private, stamper=timestamp)
        again = not private and drawn(opened)
    if again:
        say("warning: " + AGAIN, error=True)
    if as_json:
        print_json({"bundle": str(to), **asdict(done), "stamped": bool(timestamp)})
    else:
        say(f"bundle {to} (ledger up to link {done.link}, {done.head})")


def _give_back(study: Path, kind: str, out: Path, as_json: bool) -> None:
    """Write the folder, and say how it is imported again."""
    import shlex

    from nightlab.experiments.study.study import read
    from nightlab.graph.template.exporting import give_back
    from nightlab.telling.terminal import say

    with closing(read(study)) as opened:
        to = out if out.name else Path(f"{opened.name}-{kind}")
        done = give_back(opened, kind, to)
    again = shlex.join(word if word != "FOLDER" else str(to) for word in done.again)
    if as_json:
        told = {"trial": done.trial, "again": again, "plots": done.plots, "notes": done.notes}
        print_json({"folder": str(done.folder), **told})
        return
    say(f"{to} has trial {done.trial} as a folder of {kind}; import it again: {again}")
    for plot in done.plots:
        say(f"picture: {to / plot}")
    for note in done.notes:
        say(f"note: {note}")
