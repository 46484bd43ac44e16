"""Learning curves: values step by step, of several runs of each side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from nightlab.papers.figures.shown import shown
from nightlab.papers.figures.style import BLUE, INK, canvas, printable

Points: TypeAlias = Sequence[tuple[float, float]]  # step, value
LOOK: Mapping[str, Any] = {  # told apart without colours, too
    "baseline": {"color": INK, "ls": (0, (4, 2))},
    "best": {"color": BLUE, "ls": "-"},
}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One series. curves: those of all runs, by the side that they are of."""

    name: str
    curves: Mapping[str, Sequence[Points]]


@shown
def draw(path: Path, panels: Sequence[Panel]) -> None:
    """One panel a series: median and range over the runs at the steps that all runs of a side have."""
    columns = min(max(len(panels), 1), 2)
    rows = max(1, -(-len(panels) // columns))
    with canvas(path, 0.35 + 1.9 * rows, rows=rows, columns=columns) as (figure, axes):
        named: dict[str, Any] = {}
        for ax, panel in zip(axes, panels, strict=False):
            for side, curves in panel.curves.items():
                steps, values = common(curves)
                if len(steps):
                    look = LOOK.get(side, {})
                    ax.fill_between(
                        steps, values.min(axis=0), values.max(axis=0), color=look["color"], alpha=0.15, lw=0
                    )
                    (named[side],) = ax.plot(steps, np.median(values, axis=0), lw=1.3, **look)
            ax.set(xlabel="step", ylabel=printable(panel.name.replace("_", " ")))
        for ax in axes[len(panels) :]:
            ax.set_visible(False)
        figure.legend(handles=list(named.values()), labels=list(named), loc="outside upper center", ncols=2)


def common(curves: Sequence[Points]) -> tuple[np.ndarray, np.ndarray]:
    """The steps that all curves have, and the values there, a row a curve."""
    tables = [dict(points) for points in curves]
    steps = sorted(set.intersection(*(set(t) for t in tables))) if tables else []
    return np.array(steps), np.array([[t[step] for step in steps] for t in tables])
