"""The figures of a paper: from plain data to a PDF of vectors, each at the size at which it is printed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

from nightlab.experiments.claim.statistics.inference import summarize
from nightlab.experiments.records import ParamValue, Split, VerdictKind
from nightlab.papers.figures.shown import shown
from nightlab.papers.figures.style import (
    BLUE,
    COLOURS,
    GREY,
    INK,
    ORANGE,
    PALE,
    WIDTH,
    canvas,
    clipped,
    limits,
    printable,
)
from nightlab.papers.manuscript.tables import spaced

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


DOTS = 600  # trials at most that have a mark each
TICKS = 300  # failed trials that have a tick each
BANDS = 60  # groups of neighbours whose quantiles stand for their dots
GROUP = 3  # trials before their median is drawn
GROUPS, CROWD = 6, 4  # groups of neighbours at most that have a median each, and their trials where there are as many
KEPT = "kept (± standard error)"
MARKS = {"baseline": "D", "kept": "s", "reverted": "o"}  # shapes, since print may have no colours
WINNER: Any = {"marker": "*", "ms": 10, "mfc": ORANGE, "mec": INK, "mew": 0.7, "ls": "", "zorder": 6}
LABEL, BESIDE = 18, 24  # characters of a choice's label, and of all that stand side by side under a panel

Scored: TypeAlias = tuple[int, float, float, str]  # place, score, standard error, verdict


@dataclass(frozen=True, kw_only=True)
class Point:
    """A trial: its mean score, None if it failed, and the standard error of the mean."""

    number: int
    value: float | None
    stderr: float = 0.0
    verdict: VerdictKind
    strategy: str = ""


@dataclass(frozen=True, kw_only=True)
class Bar:
    """An effect with its interval."""

    label: str
    effect: float
    low: float
    high: float
    significant: bool = False


@dataclass(frozen=True, kw_only=True)
class Share:
    """How much of something `label` accounts for; low and high: between what, where that is known."""

    label: str
    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What a knob was set to, trial by trial, and what came of it. log: the knob's own scale."""

    knob: str
    values: Sequence[ParamValue]
    scores: Sequence[float]
    verdicts: Sequence[VerdictKind]
    log: bool = False
    confirmed: int | None = None  # the place of the trial that went to the confirmation


@shown
def progress(path: Path, trials: Sequence[Point], label: str, confirmed: int | None = None) -> None:
    """Every trial's score at its place among `trials`, with the incumbent's line; failed trials are ticks on the axis.

    trials: in the order of their verdicts, in which each incumbent replaced the one before it. confirmed: the number of
    the trial that went to the confirmation, which is drawn as the winner whatever its verdict was.
    """
    scored = [(x, t.value, t.stderr, t.verdict) for x, t in enumerate(trials) if t.value is not None]
    chosen = [s for s in scored if trials[s[0]].number == confirmed]
    kept = [s for s in scored if s[3] in ("kept", "baseline")]
    must = [v for s in (*kept, *chosen) for v in (s[1] - s[2], s[1] + s[2])]
    bounds = limits([s[1] for s in scored], must)
    with canvas(path, 2.75) as (figure, (axes,)):
        if baseline := [s for s in kept if s[3] == "baseline"]:
            axes.axhline(baseline[0][1], color=INK, lw=0.8, ls=(0, (4, 3)), label="baseline", zorder=1)
        if kept:
            line = [s[1] for s in kept]
            places = [*(s[0] for s in kept), len(trials) - 1]
            axes.step(places, [*line, line[-1]], where="post", color=BLUE, label="incumbent")
        _reverted(axes, [s for s in scored if s[3] == "reverted" and s not in chosen], bounds)
        _measured(axes, [s for s in kept if s[3] == "kept" and s not in chosen], ms=4, marker=MARKS["kept"], label=KEPT)
        if failed := spaced([x for x, t in enumerate(trials) if t.verdict == "failed"], TICKS):
            ends = axes.get_xaxis_transform()
            axes.plot(failed, [0.018] * len(failed), "|", ms=7, mew=1.1, color=ORANGE, transform=ends, label="failed")
        _measured(axes, chosen, **WINNER, label="in the confirmation")
        axes.set(xlabel="trials by their verdicts", ylabel=printable(label), ylim=bounds)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(x=0.02)
        if trials:
            figure.legend(loc="outside upper center", ncols=6)


