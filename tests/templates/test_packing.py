"""Packing: the judge allows nothing, the search finds valid packings, and a run is a function of its knobs."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nightlab.experiments.template.loading import load
from tests.templates.loading import laid_out, module

prepare, experiment, evaluate = (module("packing", name) for name in ("prepare", "experiment", "evaluate"))
TEMPLATE = load("packing")
DEFAULTS = TEMPLATE.defaults
ELSEWHERE = next(c.min for c in TEMPLATE.spec.constraint if c.metric == "elsewhere")
HALVES = [[0.25, 0.25, 0.25], [0.75, 0.25, 0.25], [0.25, 0.75, 0.25], [0.75, 0.75, 0.25]]
FOUR = {"circles": 4, "width": 1.0, "height": 1.0}


def test_circles_may_touch_and_nothing_more() -> None:
    assert evaluate.total("square", HALVES, FOUR) == 1
    for place, value in ((2, math.nextafter(0.25, 1)), (0, math.nextafter(0.25, 1)), (0, math.nextafter(0.25, 0))):
        spoilt = [list(row) for row in HALVES]
        spoilt[0][place] = value
        with pytest.raises(ValueError, match=r"overlap|beyond a side"):
            evaluate.total("square", spoilt, FOUR)


@pytest.mark.parametrize(
    "row",
    [
        [0.5, 0.5],
        [0.5, 0.5, True],
        [0.5, 0.5, "1"],
        [0.5, 0.5, 0],
        [0.5, 0.5, -0.1],
        [2, 0.5, 0.1],
        [10**400, 0.5, 0.1],
    ],
)
def test_what_is_no_circle_is_refused(row: list[Any]) -> None:
    with pytest.raises(ValueError, match="circle 3"):
        evaluate.total("square", [*HALVES[:3], row], FOUR)


@pytest.mark.parametrize("value", [Fraction(1, 3), Fraction(1, 10), Fraction(2, 3), Fraction(1, 2)])
def test_a_sum_is_rounded_down(value: Fraction) -> None:
    down = evaluate.rounded_down(value)
    assert Fraction(down) <= value < Fraction(math.nextafter(down, 2))


@pytest.mark.parametrize("text", ["", "[1]", "{", '{"square": [[NaN, 0, 1]]}', '{"square": []}'])
def test_what_is_no_file_of_packings_is_refused(text: str, tmp_path: Path) -> None:
    place = laid_out(prepare, tmp_path)
    (place / "out/packing.json").write_text(text)
    with pytest.raises(ValueError, match=r"packing\.json"):
        evaluate.evaluate(place / "out", place / "private", "dev")


def test_the_search_finds_valid_packings_and_repeats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "PROGRAMS", 40)
    place = laid_out(prepare, tmp_path)
    found = list[str]()
    for seed in (0, 1):
        experiment.run(DEFAULTS, place / "inputs", place / "out", seed)
        found.append((place / "out/packing.json").read_text())
    assert found[0] == found[1]
    metrics = evaluate.evaluate(place / "out", place / "private", "dev")
    assert 2.5 < metrics["radii_sum"] < 2.636
    assert not TEMPLATE.violated(metrics)


@pytest.mark.parametrize("layout", experiment.STARTS)
@pytest.mark.parametrize("seed", [3, 10**37])
def test_every_layout_packs_rectangles_that_nobody_knew(layout: str, seed: int, tmp_path: Path) -> None:
    place = laid_out(prepare, tmp_path, seed)
    instances = json.loads((place / "private/instances.json").read_text())
    del instances["square"]
    assert len(instances) == 2
    for name, given in instances.items():
        packing = experiment.Search(given, {**DEFAULTS, "layout": layout, "target": "small"}, 24).best()
        assert float(evaluate.total(name, packing, given)) > ELSEWHERE * given["grid"]


def test_of_many_spots_the_roomiest_takes_a_circle() -> None:
    search = experiment.Search(FOUR, {**DEFAULTS, "moved": 1, "spots": 2000, "jitter": 0.0, "target": "any"}, 1)
    for _ in range(4):
        moved = search.perturbed(np.array(HALVES))
        (gone,) = (abs(moved - np.array(HALVES)[:, :2]).sum(axis=1) > 1e-9).nonzero()[0]
        assert moved[gone] == pytest.approx(HALVES[gone][:2], abs=0.05)  # the place that it has left
