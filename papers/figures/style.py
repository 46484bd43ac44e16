"""How all figures look: sizes, letters, colours."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from anyascii import anyascii
from matplotlib import rc_context, rcdefaults, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font

WIDTH = 6.2  # inches; the width of the text
# Okabe and Ito's hues: safe for the colour-blind
BLUE, ORANGE, GREY, PALE, INK = "#0072B2", "#D55E00", "#6E7781", "#B4BCC5", "#24292F"
COLOURS = {"kept": BLUE, "baseline": INK, "reverted": PALE}

_STYLE: Any = {
    "font.family": ["STIXGeneral", "DejaVu Sans"],
    "mathtext.fontset": "stix",
    "font.size": 9.0,
    "axes.labelsize": 9.0,
    "axes.titlesize": 9.0,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.formatter.useoffset": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 1.8,
    "lines.linewidth": 1.2,
    "pdf.fonttype": 42,  # letters that can be searched and copied
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
}


@contextmanager
def canvas(
    path: Path, height: float, *, rows: int = 1, columns: int = 1, width: float = WIDTH, sharey: bool = False
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure with its axes in reading order, written to `path` as PDF at the end; equal data give equal files,
    whatever a user's own matplotlibrc says."""
    with rc_context():
        rcdefaults()
        rcParams.update(_STYLE)
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False, sharey=sharey)
        yield figure, list(axes.flat)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="pdf", metadata={"CreationDate": None, "Producer": None, "Creator": "Nightlab"})


def printable(text: str) -> str:
    """A label as it is, without mathematics; what the letters lack, or read from right to left, in Latin ones."""
    shown = (_shown(c) for c in unicodedata.normalize("NFC", " ".join(text.split())) if c.isprintable())
    return "".join(shown).replace("$", r"\$")


def _shown(c: str) -> str:
    if ord(c) in _letters() and unicodedata.bidirectional(c) not in ("R", "AL", "AN"):
        return c
    return anyascii(c) or ("" if unicodedata.category(c)[0] == "M" else "?")


@cache
def _letters() -> frozenset[int]:
    """The characters that the fonts of the figures have."""
    return frozenset(code for name in _STYLE["font.family"] for code in get_font(findfont(name)).get_charmap())


def limits(values: Iterable[float], must: Iterable[float]) -> tuple[float, float]:
    """The range of an axis: all of `must`, and of `values` what is no outlier (1.5 interquartile ranges, Tukey)."""
    shown = np.array([v for v in must if np.isfinite(v)])
    others = np.array([v for v in values if np.isfinite(v)])
    if others.size:
        low, high = np.quantile(others, [0.25, 0.75])
        reach = 1.5 * (high - low)
        shown = np.append(shown, others[(others >= low - reach) & (others <= high + reach)])
    if not shown.size:
        return 0.0, 1.0
    bottom, top = float(shown.min()), float(shown.max())
    margin = 0.06 * (top - bottom) or 0.05 * abs(top) or 1.0
    return bottom - margin, top + margin


def clipped(values: Sequence[float], bounds: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The values pulled to the edge of the axis, and which of them were."""
    array = np.asarray(values, dtype=float)
    inset = 0.015 * (bounds[1] - bounds[0])
    inside = np.clip(array, bounds[0] + inset, bounds[1] - inset)
    return inside, (array < bounds[0]) | (array > bounds[1])