def _measured(axes: Axes, scored: Sequence[Scored], **look: Any) -> None:
    """Marks with their standard errors."""
    if scored:
        x, y, error, _ = zip(*scored, strict=True)
        axes.errorbar(x, y, yerr=error, color=BLUE, elinewidth=0.9, **{"ls": "", "zorder": 4, **look})


def _reverted(axes: Axes, scored: Sequence[Scored], bounds: tuple[float, float]) -> None:
    """Reverted trials as dots, or as bands of quantiles where there are too many to tell apart."""
    if len(scored) <= DOTS:
        _dots(axes, scored, bounds)
        return
    groups = np.array_split(np.array([s[:2] for s in scored]), BANDS)
    places = [group[:, 0].mean() for group in groups]
    low, first, third, high = (
        np.clip([np.quantile(group[:, 1], q) for group in groups], *bounds) for q in (0.05, 0.25, 0.75, 0.95)
    )
    axes.fill_between(places, low, high, color=PALE, alpha=0.45, lw=0, label="reverted, 5 to 95 %", zorder=1)
    axes.fill_between(places, first, third, color=PALE, lw=0, label="25 to 75 %", zorder=1)


def _dots(axes: Axes, scored: Sequence[Scored], bounds: tuple[float, float]) -> None:
    """Reverted trials; those beyond the axis are arrows at its edge."""
    if not scored:
        return
    x = np.array([s[0] for s in scored])
    y, out = clipped([s[1] for s in scored], bounds)
    axes.plot(x[~out], y[~out], MARKS["reverted"], ms=3.6, mfc=PALE, mec="none", label="reverted", zorder=2)
    for marker, side in (("^", y > np.mean(bounds)), ("v", y <= np.mean(bounds))):
        if (out & side).any():
            axes.plot(x[out & side], y[out & side], marker, ms=4, mfc="none", mec=GREY, mew=0.7, clip_on=False)


@shown
def ablation(path: Path, rows: Sequence[Bar], label: str) -> None:
    """What removing each kept change does: effects with their intervals about a line at zero."""
    _intervals(path, rows, label)


@shown
def sensitivity(path: Path, rows: Sequence[Bar], label: str) -> None:
    """What moving each knob away from the best does: effects with their intervals about a line at zero."""
    _intervals(path, rows, label)


def _intervals(path: Path, rows: Sequence[Bar], label: str) -> None:
    with canvas(path, 0.85 + 0.25 * max(len(rows), 1), width=0.86 * WIDTH) as (figure, (axes,)):
        axes.axvline(0.0, color=INK, lw=0.7, zorder=1)
        named = set()
        for y, row in enumerate(rows):
            colour = BLUE if row.significant else GREY
            told = ("interval excludes zero", "interval includes zero")
            if row.low == row.high:
                told = ("not zero in any pair", "zero in all pairs")
            name = told[0] if row.significant else told[1]
            axes.plot([row.low, row.high], [y, y], color=colour, lw=1.6, solid_capstyle="butt", zorder=2)
            face = colour if row.significant else "white"
            mark = "_" + name if name in named else name
            axes.plot(row.effect, y, "o", ms=5, mfc=face, mec=colour, mew=1.2, zorder=3, label=mark)
            named.add(name)
        axes.set_yticks(range(len(rows)), [printable(r.label) for r in rows])
        axes.set(xlabel=printable(label), ylim=(len(rows) - 0.4, -0.6))
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.xaxis.set_major_locator(MaxNLocator(6))
        if len(named) > 1:
            figure.legend(loc="outside upper center", ncols=2)


