"""Metrics of any size: their squares overflow or vanish, and nothing that is decided may depend on their unit."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import nightlab
from nightlab.experiments.claim.selection import select
from nightlab.experiments.claim.statistics.inference import compare, summarize
from nightlab.experiments.loop.decision import Noise, judge
from nightlab.experiments.search.surrogate import scaled, winsorized
from nightlab.experiments.template.loading import load
from tests.conftest import TOML, MakeTemplate

UNITS = [2.0**n for n in (-1000, -500, 500, 990)]  # powers of two, so that the values keep all their digits
BEFORE, AFTER = [1.0, 1.25, 0.75, 1.125], [2.0, 2.5, 1.75, 1.875]
GROUPS = [[1.0, 1.25, 0.75], [1.5, 1.25, 1.75], [2.0, 2.5, 2.25], [0.5, 0.25, 0.75]]


def times(unit: float, values: Sequence[float]) -> list[float]:
    return [unit * v for v in values]


@pytest.mark.parametrize("unit", UNITS)
def test_a_claim_is_the_same_in_any_unit(unit: float) -> None:
    plain, found = (compare(times(u, BEFORE), times(u, AFTER)) for u in (1.0, unit))
    assert found.p_value == pytest.approx(plain.p_value)
    assert [v / unit for v in (found.effect, found.low, found.high)] == pytest.approx(
        [plain.effect, plain.low, plain.high]
    )
    told, usual = summarize(times(unit, AFTER)), summarize(AFTER)
    assert (told.mean / unit, told.stderr / unit) == pytest.approx((usual.mean, usual.stderr))


@pytest.mark.parametrize("unit", UNITS)
def test_noise_verdict_and_selection_are_the_same_in_any_unit(unit: float) -> None:
    groups = [times(unit, g) for g in GROUPS]
    plain, noise = Noise.of(GROUPS), Noise.of(groups)
    assert (noise.sd / unit, noise.dof) == (pytest.approx(plain.sd), plain.dof)
    assert not noise.deterministic
    verdicts = [
        judge(g[2], g[0], n, rule="paired", max_replicates=3, min_effect=0.0)
        for g, n in ((GROUPS, plain), (groups, noise))
    ]
    assert verdicts[0].kind == verdicts[1].kind == "kept"  # type: ignore[union-attr]
    assert select(groups, noise, searched=3) == select(GROUPS, plain, searched=3)
    assert select(groups, noise, searched=3, rungs=()) == select(GROUPS, plain, searched=3, rungs=()) == 2


@pytest.mark.parametrize("unit", [*UNITS, 1e300 / 2.5, 5e-324 * 2**20])
def test_the_search_sees_the_same_landscape_in_any_unit(unit: float) -> None:
    values = np.array([1.0, 2.5, -2.0, 0.25, 1.5])
    assert winsorized(unit * values) == pytest.approx(winsorized(values))


@pytest.mark.parametrize("value", [0.0, 1e300, -1e300, 5e-324, 0.1])
def test_equal_values_of_any_size_have_no_spread(value: float) -> None:
    same = [value] * 5
    assert (summarize(same).mean, summarize(same).stderr, Noise.of([same]).sd) == (value, 0.0, 0.0)
    assert Noise.of([same]).deterministic
    assert scaled(same) == [0.0] * 5
    assert compare(same, same).p_value == 1.0
    assert not winsorized(np.array(same)).any()


def test_sizes_may_be_mixed() -> None:
    noise = Noise.of([[1.0, 1.1], [-1e300, 1e300], [0.0, 5e-324]])
    assert math.isfinite(noise.sd)
    assert noise.sd > 1e299
    mixed = [[0.0, 0.0], [1e300, 1e300], [-1e300, 1e-300], [1.0, 2.0]]
    assert select(mixed, noise, searched=2, rungs=()) in range(4)
    assert np.isfinite(winsorized(np.array([0.0, 1e300, -1e300, 1e-300]))).all()
    assert math.isfinite(compare([0.0, 1e300], [-1e300, 1e300]).p_value)


def test_differences_in_the_last_digits_are_weighed_like_others() -> None:
    """Rounding is no effect without spread: what moves by a digit now up and now down is no improvement."""
    ulp = 2.0**-52
    flicker = compare([1.0] * 4, [1.0 + k * ulp for k in (1, 0, 2, -1)])
    steady = compare([1.0, 1.0 + ulp, 1.0, 1.0], [1.0 + 9 * ulp, 1.0 + 8 * ulp, 1.0 + 9 * ulp, 1.0])
    assert 0.1 < flicker.p_value < 0.9
    assert 0.01 < steady.p_value < 0.1
    assert compare([1.0] * 4, [1.0 + ulp] * 4).significant  # the same on every seed


def test_a_penalty_beyond_all_metrics_leaves_a_number(make_template: MakeTemplate) -> None:
    template = load(make_template({"penalty = 10.0": "penalty = 1e200"}))
    assert template.fitness({"height": 1.0, "cost": 1e299}) == 1e300
    assert template.fitness({"height": 1.0, "cost": 1.0}) == 1.0


def test_a_study_of_mixed_sizes_comes_to_its_end(make_template: MakeTemplate, tmp_path: Path) -> None:
    experiment = """\
import json, random
def run(params, inputs, out, seed):
    v = (params["x"] - 0.7) ** 2 + random.Random(seed).gauss(0, 0.01)
    (out / "answer.json").write_text(json.dumps({"height": v if params['mood'] == 'odd' else -1e200 * v, "cost": 1.0}))
"""
    evaluate = (
        "import json\ndef evaluate(out, private, split):\n    return json.loads((out / 'answer.json').read_text())\n"
    )
    toml = TOML.replace("confirm_seeds = 6", "confirm_seeds = 2")
    folder = make_template(files={"template.toml": toml, "experiment.py": experiment, "evaluate.py": evaluate})
    told = nightlab.experiment(folder, out=tmp_path / "studies", trials=3, seeds=1)
    assert told["trials"] == 3
    assert told["failed"] == 0
    assert math.isfinite(told["best"]["mean"])
