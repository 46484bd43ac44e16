"""A panel's scores, round by round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nightlab.papers.figures import style


@dataclass(frozen=True, kw_only=True)
class Round:
    """Overall scores of a round, 1 to 10, by reviewer."""

    number: int
    scores: Mapping[str, float]
    mean: float
    kept: bool


def draw(file: Path, rounds: Sequence[Round], accept: float) -> None:
    """One mark a reviewer, the mean as a line, versions that were not kept hollow, and the threshold."""
    with style.canvas(file, 2.6) as (_, (axes,)):
        for name in dict.fromkeys(name for r in rounds for name in r.scores):
            told = [(r.number, r.scores[name]) for r in rounds if name in r.scores]
            axes.plot(*zip(*told, strict=True), "o", markersize=4, alpha=0.6, label=name)
        axes.plot([r.number for r in rounds], [r.mean for r in rounds], "-", color=style.INK, label="mean")
        for r in rounds:
            axes.plot(r.number, r.mean, "s", color=style.INK, markerfacecolor=style.INK if r.kept else "white")
        axes.axhline(accept, linestyle="--", linewidth=0.8, color=style.GREY)
        axes.set_xticks([r.number for r in rounds])
        axes.set_xlabel("round")
        axes.set_ylabel("overall score")
        axes.set_ylim(0.5, 10.5)
        axes.legend(fontsize=7)
