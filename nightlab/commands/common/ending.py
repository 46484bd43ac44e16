"""How a command ends: its exit code, its JSON, its failure."""

from __future__ import annotations

import json
import sys
from typing import Any, NoReturn

import typer

DONE, DOES_NOT_HOLD, WRONG_USE, CAN_RESUME, INTERRUPTED = 0, 1, 2, 3, 130


def print_json(body: dict[str, Any]) -> None:
    """One line on standard output."""
    from nightlab.telling.terminal import encodable

    line = json.dumps(body, ensure_ascii=False)
    sys.stdout.write(f"{line if encodable(line) else json.dumps(body)}\n")
    sys.stdout.flush()


def fail(message: str, code: int) -> NoReturn:
    """End with a message, which is a JSON object, too, where JSON was asked for."""
    from nightlab.telling.terminal import say

    say(f"nightlab: {message}", error=True)
    if "--json" in sys.argv:
        print_json({"error": message})
    raise typer.Exit(code)
