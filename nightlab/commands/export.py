"""Write a study's bundle."""

from __future__ import annotations

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nightlab.commands.common.ending import print_json
from nightlab.commands.common.options import Json, StudyArg

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
    as_json: Json = False,
) -> None:
    """Write one zip file with all that a stranger needs to check the paper: `nightlab verify` and verify.py read it.

    Example: nightlab export studies/digits-20260102-a1b2c3 --without-private
    """
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
