"""The figures of a paper: from plain data to a PDF of vectors, each at the size at which it is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, NullFormatter, NullLocator

from nightlab.experiments.claim.statistics.inference import summarize
from nightlab.experiments.records import ParamValue, Split, VerdictKind
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
LABEL, BESIDE = 18, 24  # characters of a choice's label, and of all that stand side by side under a panel


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
    """How much of something `label` accounts for."""

    label: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What a knob was set to, trial by trial, and what came of it. log: the knob's own scale."""

    knob: str
    values: Sequence[ParamValue]
    scores: Sequence[float]
    verdicts: Sequence[VerdictKind]
    log: bool = False


def progress(path: Path, trials: Sequence[Point], label: str, confirmed: int | None = None) -> None:
    """Every trial's score at its place among `trials`, with the incumbent's line; failed trials are ticks on the axis.

    trials: in the order of their verdicts, in which each incumbent replaced the one before it. confirmed: the number of
    the trial that went to the confirmation, which gets a ring.
    """
    scored = [(x, t.value, t.stderr, t.verdict) for x, t in enumerate(trials) if t.value is not None]
    kept = [s for s in scored if s[3] in ("kept", "baseline")]
    bounds = limits([s[1] for s in scored], [v for s in kept for v in (s[1] - s[2], s[1] + s[2])])
    with canvas(path, 2.75) as (figure, (axes,)):
        if baseline := [s for s in kept if s[3] == "baseline"]:
            axes.axhline(baseline[0][1], color=INK, lw=0.8, ls=(0, (4, 3)), label="baseline", zorder=1)
        if kept:
            line = [s[1] for s in kept]
            places = [*(s[0] for s in kept), len(trials) - 1]
            axes.step(places, [*line, line[-1]], where="post", color=BLUE, label="incumbent")
        _reverted(axes, [s for s in scored if s[3] == "reverted"], bounds)
        if new := [s for s in kept if s[3] == "kept"]:
            x, y, error, _ = zip(*new, strict=True)
            name = "kept (± standard error)"
            axes.errorbar(x, y, yerr=error, fmt="o", ms=4, color=BLUE, elinewidth=0.9, zorder=4, label=name)
        if failed := spaced([x for x, t in enumerate(trials) if t.verdict == "failed"], TICKS):
            ends = axes.get_xaxis_transform()
            axes.plot(failed, [0.018] * len(failed), "|", ms=7, mew=1.1, color=ORANGE, transform=ends, label="failed")
        if chosen := [s for s in scored if trials[s[0]].number == confirmed]:
            place, value = chosen[0][0], np.clip(chosen[0][1], *bounds)
            name = "confirmed"
            axes.plot(place, value, "o", ms=8.5, mfc="none", mec=INK, mew=1.1, zorder=5, clip_on=False, label=name)
        axes.set(xlabel="trials by their verdicts", ylabel=printable(label), ylim=bounds)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(x=0.02)
        if trials:
            figure.legend(loc="outside upper center", ncols=6)


def _reverted(axes: Axes, scored: Sequence[tuple[int, float, float, str]], bounds: tuple[float, float]) -> None:
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


def _dots(axes: Axes, scored: Sequence[tuple[int, float, float, str]], bounds: tuple[float, float]) -> None:
    """Reverted trials; those beyond the axis are arrows at its edge."""
    if not scored:
        return
    x = np.array([s[0] for s in scored])
    y, out = clipped([s[1] for s in scored], bounds)
    axes.plot(x[~out], y[~out], "o", ms=3.6, mfc=PALE, mec="none", label="reverted", zorder=2)
    for marker, side in (("^", y > np.mean(bounds)), ("v", y <= np.mean(bounds))):
        if (out & side).any():
            axes.plot(x[out & side], y[out & side], marker, ms=4, mfc="none", mec=GREY, mew=0.7, clip_on=False)


def ablation(path: Path, rows: Sequence[Bar], label: str) -> None:
    """What removing each kept change does: effects with their intervals about a line at zero."""
    _intervals(path, rows, label)


def sensitivity(path: Path, rows: Sequence[Bar], label: str) -> None:
    """What moving each knob away from the best does: effects with their intervals about a line at zero."""
    _intervals(path, rows, label)