@shown
def importance(path: Path, rows: Sequence[Share], label: str) -> None:
    """Shares as horizontal bars, the largest above."""
    rows = sorted(rows, key=lambda r: -r.value)
    with canvas(path, 0.6 + 0.23 * max(len(rows), 1), width=0.8 * WIDTH) as (_, (axes,)):
        axes.barh(range(len(rows)), [r.value for r in rows], height=0.62, color=BLUE)
        for y, row in enumerate(rows):
            if row.low is not None and row.high is not None:
                axes.plot([row.low, row.high], [y, y], color=INK, lw=1.0, solid_capstyle="butt")
        axes.set_yticks(range(len(rows)), [printable(r.label) for r in rows])
        axes.set(xlabel=printable(label), ylim=(len(rows) - 0.4, -0.6))
        axes.set_xlim(0.0, 1.04 * max([most for r in rows if (most := r.high or r.value) > 0], default=1.0))
        axes.tick_params(axis="y", length=0)


@shown
def response(path: Path, panels: Sequence[Panel], label: str) -> None:
    """The score against each knob, trial by trial, with the medians of neighbours; one panel a knob."""
    columns = 1 if len(panels) < 2 else 2 if len(panels) in (2, 4) else 3
    rows = max(1, -(-len(panels) // columns))
    scores = [s for p in panels for s in p.scores]
    bounds = limits(scores, [s for p in panels for s, v in zip(p.scores, p.verdicts, strict=True) if v != "reverted"])
    height = 2.2 if any(_crowded(_names(p)) for p in panels) else 1.75
    with canvas(path, 0.35 + height * rows, rows=rows, columns=columns, sharey=True) as (figure, axes):
        drawn = [_panel(ax, panel, bounds) for ax, panel in zip(axes, panels, strict=False)]
        for ax in axes[len(panels) :]:
            ax.set_visible(False)
        for ax in axes[::columns]:
            ax.set_ylabel(printable(label))
        shown = {v for p in panels for n, v in enumerate(p.verdicts) if n != p.confirmed}
        _verdict_legend(figure, shown, medians=any(drawn), winner=any(p.confirmed is not None for p in panels))


def _panel(axes: Axes, panel: Panel, bounds: tuple[float, float]) -> bool:
    """Draw a knob; whether there were trials enough for medians."""
    names = _names(panel)
    choice = bool(names)
    x = np.array([names.index(str(v)) if choice else float(v) for v in panel.values], dtype=float)
    y, _ = clipped(panel.scores, bounds)
    if choice:
        groups = [np.flatnonzero(x == place) for place in np.unique(x)]
        medians = _medians(axes, x, y, groups, least=0.34)
        x = x + 0.24 * np.sin(np.arange(len(x)) * 2.399963)  # the golden angle spreads dots evenly, without chance
        axes.set_xticks(range(len(names)), [_shortened(n) for n in names])
        if _crowded(names):
            for text in axes.get_xticklabels():
                text.set(rotation=30, ha="right", rotation_mode="anchor")
        axes.set_xlim(-0.6, len(names) - 0.4)
    else:
        if panel.log:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(NullFormatter())
        if len(levels := np.unique(x)) <= 6 and np.all(levels % 1 == 0):
            ticks = _apart(levels, log=panel.log)
            axes.set_xticks(ticks, [f"{v:g}" for v in ticks])
            axes.xaxis.set_minor_locator(NullLocator())
        medians = _medians(axes, x, y, neighbours(x))
    for verdict in ("reverted", "kept", "baseline"):
        places = [i for i, v in enumerate(panel.verdicts) if v == verdict and i != panel.confirmed]
        chosen = np.array(spaced(places, DOTS), dtype=int)
        size = 3.4 if verdict == "reverted" else 4.6
        axes.plot(x[chosen], y[chosen], MARKS[verdict], ms=size, mfc=COLOURS[verdict], mec="white", mew=0.4, zorder=3)
    if panel.confirmed is not None:
        axes.plot(x[panel.confirmed], y[panel.confirmed], **WINNER, clip_on=False)
    axes.set(xlabel=printable(panel.knob), ylim=bounds)
    return medians


def _apart(levels: np.ndarray, *, log: bool) -> list[float]:
    """Those of the ascending levels whose labels do not meet."""
    places = np.log(levels) if log else levels
    least = 0.14 * (places[-1] - places[0])
    kept = [0]
    for n in range(1, len(places)):
        if places[n] - places[kept[-1]] >= least:
            kept.append(n)
    return [float(levels[n]) for n in kept]


def _names(panel: Panel) -> list[str]:
    """The choices of a knob that has no numbers."""
    return sorted({str(v) for v in panel.values}) if any(isinstance(v, str) for v in panel.values) else []


def _crowded(names: Sequence[str]) -> bool:
    return sum(len(_shortened(n)) for n in names) > BESIDE


def _shortened(label: str) -> str:
    """A label of which several have room."""
    text = printable(label)
    return text if len(text) <= LABEL else f"{text[: LABEL - 1]}…"


def neighbours(x: np.ndarray) -> list[np.ndarray]:
    """The places of `x` in groups of neighbouring values; equal values are never parted, so that groups lie apart."""
    levels, counts = np.unique(x, return_counts=True)
    if len(levels) <= GROUPS:
        return [np.flatnonzero(x == level) for level in levels]
    size = max(CROWD, len(x) / GROUPS)
    middles = np.cumsum(counts) - counts / 2  # the rank of each level
    group = (middles / size).astype(int)
    return [np.flatnonzero(np.isin(x, levels[group == g])) for g in np.unique(group)]


def _medians(axes: Axes, x: np.ndarray, y: np.ndarray, groups: Sequence[np.ndarray], least: float = 0.0) -> bool:
    """A bar at the median of each group, as wide as the group: what it spans are the very points that it is of.

    y: as drawn. least: to either side of a single value. Returns whether any group is large enough.
    """
    large = [g for g in groups if len(g) >= GROUP]
    for g in large:
        ends, middle = [x[g].min() - least, x[g].max() + least], float(median(y[g]))
        axes.plot(ends, [middle] * 2, color=ORANGE, lw=1.6, solid_capstyle="butt", zorder=2, gid="median")
        if ends[0] == ends[1]:
            axes.plot(ends[0], middle, "_", ms=11, color=ORANGE, mew=1.6, zorder=2, gid="median")
    return bool(large)


def _verdict_legend(figure: Figure, verdicts: Collection[str], *, medians: bool, winner: bool) -> None:
    handles = [
        Line2D([], [], ls="", marker=shape, ms=4.4, mfc=COLOURS[v], mec="none", label=v)
        for v, shape in MARKS.items()
        if v in verdicts
    ]
    if winner:
        handles.append(Line2D([], [], label="in the confirmation", **WINNER))
    if medians:
        handles.append(Line2D([], [], color=ORANGE, lw=1.3, label="median"))
    figure.legend(handles=handles, loc="outside upper center", ncols=5)


@shown
def confirmation(
    path: Path, baseline: Mapping[Split, Sequence[float]], best: Mapping[Split, Sequence[float]], label: str
) -> None:
    """Baseline and best on the same seeds or draws: a line a pair, and means with 95 % intervals, for each split."""
    splits = [s for s in baseline if s in best]
    with canvas(path, 2.6, columns=max(len(splits), 1), width=0.86 * WIDTH, sharey=True) as (_, axes):
        for ax, split in zip(axes, splits, strict=False):
            pairs = np.array([baseline[split], best[split]], dtype=float)
            ax.plot([0, 1], pairs, color=PALE, lw=0.7, zorder=1)
            for x, values, colour in ((0, pairs[0], INK), (1, pairs[1], BLUE)):
                ax.plot([x] * len(values), values, "o", ms=3.2, mfc=colour, mec="none", alpha=0.45, zorder=2)
                aside = x + (-0.16 if x == 0 else 0.16)
                s = summarize(values.tolist())
                ax.errorbar(aside, s.mean, yerr=s.high - s.mean, fmt="o", ms=5, color=colour, elinewidth=1.5)
            ax.set_xticks([0, 1], ["baseline", "best"])
            ax.set(xlim=(-0.45, 1.45), title=split)
        axes[0].set_ylabel(printable(label))
