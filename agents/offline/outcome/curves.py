"""Learning curves: what the runs of the confirmation reported step by step, of the baseline and of the best."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from nightlab.agents.offline.wording import caption, passage
from nightlab.experiments.study.series import Rows
from nightlab.papers.facts.evidence import Evidence, confirmed
from nightlab.papers.facts.facts import Facts
from nightlab.papers.facts.registry import Value, formula
from nightlab.papers.figures import learning
from nightlab.papers.manuscript.manuscript import Figure

KEY = "learning"
PANELS = 4  # series that are drawn at most, in the order of their names


@formula("confirmation runs of baseline and best that report a series")
def series_runs(e: Evidence) -> Value:
    used = tuple(run for table in _found(e).values() for run in table)
    return Value(len(used), used)


def add(facts: Facts) -> None:
    if _found(facts.evidence):
        facts.count("series.runs", "series_runs")


def figure(e: Evidence, folder: Path) -> list[Figure]:
    """The curves, where runs report some."""
    found = _found(e)
    if not found:
        return []
    names = sorted({name for table in found.values() for series in table.values() for name in series})[:PANELS]
    panels = [
        learning.Panel(
            name=name,
            curves={
                subject: [series[name] for series in table.values() if name in series]
                for subject, table in found.items()
            },
        )
        for name in names
    ]
    learning.draw(folder / "figures/learning.pdf", panels)
    return [Figure(KEY, "figures/learning.pdf", caption(KEY, e))]


def paragraphs(e: Evidence) -> str:
    return passage(KEY, e) if _found(e) else ""


def reported(rows: Mapping[str, Rows]) -> dict[str, learning.Points]:
    """Of what was kept of a run the series that it reported, and not what its judge gave."""
    return {name: [(step, value) for step, value in points] for name, points in rows.items() if "/" not in name}


def _found(e: Evidence) -> dict[str, dict[int, Mapping[str, learning.Points]]]:
    """What runs reported, by the subject and the run."""
    found: dict[str, dict[int, Mapping[str, learning.Points]]] = defaultdict(dict)
    for subject in ("baseline", "best") if e.best.number and e.series else ("baseline",) if e.series else ():
        for run in confirmed(e, subject):
            if e.series and (series := reported(e.series.of(run.id))):
                found[subject][run.id] = series
    return dict(found)