def _intervals(path: Path, rows: Sequence[Bar], label: str) -> None:
    with canvas(path, 0.85 + 0.25 * max(len(rows), 1), width=0.86 * WIDTH) as (figure, (axes,)):
        axes.axvline(0.0, color=INK, lw=0.7, zorder=1)
        named = set()
        for y, row in enumerate(rows):
            colour = BLUE if row.significant else GREY
            name = "interval excludes zero" if row.significant else "interval includes zero"
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


def importance(path: Path, rows: Sequence[Share], label: str) -> None:
    """Shares as horizontal bars, the largest above."""
    rows = sorted(rows, key=lambda r: -r.value)
    with canvas(path, 0.6 + 0.23 * max(len(rows), 1), width=0.8 * WIDTH) as (_, (axes,)):
        axes.barh(range(len(rows)), [r.value for r in rows], height=0.62, color=BLUE)
        axes.set_yticks(range(len(rows)), [printable(r.label) for r in rows])
        axes.set(xlabel=printable(label), ylim=(len(rows) - 0.4, -0.6))
        axes.set_xlim(0.0, 1.04 * max([r.value for r in rows if r.value > 0], default=1.0))
        axes.tick_params(axis="y", length=0)


def response(path: Path, panels: Sequence[Panel], label: str) -> None:
    """The score against each knob, trial by trial, with the running median; one panel a knob."""
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
        _verdict_legend(figure, [v for p in panels for v in p.verdicts], medians=any(drawn))


def _panel(axes: Axes, panel: Panel, bounds: tuple[float, float]) -> bool:
    """Draw a knob; whether there were trials enough for medians."""
    names = _names(panel)
    choice = bool(names)
    x = np.array([names.index(str(v)) if choice else float(v) for v in panel.values], dtype=float)
    y, _ = clipped(panel.scores, bounds)
    if choice:
        medians = _medians(axes, x, panel.scores)
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
        medians = _trend(axes, x, np.array(panel.scores, dtype=float), log=panel.log)
    for verdict in ("reverted", "kept", "baseline"):
        chosen = np.array(spaced([i for i, v in enumerate(panel.verdicts) if v == verdict], DOTS), dtype=int)
        shape = "D" if verdict == "baseline" else "o"
        size = 3.4 if verdict == "reverted" else 4.6
        axes.plot(x[chosen], y[chosen], shape, ms=size, mfc=COLOURS[verdict], mec="white", mew=0.4, zorder=3)
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


def _medians(axes: Axes, x: np.ndarray, scores: Sequence[float]) -> bool:
    groups = {at: [s for s, place in zip(scores, x, strict=True) if place == at] for at in np.unique(x)}
    found = {at: median(values) for at, values in groups.items() if len(values) >= GROUP}
    for at, middle in found.items():
        axes.plot([at - 0.34, at + 0.34], [middle] * 2, color=ORANGE, lw=1.4, solid_capstyle="butt", zorder=2)
    return bool(found)


def _trend(axes: Axes, x: np.ndarray, y: np.ndarray, *, log: bool) -> bool:
    """Medians of groups of neighbours, or of each value where there are few; too few trials have no trend to draw."""
    levels = np.unique(x)
    few = len(levels) <= 6
    order = np.argsort(x, kind="stable")
    split = [np.flatnonzero(x == v) for v in levels] if few else np.array_split(order, max(1, min(6, len(x) // 4)))
    groups = [g for g in split if len(g) >= GROUP]
    if len(x) < 10 or len(groups) < 2:
        return False
    centre = [float(np.exp(np.mean(np.log(x[g]))) if log else np.mean(x[g])) for g in groups]
    axes.plot(centre, [float(np.median(y[g])) for g in groups], color=ORANGE, lw=1.3, zorder=2)
    return True


def _verdict_legend(figure: Figure, verdicts: Sequence[str], *, medians: bool) -> None:
    shapes = {"baseline": "D", "kept": "o", "reverted": "o"}
    handles = [
        Line2D([], [], ls="", marker=shapes[v], ms=4.4, mfc=COLOURS[v], mec="none", label=v)
        for v in shapes
        if v in verdicts
    ]
    if medians:
        handles.append(Line2D([], [], color=ORANGE, lw=1.3, label="median"))
    figure.legend(handles=handles, loc="outside upper center", ncols=4)


def confirmation(
    path: Path, baseline: Mapping[Split, Sequence[float]], best: Mapping[Split, Sequence[float]], label: str
) -> None:
    """Baseline and best on the same fresh seeds: a line a seed, and means with their 95 % intervals, for each split."""
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
