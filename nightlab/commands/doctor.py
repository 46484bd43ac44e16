"""What this machine has."""

from __future__ import annotations

import typer

from nightlab.commands.common.ending import DOES_NOT_HOLD, print_json
from nightlab.commands.common.options import Json


def doctor(as_json: Json = False) -> None:
    """Show what this machine has, what is missing, and how to get it.

    Example: nightlab doctor
    """
    from nightlab.doctor import examine, print_report

    checks = examine()
    if as_json:
        print_json({"checks": [vars(c) | ({"advice": ""} if c.ok else {}) for c in checks]})
    else:
        print_report(checks)
    if any(not c.ok and c.needed for c in checks):
        raise typer.Exit(DOES_NOT_HOLD)
