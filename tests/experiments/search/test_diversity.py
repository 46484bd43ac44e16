from __future__ import annotations

import pytest

from nightlab.experiments.records import Change, Knob
from nightlab.experiments.search.diversity import diversity

KNOBS = (
    Knob(name="x", type="float", strategy="a", default=0.0, low=0.0, high=10.0),
    Knob(name="kind", type="choice", strategy="b", default="p", choices=("p", "q", "r")),
)


def change(strategy: str, x: float, kind: str = "p", parent: int | None = 0, artifact: str = "f") -> Change:
    params = {"x": x, "kind": kind}
    return Change(strategy=strategy, hypothesis="h", params=params, artifact=artifact, parent=parent, proposer="test")


def test_strategies_are_counted_by_their_shares_and_the_baseline_is_no_change() -> None:
    baseline = change("baseline", 0.0, parent=None)
    assert diversity([baseline], KNOBS) == {"strategies": 0.0, "distinct": 0.0, "nearest": 0.0, "mean": 0.0}
    assert diversity([baseline, change("a", 1.0), change("b", 2.0)], KNOBS)["strategies"] == pytest.approx(2.0)
    assert diversity([baseline, *[change("a", x) for x in (1.0, 2.0, 3.0)]], KNOBS)["strategies"] == pytest.approx(1.0)


def test_distances_are_shares_of_the_diagonal() -> None:
    found = diversity([change("a", 0.0), change("a", 10.0), change("a", 10.0, "r")], KNOBS)
    half = 0.5**0.5  # one knob of two is wholly different
    assert found["nearest"] == pytest.approx(half)
    assert found["mean"] == pytest.approx((half + half + 1.0) / 3)
    assert found["distinct"] == 1.0


def test_repeats_are_told_and_other_files_make_a_change_distinct() -> None:
    found = diversity([change("a", 1.0), change("a", 1.0), change("a", 1.0, artifact="g")], KNOBS)
    assert found["distinct"] == pytest.approx(2 / 3)
    assert found["nearest"] == 0.0


def test_without_knobs_there_is_no_distance() -> None:
    edit = Change(strategy="edit", hypothesis="h", params={}, artifact="f", parent=0, proposer="test")
    assert diversity([edit, edit], ())["mean"] == 0.0
