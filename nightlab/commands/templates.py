"""What ships."""

from __future__ import annotations

from nightlab.commands.common.ending import print_json
from nightlab.commands.common.options import Json


def templates(as_json: Json = False) -> None:
    """List the research templates that ship with nightlab: domain, metric, what a run takes, what each needs.

    Example: nightlab templates --json
    """
    from nightlab.telling import templates_view

    if as_json:
        print_json({"templates": templates_view.rows()})
    else:
        templates_view.print_table()
