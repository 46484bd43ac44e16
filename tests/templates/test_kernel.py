"""The kernel template: every method is right, the judge knows what is wrong, and the roofline is measured."""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nightlab.experiments.template.loading import load
from tests.templates.loading import laid_out, module

pytest.importorskip("pyopencl", reason="kernel needs pyopencl")
TEMPLATE = load("kernel")
DEFAULTS = {k.name: k.meant(k.default) for k in TEMPLATE.knobs}
sys.path.insert(0, str(TEMPLATE.folder))  # its files import device.py beside them
prepare, experiment, judge = (module("kernel", name) for name in ("prepare", "experiment", "judge"))
sys.path.remove(str(TEMPLATE.folder))


class Here:
    """A candidate in this process. spoilt: what becomes of an answer."""

    seconds = 0.001

    def __init__(self, answers: Any, spoilt: Any = lambda name, answer: answer) -> None:
        self.answers, self.spoilt = answers, spoilt
        self.asked = list[tuple[str, Any]]()

    def call(self, name: str, *question: Any, **_: Any) -> Any:
        self.asked.append((name, question))
        return self.spoilt(name, getattr(self.answers, name)(*question))


class Plain:
    """The definitions, in double precision."""

    def load_product(self, a: Any, b: Any) -> None:
        self.a, self.b = a.astype(float), b.astype(float)

    def product(self, d: Any) -> Any:
        with np.errstate(invalid="ignore"):
            return (self.a * d) @ self.b

    def load_stencil(self, rate: Any) -> None:
        self.rate = rate.astype(float)

    def stencil(self, u: Any, steps: int) -> Any:
        return judge.heated(u.astype(float), self.rate, steps)


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kernel")
    with contextlib.chdir(folder):  # PoCL may have noted a path below the folder that it works in
        return laid_out(prepare, folder, seed=2**100) / "private"


@pytest.mark.filterwarnings("ignore:Non-empty compiler output")  # loops that the compiler does not unroll
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"scale_first": True, "fast_axis": "rows", "lines": 4, "cells": 4, "group": 4},
        {"product": "registers", "rows": 4, "width": 8, "group": 2, "unroll": 4, "cells": 8, "fast_math": True},
        {"product": "tiled", "tile": 8, "stencil": "blocked"},
    ],
    ids=["default", "scaled", "registers", "local memory"],
)
def test_every_method_is_right(
    params: dict[str, Any], private: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a run compiles into the folder that it works in
    experiment.start({**DEFAULTS, **params}, Path(), Path(), 0)
    metrics = judge.judge(Here(experiment), private, "dev", 1)
    assert metrics["wrong"] == 0
    assert metrics["share"] > 0


def test_the_roofline_is_measured(private: Path) -> None:
    roof = json.loads((private / "roofline.json").read_text())
    assert roof["device"]
    assert 1 < roof["gflops"] < 1e5
    assert 0.1 < roof["gb_per_s"] < 1e4


def test_a_share_is_of_the_measured_roof(private: Path) -> None:
    metrics = judge.judge(Here(Plain()), private, "holdout", 3)
    assert metrics["wrong"] == 0
    each = 0.001 * (judge.TURNS + 1) / judge.TURNS  # to load counts as much as an answer here
    rows, depth, columns = np.prod(judge.PRODUCTS["holdout"], axis=1), 1, 1
    gflops = np.exp(np.log(2 * rows * depth * columns / each / 1e9).mean())
    assert metrics["product_share"] == pytest.approx(100 * gflops / metrics["peak_gflops"])
    assert metrics["share"] == pytest.approx((metrics["product_share"] * metrics["stencil_share"]) ** 0.5)


@pytest.mark.parametrize("name", ["product", "stencil"])
def test_half_precision_and_one_cell_are_seen(name: str, private: Path) -> None:
    def half(asked: str, answer: Any) -> Any:
        return np.float16(answer).astype(float) if asked == name and abs(answer).max() < 1e4 else answer

    def one(asked: str, answer: Any) -> Any:
        if asked == name:
            answer[-1, -1] += 1e-3 * (1 + abs(answer[-1, -1]))
        return answer

    asked = sum(n == name for n, _ in _asked(private))
    assert judge.judge(Here(Plain(), one), private, "dev", 0)["wrong"] > 0.7 * asked
    assert judge.judge(Here(Plain(), half), private, "dev", 0)["wrong"] > 1000


def _asked(private: Path) -> list[tuple[str, Any]]:
    candidate = Here(Plain())
    judge.judge(candidate, private, "dev", 0)
    return candidate.asked


def test_no_question_is_asked_twice(private: Path) -> None:
    weights = [question[0].tobytes() for name, question in _asked(private) if name == "product"]
    assert len({*weights}) == len(weights)


def test_an_answer_of_another_shape_is_refused(private: Path) -> None:
    with pytest.raises(ValueError, match="must return an array of numbers of shape"):
        judge.judge(Here(Plain(), lambda name, answer: answer if answer is None else answer.T), private, "holdout", 0)
