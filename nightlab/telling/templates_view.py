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
    table = Table.grid(padding=(0, 2))
    found = rows()
    for row in found:
        better = "smaller" if row["direction"] == "minimize" else "larger"
        told = [row["domain"], f"{row['label']} ({better} is better)", f"{len(row['knobs'])} knobs"]
        told += [f"{row['seconds']:g} s a run"] if row["seconds"] else []
        needed = f"needs {', '.join(row['requires'])}" if row["requires"] else "needs nothing more"
        lacking = "" if row["here"] else " (not here)"
        text = Text.assemble(row["title"], ("\n" + "; ".join([*told, ""]), "bright_black"))
        text.append(needed + lacking, "yellow" if lacking else "bright_black")
        table.add_row(row["name"], text)
    console = Terminal()
    console.print(table)
    for row in found:
        if row["get"]:
            console.print(f"{row['name']}: {row['get']}", soft_wrap=True)
