"""The figures: drawn for any data, the same for the same data, and vectors with letters that can be copied."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from nightlab.experiments.records import VerdictKind
from nightlab.papers.figures import figures
from nightlab.papers.figures.figures import Bar, Panel, Point, Share
from nightlab.papers.figures.style import limits, printable
from nightlab.papers.manuscript.tables import NONE, code, interval, mark, plus_minus
from tests.papers import sample
from tests.papers.sample import pdf_text

HOSTILE = "a_b $x^{ \\frac 日本 % \x1b\n{m}"
FAILED = [Point(number=i, value=None, verdict="failed") for i in range(3)]


def draw(path: Path, points: list[Point]) -> None:
    figures.progress(path, points, HOSTILE)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: draw(p, []),
        lambda p: draw(p, FAILED),
        lambda p: draw(p, [Point(number=0, value=1.0, verdict="baseline")]),
        lambda p: draw(p, [*FAILED, Point(number=3, value=1e9, verdict="reverted")]),
        lambda p: draw(p, [Point(number=i, value=1.0, verdict="kept") for i in range(3)]),
        lambda p: figures.ablation(p, [], HOSTILE),
        lambda p: figures.ablation(p, [Bar(label=HOSTILE, effect=0, low=0, high=0)], HOSTILE),
        lambda p: figures.sensitivity(p, [Bar(label="a", effect=1e9, low=-1e9, high=2e9, significant=True)], "x"),
        lambda p: figures.importance(p, [], HOSTILE),
        lambda p: figures.importance(p, [Share(label=HOSTILE, value=0.0)], HOSTILE),
        lambda p: figures.response(p, [], HOSTILE),
        lambda p: figures.response(p, [Panel(knob=HOSTILE, values=[1], scores=[1.0], verdicts=["kept"])], HOSTILE),
        lambda p: figures.response(p, [panel([HOSTILE, "b"])] * 4, "x"),
        lambda p: figures.response(p, [panel([1e-6, 1e-1], log=True)] * 7, "x"),
        lambda p: figures.confirmation(p, {"dev": [1.0]}, {"dev": [2.0]}, HOSTILE),
        lambda p: figures.confirmation(p, {}, {}, HOSTILE),
        lambda p: figures.confirmation(p, {"dev": [1.0, 1.0]}, {"dev": [1.0, 1.0]}, HOSTILE),
    ],
)
def test_any_data_can_be_drawn(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "f.pdf")
    assert (tmp_path / "f.pdf").read_bytes().startswith(b"%PDF-")


def panel(values: list[float] | list[str], *, log: bool = False) -> Panel:
    n = 20
    repeated = [values[i % len(values)] for i in range(n)]
    return Panel(knob="k", values=repeated, scores=[float(i) for i in range(n)], verdicts=["reverted"] * n, log=log)


def test_the_curve_goes_by_the_order_of_the_verdicts(tmp_path: Path) -> None:
    verdicts: list[tuple[float, VerdictKind]] = [(1.0, "baseline"), (0.9, "kept"), (0.95, "reverted"), (0.8, "kept")]
    for name, numbers in (("alone", (0, 1, 2, 3)), ("several", (0, 3, 1, 2))):
        order = [Point(number=n, value=v, verdict=kind) for n, (v, kind) in zip(numbers, verdicts, strict=True)]
        figures.progress(tmp_path / f"{name}.pdf", order, "loss")
    assert (tmp_path / "alone.pdf").read_bytes() == (tmp_path / "several.pdf").read_bytes()


def test_the_confirmed_trial_is_drawn_as_the_winner(tmp_path: Path) -> None:
    points = [Point(number=n, value=1.0 - n / 10, verdict="reverted" if n else "baseline") for n in range(2)]
    for confirmed in (1, None):
        figures.progress(tmp_path / "f.pdf", points, "loss", confirmed)
        alone = panel([1.0, 2.0])
        figures.response(tmp_path / "r.pdf", [replace(alone, verdicts=["reverted"] * 20, confirmed=confirmed)], "loss")
        assert ("in the confirmation" in pdf_text(tmp_path / "f.pdf")) == (confirmed is not None)
        assert ("reverted" in pdf_text(tmp_path / "f.pdf")) == (confirmed is None)
        assert ("in the confirmation" in pdf_text(tmp_path / "r.pdf")) == (confirmed is not None)


@given(st.lists(st.sampled_from([0.0, 1e-9, 0.1, 0.5, 1.0, 2.0, 3.0, 50.0, 1e6]) | st.floats(-1e3, 1e3), max_size=80))
def test_the_bars_of_medians_span_the_points_that_they_are_of(values: list[float]) -> None:
    x = np.array(values)
    groups = figures.neighbours(x)
    assert sorted(i for g in groups for i in g) == list(range(len(x)))
    spans = sorted((x[g].min(), x[g].max()) for g in groups)
    assert all(before[1] < after[0] for before, after in pairwise(spans))
    axes, y = Figure().subplots(), x * x
    figures._medians(axes, x, y, groups)
    for line in axes.lines:
        low, high, middle = min(line.get_xdata()), max(line.get_xdata()), line.get_ydata()[0]
        assert middle == np.median(y[(x >= low) & (x <= high)])


def test_what_is_told_apart_by_colour_is_told_apart_by_shape() -> None:
    assert len({*figures.MARKS.values(), figures.WINNER["marker"]}) == len(figures.MARKS) + 1


def test_a_median_needs_three_trials(tmp_path: Path) -> None:
    for values, drawn in (([1.0, 2.0], True), ([0.1 * i for i in range(9)], True), ([*"abcdefghij"], False)):
        figures.response(tmp_path / "f.pdf", [panel(values)], "loss")  # type: ignore[arg-type]
        assert ("median" in pdf_text(tmp_path / "f.pdf")) == drawn


def test_labels_of_close_levels_do_not_meet(tmp_path: Path) -> None:
    figures.response(tmp_path / "f.pdf", [panel([16.0, 32.0, 35.0, 104.0, 106.0], log=True)], "loss")
    labels = pdf_text(tmp_path / "f.pdf").split()
    assert {"16", "32", "104"} <= set(labels)
    assert not {"35", "106"} & set(labels)


def test_equal_data_give_equal_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        sample.draw(tmp_path / name)
    for file in sorted((tmp_path / "a").glob("*.pdf")):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes(), file.name


def test_letters_are_letters(tmp_path: Path) -> None:
    sample.draw(tmp_path)
    assert b"/Type3" not in (tmp_path / "progress.pdf").read_bytes()
    text = pdf_text(tmp_path / "progress.pdf")
    assert all(word in text for word in ("log loss (nats)", "trial", "incumbent", "baseline", "failed"))


def test_long_choices_are_shortened_and_stand_apart(tmp_path: Path) -> None:
    few, many = ["sgd", "adam"], [f"a-long-name-of-an-optimizer-{n}" for n in "abc"]
    figures.response(tmp_path / "few.pdf", [panel(few)], "loss")
    figures.response(tmp_path / "many.pdf", [panel(many)], "loss")
    assert "sgd" in pdf_text(tmp_path / "few.pdf")
    tilted = pdf_text(tmp_path / "many.pdf").replace(" ", "")  # letter by letter, in no order
    assert tilted.count("…") == len(many)
    assert "z" not in tilted


def test_an_outlier_does_not_set_the_scale() -> None:
    low, high = limits([0.4, 0.41, 0.42, 0.43, 900.0], [0.3])
    assert low < 0.3
    assert high < 1
    assert limits([math.nan], []) == (0.0, 1.0)
    assert limits([2.0], [2.0]) == (1.9, 2.1)


def test_labels_are_no_mathematics() -> None:
    assert printable("a $b$\n日") == r"a \$b\$ Ri"


def test_cells_are_marks() -> None:
    fact = sample.facts()["claim.effect"]
    assert mark(fact) == mark("claim.effect") == "{fact:claim.effect}"
    assert plus_minus("a", "b") == "{fact:a} ± {fact:b}"
    assert plus_minus("a", None) == "{fact:a}"
    assert plus_minus(None, "b") == NONE
    assert interval("a", "b") == "[{fact:a}, {fact:b}]"
    assert (code("a_b"), code("a`b")) == ("`a_b`", r"a\`b")
