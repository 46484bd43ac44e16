"""The figures that a template declares, from the runs of the confirmation; words about them that say what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nightlab.agents.offline.outcome.curves import reported
from nightlab.agents.offline.wording import caption, passage
from nightlab.agents.telling.words import words
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.records import Split
from nightlab.experiments.template.figures import APART, FigureTable, LayerTable
from nightlab.papers.facts.evidence import BASELINE, Evidence, confirmed
from nightlab.papers.facts.facts import Facts
from nightlab.papers.facts.registry import Value, formula
from nightlab.papers.figures import views
from nightlab.papers.figures.learning import common
from nightlab.papers.figures.views import Layer, View
from nightlab.papers.manuscript.manuscript import Figure

NAMES = {"baseline": "baseline", "best": "best configuration"}
COLUMNS = {"line": (1, 2), "points": (1, 2), "circles": (3,), "image": range(2, 20_001)}  # that a mark can show
Rows = Sequence[tuple[float, ...]]


@formula("confirmation runs that have what the figure {figure} shows")
def figure_runs(e: Evidence, figure: str) -> Value:
    one = next(f for f in e.template.spec.figure if f.key == figure)
    used = dict.fromkeys(
        run.id for layer in one.layer for side in _sides(e, layer) for run in _with(e, one, layer, side)
    )
    return Value(len(used), tuple(used))


def add(facts: Facts) -> None:
    for figure in _drawn(facts.evidence):
        facts.count(f"figure.{figure.key}.runs", "figure_runs", figure=figure.key)


def figures(e: Evidence, folder: Path) -> list[Figure]:
    """Those whose data are there."""
    return [_figure(e, figure, folder) for figure in _drawn(e)]


def paragraphs(e: Evidence) -> str:
    keys = [key(figure) for figure in _drawn(e)]
    return passage("views", e, keys=keys, refs=[f"{{ref:{each}}}" for each in keys]) if keys else ""


def key(figure: FigureTable) -> str:
    """Its key in a manuscript, where sections have keys, too."""
    return f"view-{figure.key}"


def _figure(e: Evidence, figure: FigureTable, folder: Path) -> Figure:
    file = f"figures/{key(figure)}.pdf"
    apart = any(layer.mark in APART for layer in figure.layer)
    sides = list(dict.fromkeys(side for layer in figure.layer for side in _sides(e, layer)))
    drawn = {
        side: [_layer(e, figure, layer, side) for layer in figure.layer if side in _sides(e, layer)] for side in sides
    }
    panels = (
        [View(layers=layers, heading=NAMES[side]) for side, layers in drawn.items()]
        if apart
        else [View(layers=[layer for layers in drawn.values() for layer in layers])]
    )
    views.draw(folder / file, panels, figure.x, figure.y, log=figure.log, equal=figure.equal, bounds=figure.bounds)
    return Figure(key(figure), file, _caption(e, figure, sides))


def _caption(e: Evidence, figure: FigureTable, sides: Sequence[str]) -> str:
    """What is drawn of which runs, and who says so."""
    of = {layer.data.split(".")[0] for layer in figure.layer}
    whose = {
        "arrays": f"what the judge gives of each run on the {_split(e, figure)} split",
        "items": "the values by item on the dev split",
        "series": "what runs report of themselves, verified by nothing",
    }
    return caption(
        "view",
        e,
        figure=figure.key,
        title=words(figure.title),
        sides=[f"the {NAMES[side]}" for side in sides],
        whose=[told for kind, told in whose.items() if kind in of],
        banded=any(layer.mark == "line" for layer in figure.layer),
        alone=any(layer.mark != "line" for layer in figure.layer),
    )


def _drawn(e: Evidence) -> list[FigureTable]:
    """The figures of which every layer has data."""
    return [
        f for f in e.template.spec.figure if all(_with(e, f, layer, s) for layer in f.layer for s in _sides(e, layer))
    ]


def _sides(e: Evidence, layer: LayerTable) -> tuple[str, ...]:
    """Those that a layer shows; without a best one, the baseline stands alone."""
    if e.best.number == BASELINE:
        return ("baseline",)
    return ("baseline", "best") if layer.of == "both" else (layer.of,)


def _split(e: Evidence, figure: FigureTable) -> Split:
    return figure.split if figure.split and (figure.split == "dev" or e.claim.split == "holdout") else e.claim.split


def _with(e: Evidence, figure: FigureTable, layer: LayerTable, side: str) -> list[Run]:
    """The runs that have a layer's data."""
    return [run for run in confirmed(e, side) if _rows(e, figure, layer, run)]


def _rows(e: Evidence, figure: FigureTable, layer: LayerTable, run: Run) -> Rows:
    """A layer's data of a run; none where it has none that the mark can show."""
    kind, name = layer.data.split(".")
    found: Rows = []
    if kind == "items":
        table = e.items.of(run.id, "dev", name) if e.items else None
        found = [(float(value),) for value in table[0]] if table else []
    elif e.series:
        kept = e.series.of(run.id)
        found = kept.get(f"{_split(e, figure)}/{name}", []) if kind == "arrays" else reported(kept).get(name, [])
    return found if found and len(found[0]) in COLUMNS[layer.mark] else []


def _layer(e: Evidence, figure: FigureTable, layer: LayerTable, side: str) -> Layer:
    runs = _with(e, figure, layer, side)
    label = layer.label or layer.data.split(".")[1].replace("_", " ")
    several, plain = len(figure.layer) > 1, layer.of == "both"
    of = NAMES[side] if plain and not several else f"{label}, {NAMES[side]}" if plain else label
    if layer.mark == "line":
        curves = [_curve(_rows(e, figure, layer, run), layer.take) for run in runs]
        steps, values = common(curves)
        if len(steps):
            rows = np.column_stack([steps, np.median(values, axis=0)]).tolist()
            band = np.column_stack([steps, values.min(axis=0), values.max(axis=0)]).tolist()
            return Layer(
                mark="line", label=of, side=side if plain else "", rows=rows, band=band if len(runs) > 1 else ()
            )
    middle = sorted(runs, key=lambda run: (e.fitness(run, e.claim.split) or 0.0, run.id))[(len(runs) - 1) // 2]
    rows = _rows(e, figure, layer, middle)
    shown = _curve(rows, layer.take) if layer.mark in ("line", "points") else rows
    return Layer(mark=layer.mark, label=of, side=side if plain else "", rows=[list(row) for row in shown])


def _curve(rows: Rows, take: str) -> list[tuple[float, float]]:
    """x and y; values alone stand at their places."""
    y = [row[-1] for row in rows]
    x = [row[0] for row in rows] if len(rows[0]) > 1 else [float(i) for i in range(len(rows))]
    y = sorted(y) if take == "sorted" else np.cumsum(y).tolist() if take == "running_sum" else y
    return list(zip(x, y, strict=True))
