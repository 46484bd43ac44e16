"""Robust regression: the truth is hidden, the error is what it says, and there is something to find."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nightlab.experiments.template.loading import load
from tests.templates.loading import laid_out, module

prepare, experiment, evaluate = (module("robust-regression", name) for name in ("prepare", "experiment", "evaluate"))
TEMPLATE = load("robust-regression")
DEFAULTS = {k.name: k.meant(k.default) for k in TEMPLATE.knobs}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laid_out(prepare, tmp_path_factory.mktemp("robust") / "data", seed=5)


def judged(place: Path, out: Path, split: str = "dev", **params: Any) -> dict[str, Any]:
    out.mkdir(parents=True, exist_ok=True)
    experiment.run({**DEFAULTS, **params}, place / "inputs", out, 0)
    found: dict[str, Any] = evaluate.evaluate(out, place / "private", split)
    return found


def test_inputs_hold_no_truth_and_the_splits_share_no_set(place: Path) -> None:
    assert set(np.load(place / "inputs/simulated.npz").files) == {"x", "y"}
    sets = [np.load(place / f"private/{split}_truth.npz")["sets"] for split in ("dev", "holdout")]
    assert sorted(np.concatenate(sets)) == list(range(32))


@pytest.mark.parametrize(("layout", "decimals"), [("prepare", 0), ("prepare_second", 2)])
def test_spoilt_responses_have_the_digits_of_others(layout: str, decimals: int, tmp_path: Path) -> None:
    for part in ("inputs", "private"):
        (tmp_path / part).mkdir()
    getattr(prepare, layout)(tmp_path / "inputs", tmp_path / "private", 3)
    y = np.load(tmp_path / "inputs/real.npz")["y"]
    assert np.array_equal(y, y.round(decimals))
    assert not np.array_equal(y, y.round(decimals - 1))


def test_the_truth_has_no_error_and_a_shift_has_its_own(place: Path, tmp_path: Path) -> None:
    known = {split: np.load(place / f"private/{split}_truth.npz") for split in ("dev", "holdout")}
    best, noise = np.zeros((32, 6)), np.zeros(32)
    for split in known.values():
        best[split["sets"]], noise[split["sets"]] = split["truth"], split["noise"]
    for shift, error in ((0.0, 0.0), (0.5, 0.5), (100.0, evaluate.WORST)):
        moved = best.copy()
        moved[:, 0] += shift * noise
        np.savez(tmp_path / "coefficients.npz", simulated=moved, real=np.zeros(11))
        assert evaluate.evaluate(tmp_path, place / "private", "dev")["estimation_error"] == pytest.approx(error)


def test_there_is_something_to_find_and_the_default_is_no_straw_man(place: Path, tmp_path: Path) -> None:
    better = {k.name: k.meant(v) for k in TEMPLATE.knobs for v in [TEMPLATE.reference[k.name]]}
    for split in ("dev", "holdout"):
        default, found = judged(place, tmp_path / "a", split), judged(place, tmp_path / "b", split, **better)
        plain = judged(place, tmp_path / "c", split, tuning=1e6)["estimation_error"]  # least squares
        assert found["estimation_error"] < default["estimation_error"] - 0.1
        assert default["estimation_error"] < plain
        assert not TEMPLATE.violated(default)
        assert not TEMPLATE.violated(found)


@pytest.mark.parametrize("knob", [k for k in TEMPLATE.knobs if k.type == "choice"], ids=lambda k: k.name)
def test_every_choice_estimates(place: Path, tmp_path: Path, knob: Any) -> None:
    for choice in knob.choices:
        more = {"start": "trimmed", "subsets": 5} if knob.name != "start" else {"subsets": 5}
        assert judged(place, tmp_path, **{**more, knob.name: knob.meant(choice)})["estimation_error"] < evaluate.WORST


def test_estimates_follow_the_units_of_the_data() -> None:
    rng = np.random.default_rng(0)
    x, params = rng.normal(size=(60, 3)), {**DEFAULTS, "loss": "bisquare", "tuning": 4.0}
    y = x @ [1.0, -2.0, 0.5] + 0.1 * rng.normal(size=60)
    found = experiment.fitted(x, y, params, rng)
    scaled = experiment.fitted(x * [1.0, 100.0, 0.01] + 7, 30 * y - 4, params, rng)
    assert scaled[1:] * [1.0, 100.0, 0.01] / 30 == pytest.approx(found[1:], rel=1e-6)


@pytest.mark.parametrize(
    ("arrays", "told"),
    [
        ({"real": np.zeros(11)}, "'simulated' is not readable"),
        ({"simulated": np.zeros((32, 5)), "real": np.zeros(11)}, "must be floats of shape"),
        ({"simulated": np.zeros((32, 6), int), "real": np.zeros(11)}, "must be floats of shape"),
        ({"simulated": np.full((32, 6), np.inf), "real": np.zeros(11)}, "must be finite"),
        ({"simulated": np.zeros((32, 6)), "real": np.full(11, 1e300)}, "must be finite and at most"),
    ],
)
def test_what_are_no_coefficients_is_refused(place: Path, tmp_path: Path, arrays: dict[str, Any], told: str) -> None:
    np.savez(tmp_path / "coefficients.npz", **arrays)
    with pytest.raises(ValueError, match=told):
        evaluate.evaluate(tmp_path, place / "private", "dev")
