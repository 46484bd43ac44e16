"""The templates that ship: domain, metric, time of a run, what each needs and whether it is here."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

from nightlab.experiments.template.loading import load, names
from nightlab.graph.template.requirements import getting, lacks, needs
from nightlab.telling.terminal import Terminal


def rows() -> list[dict[str, Any]]:
    """Each template as `templates --json` has it. seconds: of a run, None where the template does not say it. get: the
    command that installs the packages it lacks."""
    return [_row(name) for name in names()]


def _row(name: str) -> dict[str, Any]:
    template = load(name)
    missing = lacks(template)
    packages = [text for text in missing if text in template.spec.template.requires]
    return {
        "name": template.name,
        "title": template.spec.template.title,
        "domain": template.spec.template.domain,
        "metric": template.metric,
        "label": template.metric_label,
        "direction": template.spec.objective.direction,
        "knobs": [knob.name for knob in template.knobs],
        "seconds": template.spec.run.seconds,
        "trials": template.spec.budget.trials,
        "requires": needs(template),
        "here": not missing,
        "get": getting(template, packages) if packages else "",
        "path": str(template.folder),
    }


def print_table() -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("template", "domain", "title", "metric", "better", "knobs", "a run", "needs"):
        table.add_column(name, header_style="bright_black", overflow="fold", no_wrap=name in ("template", "a run"))
    found = rows()
    for row in found:
        needed = Text(", ".join(row["requires"]) or "nothing more", "" if row["here"] else "yellow")
        better = "smaller" if row["direction"] == "minimize" else "larger"
        seconds = f"{row['seconds']:g} s" if row["seconds"] else ""
        given = (row["name"], row["domain"], row["title"], row["label"], better, str(len(row["knobs"])), seconds)
        table.add_row(*given, needed if row["here"] else needed + " (not here)")
    console = Terminal()
    console.print(table)
    for row in found:
        if row["get"]:
            console.print(f"{row['name']}: {row['get']}", soft_wrap=True)
