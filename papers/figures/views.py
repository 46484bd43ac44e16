"""A figure that a template declares: lines, points, circles and an image, of what its judge and its runs leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.patches import Circle

from nightlab.experiments.template.figures import APART, Mark
from nightlab.papers.figures.learning import LOOK
from nightlab.papers.figures.shown import shown
from nightlab.papers.figures.style import BLUE, GREY, INK, PALE, WIDTH, canvas, printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELLS = 96  # of an image in a row or a column; neighbours are averaged beyond it
MARKERS = ("o", "s", "^", "D")
Rows = Sequence[Sequence[float]]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """rows: x and y of a line and of points; x, y and radius of circles; those of an image, the first one below.
    band: x, lowest and highest, about a line. side: baseline, best, or empty where there is no such difference."""

    mark: Mark
    label: str
    side: str
    rows: Rows
    band: Rows = ()


@dataclass(frozen=True, kw_only=True)
class View:
    """One panel. heading: above it, where there are several."""

    layers: Sequence[Layer]
    heading: str = ""


@shown
def draw(
    path: Path,
    views: Sequence[View],
    x: str,
    y: str,
    *,
    log: Sequence[str] = (),
    equal: bool = False,
    bounds: Sequence[float] | None = None,
) -> None:
    """The panels beside one another. bounds: left, right, low and high."""
    high = 3.0 if equal or any(layer.mark in APART for view in views for layer in view.layers) else 2.6
    with canvas(path, high, columns=len(views), width=WIDTH if len(views) > 1 else 0.86 * WIDTH, sharey=True) as (
        figure,
        axes,
    ):
        named: dict[str, Any] = {}
        for ax, view in zip(axes, views, strict=True):
            for place, layer in enumerate(view.layers):
                handle = _draw(ax, layer, place)
                if layer.label and layer.mark not in APART:  # of those, baseline and best have a panel each
                    named.setdefault(layer.label, handle)
            ax.set(xlabel=printable(x), **{f"{axis}scale": "log" for axis in log})
            if equal:
                ax.set_aspect("equal", adjustable="box")
            if bounds:
                ax.set(xlim=bounds[:2], ylim=bounds[2:])
            if view.heading:
                ax.set_title(printable(view.heading))
        axes[0].set_ylabel(printable(y))
        if len(named) > 1:
            labels = [printable(label) for label in named]
            figure.legend(handles=list(named.values()), labels=labels, loc="outside upper center", ncols=3)


def _draw(ax: Axes, layer: Layer, place: int) -> Any:
    """Draw one layer; what stands for it in the legend."""
    rows = np.asarray(layer.rows, dtype=float)
    match layer.mark:
        case "line":
            look = LOOK.get(layer.side, {"color": GREY, "ls": "-."})
            if len(layer.band):
                at, low, high = np.asarray(layer.band, dtype=float).T
                ax.fill_between(at, low, high, color=look["color"], alpha=0.15, lw=0)
            return ax.plot(*rows.T, lw=1.3, **look)[0]
        case "points":
            colour = INK if layer.side == "baseline" else BLUE
            face = "white" if layer.side == "baseline" else colour
            return ax.plot(
                *rows.T, MARKERS[place % len(MARKERS)], ms=4, mfc=face, mec=colour, mew=1.0, ls="", zorder=4
            )[0]
        case "circles":
            for left, low, radius in rows:
                ax.add_patch(Circle((left, low), radius, facecolor=PALE, edgecolor=INK, lw=0.7))
            ax.set_aspect("equal", adjustable="box")
            ax.autoscale_view()
            return None
        case "image":
            return ax.pcolormesh(_coarse(rows), cmap="Greys", rasterized=False, edgecolors="face", lw=0)


def _coarse(rows: np.ndarray) -> np.ndarray:
    """An image of at most so many cells a side."""
    for axis in (0, 1):
        if rows.shape[axis] > CELLS:
            parts = np.array_split(rows, CELLS, axis=axis)
            rows = np.stack([part.mean(axis=axis) for part in parts], axis=axis)
    return rows
