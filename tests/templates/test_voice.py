"""The voice template: its gradients are right, its words are recognised, and its judge attacks in earnest."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nightlab.experiments.template.loading import load
from tests.templates.loading import laid_out, module

TEMPLATE = load("voice")
DEFAULTS = {k.name: k.meant(k.default) for k in TEMPLATE.knobs}
sys.path.insert(0, str(TEMPLATE.folder))  # its files import hearing.py beside them
prepare, experiment, evaluate, hearing = (
    module("voice", name) for name in ("prepare", "experiment", "evaluate", "hearing")
)
sys.path.remove(str(TEMPLATE.folder))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laid_out(prepare, tmp_path_factory.mktemp("voice"), seed=2**100)


def judged(data: Path, split: str = "dev", **params: Any) -> dict[str, Any]:
    experiment.run({**DEFAULTS, **params}, data / "inputs", data / "out", 0)
    return dict(evaluate.evaluate(data / "out", data / "private", split, 0))


@pytest.fixture(scope="module")
def found(data: Path) -> dict[str, dict[str, Any]]:
    hard = {"attacked": 1.0, "loudness": 0.03, "floor": -0.5, "bands": 12, "epochs": 15}
    return {"default": judged(data), "hardened": judged(data, **hard)}


def test_the_words_are_as_many_and_as_loud_as_told(data: Path) -> None:
    voices = dict[str, set[int]]()
    for split, folder in (("train", "inputs"), ("dev", "private"), ("holdout", "private")):
        sound = np.load(data / folder / f"{split}_sound.npy")
        assert sound.shape == (prepare.SIZES[split], hearing.SAMPLES)
        assert sound.std(axis=1) == pytest.approx(1, abs=1e-5)
        words = np.bincount(np.load(data / folder / f"{split}_word.npy"))
        assert words.max() == words.min()
        voices[split] = {*np.load(data / folder / f"{split}_voice.npy").tolist()}
        assert len(voices[split]) == prepare.VOICES[split]
    assert not voices["train"] & voices["dev"] | voices["train"] & voices["holdout"] | voices["dev"] & voices["holdout"]


def test_a_word_glides_from_one_vowel_to_the_other() -> None:
    """The second formant of "ai" begins where that of a lies, and ends where that of i does."""
    sound = prepare.spoken(np.random.default_rng(0), np.zeros(40, dtype=int), np.arange(40) % 4)
    hertz = np.fft.rfftfreq(500, 1 / hearing.RATE)
    start, end = ((abs(np.fft.rfft(sound[:, at : at + 500])) ** 2).mean(axis=0) for at in (150, 1450))
    high, low = (hertz > 1900) & (hertz < 2800), (hertz > 900) & (hertz < 1500)
    assert end[high].sum() / end[low].sum() > 5 * start[high].sum() / start[low].sum()


@pytest.mark.parametrize("scale", [1.0, 1e-120, 1e120])
def test_gradients_have_the_direction_of_differences(scale: float) -> None:
    rng = np.random.default_rng(1)
    ear = hearing.Ear(8, 1e-2)
    layers = [(rng.normal(size=(120, 9)), rng.normal(size=9)), (rng.normal(size=(9, 8)), np.zeros(8))]
    sound, words = rng.normal(size=(3, hearing.SAMPLES)), np.array([0, 3, 7])
    places = (0, 130, 700, 1023, 2047)
    found = []
    for at in places:
        moved = np.zeros(hearing.SAMPLES)
        moved[at] = 0.01  # no less: sounds have single precision
        up, down = (hearing.uphill(ear, layers, sound + sign * moved, words)[0] for sign in (1, -1))
        found.append(up - down)
    scaled = [(weight * scale, bias * scale) for weight, bias in layers[:1]] + [(layers[1][0] * scale, layers[1][1])]
    gradient = hearing.uphill(ear, scaled, sound, words)[1][:, places]
    for ours, differences in zip(gradient, np.array(found).T, strict=True):
        ratio = ours @ differences / (differences @ differences)
        assert ratio > 0
        assert ours == pytest.approx(ratio * differences, rel=0.02, abs=float(2e-3 * abs(ours).max()))


def test_who_has_no_gradient_has_fallen(data: Path) -> None:
    """One that always says the same word cannot be misled, and is right about that word."""
    weights = {
        "weight_0": np.zeros((60, 4)),
        "bias_0": -np.ones(4),
        "weight_1": np.ones((4, 8)),
        "bias_1": np.eye(8)[3],
    }
    out = data / "same"
    out.mkdir()
    np.savez(out / "network.npz", bands=np.array(4), floor=np.array(1.0), **weights)
    metrics = evaluate.evaluate(out, data / "private", "dev", 1)
    assert metrics["clean_accuracy"] == pytest.approx(1 / 8)
    assert metrics["robust_accuracy"] == 0


def test_attacks_keep_to_the_bound(data: Path) -> None:
    judged(data, epochs=10)
    ear, layers = evaluate.classifier(data / "out" / "network.npz")
    sound, words = (np.load(data / "private" / f"dev_{name}.npy")[:20] for name in ("sound", "word"))
    for split in evaluate.ATTACKS:
        for name, attack in evaluate.ATTACKS[split].items():
            noise = attack(ear, layers, sound.astype(float), words, np.random.default_rng(0))
            loud = np.linalg.norm(noise, axis=1) / np.linalg.norm(sound, axis=1)
            assert loud.max() < evaluate.LOUDNESS * 1.001, name
            assert loud.min() > evaluate.LOUDNESS * 0.5, name


def test_the_default_recognises_words_and_falls_to_attacks(found: dict[str, dict[str, Any]]) -> None:
    metrics = found["default"]
    assert metrics["clean_accuracy"] > 0.75
    assert metrics["robust_accuracy"] < 0.2
    assert metrics["robust_accuracy"] == np.mean(metrics["items"]["robust_accuracy"])
    assert metrics["robust_accuracy"] <= min(value for name, value in metrics.items() if name.startswith("under_"))


def test_adversarial_training_hardens_it_without_hiding_gradients(found: dict[str, dict[str, Any]]) -> None:
    assert found["hardened"]["robust_accuracy"] > found["default"]["robust_accuracy"] + 0.2
    assert found["hardened"]["masked"] < 0.05
    assert not [c.metric for c in TEMPLATE.violated(found["hardened"]) if c.metric != "clean_accuracy"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weight_0": np.full((60, 8), np.inf)}, "not finite"),
        ({"bands": np.array(4.5)}, "whole number from 4 to 40"),
        ({"floor": np.array(0.0)}, "the floor from"),
        ({"bias_0": np.zeros(7)}, "the shapes do not"),
        ({"weight_2": np.zeros((8, 8))}, "nothing else"),
        ({"bands": np.zeros(2)}, "nothing else"),
    ],
)
def test_what_is_no_classifier_is_refused(changes: dict[str, Any], message: str, tmp_path: Path) -> None:
    arrays = {"bands": np.array(4), "floor": np.array(1.0), "weight_0": np.zeros((60, 8)), "bias_0": np.zeros(8)}
    np.savez(tmp_path / "network.npz", **{**arrays, **changes})
    with pytest.raises(ValueError, match=message):
        evaluate.classifier(tmp_path / "network.npz")
