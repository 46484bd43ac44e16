"""What ships."""

from __future__ import annotations

from nightlab.commands.common.ending import print_json
from nightlab.commands.common.options import Json


def templates(as_json: Json = False) -> None:
    """List the research templates that ship with nightlab.

    Example: nightlab templates --json
    """
    from nightlab.telling import report

    report.print_templates(as_json, print_json)
