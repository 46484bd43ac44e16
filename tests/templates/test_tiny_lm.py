"""The tiny-lm template: its text, a judge that tells nothing early, and a model that predicts as it trains."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from nightlab.experiments.template.loading import load

torch = pytest.importorskip("torch", reason="tiny-lm needs torch")
TEMPLATE = load("tiny-lm")


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"tiny_lm_{name}", TEMPLATE.folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


prepare, experiment, judge = module("prepare"), module("experiment"), module("judge")


class Candidate:
    """Answers in this process; it remembers what it was told."""

    prepared = spent = 1.0

    def __init__(self, predict: Callable[[Any], Any]) -> None:
        self.predict, self.told = predict, list[Any]()

    def call(self, name: str, *given: Any, returns: type | None = None) -> Any:
        if name == "predict":
            self.told.append(given[0])
        return self.predict(*given) if name == "predict" else None


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("text")
    for part in ("inputs", "private"):
        (folder / part).mkdir()
    prepare.prepare(folder / "inputs", folder / "private", 2**100 + 1)
    return folder


def test_no_paragraph_is_in_two_blocks() -> None:
    paragraphs = [b" ".join(p.split()) for block in prepare.blocks() for p in block.split(b"\n\n")]
    kept = [p for p in paragraphs if p]
    assert len(kept) == len(set(kept))


def test_a_block_is_in_one_split(data: Path) -> None:
    dev, holdout = (np.load(data / "private" / f"{split}_block.npy") for split in ("dev", "holdout"))
    assert len({*dev, *holdout}) == 128
    train = np.load(data / "inputs" / "train.npy").tobytes()
    for split in ("dev", "holdout"):
        for row in np.load(data / "private" / f"{split}_text.npy"):
            assert row[1:].tobytes() not in train
    assert json.loads((data / "inputs" / "source.json").read_text())["bytes"] > prepare.LEAST


def test_one_who_knows_nothing_needs_eight_bits(data: Path) -> None:
    for scale in (1.0, 1e30, 1e-30):
        candidate = Candidate(lambda told, scale=scale: np.full((64, 256), scale, dtype=np.float32))
        metrics = judge.judge(candidate, data / "private", "dev")
        assert metrics["bits_per_byte"] == pytest.approx(8)
        assert metrics["bits_per_byte"] == pytest.approx(np.mean(metrics["items"]["bits_per_byte"]), abs=1e-12)


def test_a_byte_is_told_after_it_was_predicted(data: Path) -> None:
    text = np.load(data / "private" / "dev_text.npy")
    candidate = Candidate(lambda told: np.eye(256, dtype=np.float32)[told])
    metrics = judge.judge(candidate, data / "private", "dev")
    assert (text[:, :-1] == np.array(candidate.told).T).all()
    assert metrics["accuracy"] == pytest.approx((text[:, 1:] == text[:, :-1]).mean())
    assert metrics["bits_per_byte"] < -np.log2(judge.FLOOR)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.zeros((64, 256)), "all zero"),
        (np.full((64, 256), np.nan), "not finite"),
        (np.where(np.arange(256) > 3, 2.0, -1.0) * np.ones((64, 1)), "negative"),
        (np.ones((64, 255)), r"64 rows of 256 weights, found float64 \(64, 255\)"),
        (np.ones((64, 256), dtype=int), "found int64"),
    ],
)
def test_what_is_no_prediction_is_refused(data: Path, weights: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        judge.judge(Candidate(lambda told: weights), data / "private", "dev")


@pytest.mark.parametrize("mixing", ["attention", "convolution"])
def test_a_model_predicts_byte_by_byte_what_it_predicts_at_once(mixing: str) -> None:
    """And what comes later changes nothing: both are one check of causality and of what is kept from byte to byte."""
    torch.manual_seed(0)
    model = experiment.Model({**TEMPLATE.defaults, "mixing": mixing, "ngrams": 3, "context": 32}).eval()
    text = torch.randint(256, (4, 50))
    memory = model.memory(4, "cpu")
    with torch.inference_mode():
        whole, _ = model(text)
        steps = torch.cat([model(text[:, i : i + 1], memory)[0] for i in range(50)], dim=1)
    torch.testing.assert_close(steps, whole, rtol=1e-4, atol=1e-4)


def test_a_larger_model_sees_less_text() -> None:
    small, large = (experiment.Model({**TEMPLATE.defaults, "width": width}).operations() for width in (32, 96))
    assert 3 < large / small < 9


def test_training_lowers_the_bits_and_repeats_itself(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(experiment, "BUDGET", 4e9)
    found = []
    for seed in (1, 1):
        experiment.start({**TEMPLATE.defaults, "ngrams": 2, "batch_size": 4}, data / "inputs", data, seed)
        experiment.train()
        experiment.begin(64)
        found.append(judge.judge(Candidate(experiment.predict), data / "private", "dev")["bits_per_byte"])
    assert found[0] < 5
    assert found[0] == found[1]
