"""The self-improvement template: copies that are copies, tasks whose optimum is known, a judge that counts."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import nightlab
from nightlab.experiments.template.loading import load

TEMPLATE = load("self-improvement")
COPIES = sorted(p for p in (TEMPLATE.folder / "nightlab/experiments/search").glob("*.py") if p.stat().st_size)


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"self_improvement_{name}", TEMPLATE.folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


prepare, judge, bench = module("prepare"), module("judge"), module("bench")


class Here:
    """A candidate in this process, which imports the program's own policy: the same text as the copy."""

    seconds = 0.008

    def call(self, name: str, *args: Any, **_: Any) -> Any:
        return getattr(bench, name)(*args)


class Says(Here):
    """A candidate that always proposes what it is told to."""

    def __init__(self, say: Any) -> None:
        self.say = say

    def call(self, name: str, *args: Any, **_: Any) -> Any:
        if name == "begin":
            self.tasks = [knobs for knobs, _, _ in args[0]]
        return [self.say(knobs) for knobs in self.tasks]


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    prepare.prepare(folder, folder, 2**100)
    return folder


@pytest.fixture(scope="module")
def tasks(private: Path) -> list[dict[str, Any]]:
    return list(json.loads((private / "holdout.json").read_text()))


@pytest.mark.parametrize("copy", COPIES, ids=lambda p: p.name)
def test_a_copy_is_what_runs(copy: Path) -> None:
    own = Path(nightlab.__file__).parent / copy.relative_to(TEMPLATE.folder / "nightlab")
    assert copy.read_bytes() == own.read_bytes(), f"cp {own} {copy}"


def test_a_constant_for_each_knob_is_at_its_shipped_value() -> None:
    from nightlab.experiments.search import evolution, strategies

    shipped = {"islands": evolution.ISLANDS, "migration": evolution.MIGRATION, "exploit": evolution.EXPLOIT}
    shipped |= {"crossover": evolution.CROSSOVER, "floor": strategies.FLOOR, "recent": strategies.RECENT}
    assert TEMPLATE.defaults == shipped


class TestTasks:
    def test_the_optimum_has_no_loss_and_everything_else_has_one(self, tasks: list[dict[str, Any]]) -> None:
        rng = np.random.default_rng(0)
        for task in tasks:
            best: dict[str, Any] = {}
            for knob, place, part in zip(task["knobs"], task["optimum"], task["parts"], strict=True):
                if knob["type"] == "choice":
                    best[knob["name"]] = knob["choices"][int(np.argmin(part["costs"][: len(knob["choices"])]))]
                else:
                    best[knob["name"]] = knob["low"] + place * (knob["high"] - knob["low"])
            assert judge.valid(task, best)
            assert judge.loss(task, best) == pytest.approx(0, abs=1e-12)
            for _ in range(20):
                other = {
                    k["name"]: str(rng.choice(k["choices"]))
                    if k["type"] == "choice"
                    else k["low"] + int(rng.integers(17)) / 16 * (k["high"] - k["low"])
                    for k in task["knobs"]
                }
                assert judge.valid(task, other)
                assert judge.loss(task, other) > 0
            assert judge.loss(task, {k["name"]: k["default"] for k in task["knobs"]}) > 0.05

    def test_they_are_drawn_by_the_seed_and_private(self, private: Path, tmp_path: Path) -> None:
        inputs, other = tmp_path / "inputs", tmp_path / "private"
        inputs.mkdir()
        other.mkdir()
        prepare.prepare(inputs, other, 1)
        assert not list(inputs.iterdir())
        assert (other / "dev.json").read_text() != (private / "dev.json").read_text()


class TestJudge:
    def test_the_policy_gains_and_repeats_itself(self, private: Path) -> None:
        first = judge.judge(Here(), private, "dev", 5)
        assert 0.2 < first["gain"] < 0.9
        assert first["refused"] == 0
        assert first["time"] == pytest.approx(0.01 * 31 / 30)  # to begin takes as long as a proposal here
        assert first["utility"] == pytest.approx(np.mean(first["items"]["utility"]))
        assert first == judge.judge(Here(), private, "dev", 5)
        assert first["gain"] != judge.judge(Here(), private, "dev", 6)["gain"]

    def test_there_is_something_to_find(self, private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from nightlab.experiments.search import evolution, strategies

        before = judge.judge(Here(), private, "holdout", 0)
        for module, name, value in (
            (evolution, "ISLANDS", 1),
            (evolution, "EXPLOIT", 0.9),
            (evolution, "CROSSOVER", 0.0),
            (strategies, "FLOOR", 0.1),
        ):
            monkeypatch.setattr(module, name, value)
        found = judge.judge(Here(), private, "holdout", 0)
        assert found["utility"] > before["utility"] + 0.04

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda knobs: None,
            lambda knobs: {},
            lambda knobs: {k["name"]: k["default"] if "choices" in k else k["high"] + 1 for k in knobs},
            lambda knobs: {k["name"]: "nothing" if "choices" in k else k["default"] for k in knobs} | {"x9": 1},
            lambda knobs: {k["name"]: True for k in knobs},
        ],
        ids=["nothing", "empty", "beyond", "other", "bool"],
    )
    def test_what_is_no_assignment_is_counted_and_gains_nothing(self, private: Path, wrong: Any) -> None:
        metrics = judge.judge(Says(wrong), private, "dev", 0)
        assert metrics["refused"] == judge.EVALUATIONS * len(metrics["items"]["gain"])
        assert metrics["gain"] == 0
        assert TEMPLATE.violated(metrics)

    def test_the_defaults_again_gain_nothing(self, private: Path) -> None:
        metrics = judge.judge(Says(lambda knobs: {k["name"]: k["default"] for k in knobs}), private, "dev", 0)
        assert metrics["gain"] == pytest.approx(0, abs=1e-9)
        assert metrics["cost"] == 1
        assert metrics["refused"] == 0
