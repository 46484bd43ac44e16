"""The digits template: its contract, its data, its training and its judge."""

from __future__ import annotations

import importlib.util
import re
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pybtex.database import parse_file
from sklearn.datasets import load_digits

from nightlab.experiments.template.loading import load

TEMPLATE = load("digits")
SPLITS = {"train": 400, "dev": 600, "holdout": 797}


def module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"digits_{name}", TEMPLATE.folder / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


prepare, experiment, evaluate = module("prepare"), module("experiment"), module("evaluate")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return laid_out(tmp_path_factory.mktemp("digits"), seed=0)


def laid_out(folder: Path, seed: int) -> Path:
    for part in ("inputs", "private"):
        (folder / part).mkdir(parents=True)
    prepare.prepare(folder / "inputs", folder / "private", seed)
    return folder


def trained(data: Path, out: Path, seed: int = 0, **params: Any) -> Path:
    out.mkdir(parents=True, exist_ok=True)
    experiment.run({**TEMPLATE.defaults, **params}, data / "inputs", out, seed)
    return out


def a_network(**changes: Any) -> dict[str, Any]:
    """A valid network of one hidden layer; a change of None takes an array away."""
    arrays = {
        "weight_0": np.zeros((64, 5)),
        "bias_0": np.zeros(5),
        "weight_1": np.zeros((5, 10)),
        "bias_1": np.zeros(10),
        "activations": np.array(["relu"]),
    }
    return {name: value for name, value in {**arrays, **changes}.items() if value is not None}


class TestContract:
    def test_knobs_of_four_strategies(self) -> None:
        assert TEMPLATE.strategies == ("learning_rate_schedule", "architecture", "regularisation", "optimizer")
        assert len(TEMPLATE.knobs) == 14
        assert TEMPLATE.trust == "verified"

    def test_too_many_parameters_cannot_be_kept(self) -> None:
        small, large = {"log_loss": 0.2, "parameters": 10000.0}, {"log_loss": 0.1, "parameters": 10500.0}
        assert not TEMPLATE.violated(small)
        assert TEMPLATE.violated(large)
        assert TEMPLATE.fitness(small) == pytest.approx(0.2)
        assert TEMPLATE.fitness(large) == pytest.approx(0.6)

    def test_ideas_are_whole_and_one_joins_all_strategies(self) -> None:
        assert len(TEMPLATE.ideas) >= 5
        assert len({idea.key for idea in TEMPLATE.ideas}) == len(TEMPLATE.ideas)
        assert any(set(idea.strategies) == set(TEMPLATE.strategies) for idea in TEMPLATE.ideas)
        for idea in TEMPLATE.ideas:
            assert idea.question.endswith("?")
            assert idea.hypothesis[0].islower()
            assert not idea.hypothesis.endswith(".")
            assert idea.expected_effect
            assert idea.risks

    def test_prose_for_the_paper_holds_no_number(self) -> None:
        ideas = tomllib.loads((TEMPLATE.folder / "ideas.toml").read_text(encoding="utf-8"))["idea"]
        prose = [TEMPLATE.spec.template.description, *(str(value) for idea in ideas for value in idea.values())]
        assert not [text for text in prose if re.search(r"\d", text)]

    def test_references_are_found_by_an_identifier(self) -> None:
        entries = parse_file(str(TEMPLATE.folder / "references.bib")).entries
        assert len(entries) >= 16
        topics = {*TEMPLATE.strategies, "search", "noise", "statistics", "data", "autoresearch"}
        for key, entry in entries.items():
            fields = entry.fields
            assert entry.persons["author"], key
            assert {"title", "year", "abstract", "keywords"} <= set(fields), key
            assert re.fullmatch(r"10\.\d{4,5}/\S+", fields.get("doi", "")) or re.fullmatch(
                r"\d{4}\.\d{4,5}", fields.get("eprint", "")
            ), key
            assert set(fields["keywords"].split(", ")) <= topics, key
            assert not re.search(r"\d", fields["abstract"]), key
        covered = {topic for entry in entries.values() for topic in entry.fields["keywords"].split(", ")}
        assert covered == topics


class TestData:
    def test_an_experiment_sees_only_what_it_may_learn_from(self, data: Path) -> None:
        assert {p.name for p in (data / "inputs").iterdir()} == {"train_images.npy", "train_labels.npy"}

    def test_every_image_is_in_one_split(self, data: Path) -> None:
        folders = {"train": "inputs", "dev": "private", "holdout": "private"}
        images = {split: np.load(data / folders[split] / f"{split}_images.npy") for split in SPLITS}
        assert {split: len(array) for split, array in images.items()} == SPLITS
        rows = np.concatenate(list(images.values())).reshape(-1, 64) * 16
        assert sorted(map(bytes, rows.astype(np.uint8))) == sorted(map(bytes, load_digits().data.astype(np.uint8)))

    @pytest.mark.parametrize("split", SPLITS)
    def test_labels_are_balanced_and_in_no_order(self, data: Path, split: str) -> None:
        labels = np.load(next(data.rglob(f"{split}_labels.npy")))
        counts = np.bincount(labels, minlength=10) / len(labels)
        assert counts.min() > 0.09
        assert counts.max() < 0.11
        assert abs(np.corrcoef(labels, np.arange(len(labels)))[0, 1]) < 0.15
        assert (labels[1:] == labels[:-1]).mean() < 0.2

    def test_the_studys_seed_draws_the_split(self, data: Path, tmp_path: Path) -> None:
        same, other = laid_out(tmp_path / "same", seed=0), laid_out(tmp_path / "other", seed=1)
        for file in sorted(data.rglob("*.npy")):
            name = file.relative_to(data)
            assert file.read_bytes() == (same / name).read_bytes()
            assert file.read_bytes() != (other / name).read_bytes()


class TestTraining:
    def test_the_default_is_a_decent_baseline(self, data: Path, tmp_path: Path) -> None:
        out = trained(data, tmp_path)
        for split in ("dev", "holdout"):
            metrics = evaluate.evaluate(out, data / "private", split)
            assert 0.1 < metrics["log_loss"] < 0.3
            assert 0.9 < metrics["accuracy"] < 0.98
            assert metrics["parameters"] == 65 * 32 + 33 * 10

    def test_there_is_something_to_find(self, data: Path, tmp_path: Path) -> None:
        better = {"learning_rate": 0.006, "schedule": "cosine", "width": 100, "shift": 0.4, "optimizer": "adam"}
        for seed in range(3):
            default = trained(data, tmp_path / f"default{seed}", seed)
            found = trained(data, tmp_path / f"found{seed}", seed, **better)
            scores = [evaluate.evaluate(out, data / "private", "dev") for out in (default, found)]
            assert scores[1]["log_loss"] < scores[0]["log_loss"] - 0.03
            assert not TEMPLATE.violated(scores[1])

    def test_a_seed_fixes_the_network_and_another_changes_it(self, data: Path, tmp_path: Path) -> None:
        params = {"dropout": 0.2, "shift": 0.3}
        first, again, other = (
            np.load(trained(data, tmp_path / str(i), seed, **params) / "network.npz")
            for i, seed in enumerate((7, 7, 8))
        )
        assert all((first[name] == again[name]).all() for name in first.files)
        assert not (first["weight_0"] == other["weight_0"]).all()

    @pytest.mark.parametrize("knob", [k for k in TEMPLATE.knobs if k.type == "choice"], ids=lambda k: k.name)
    def test_every_choice_learns(self, data: Path, tmp_path: Path, knob: Any) -> None:
        for choice in knob.choices:
            out = trained(data, tmp_path / str(choice), depth=2, **{knob.name: choice})
            assert evaluate.evaluate(out, data / "private", "dev")["accuracy"] > 0.85

    def test_every_bound_runs(self, data: Path, tmp_path: Path) -> None:
        for knob in (k for k in TEMPLATE.knobs if k.type != "choice"):
            for value in (knob.low, knob.high):
                out = trained(data, tmp_path / f"{knob.name}{value}", **{knob.name: type(knob.default)(value)})
                assert evaluate.evaluate(out, data / "private", "dev")["log_loss"] < 2

    @pytest.mark.parametrize("activation", experiment.ACTIVATIONS)
    def test_gradients_are_those_of_the_judges_network(self, activation: str) -> None:
        """Central differences of the loss, computed with the evaluator's own forward pass."""
        rng = np.random.default_rng(0)
        params = {**TEMPLATE.defaults, "activation": activation, "width": 6, "depth": 2}
        network = experiment.Network(params, rng)
        batch, labels = rng.normal(size=(20, 64)), rng.integers(0, 10, 20)

        def loss(flat: Any) -> float:
            layers = list(zip(*network.layers(flat), strict=True))
            probability = evaluate.predict(layers, [activation] * 2, batch)
            return float(-np.log(probability[np.arange(20), labels]).mean())

        gradient = network.backward(batch.astype(np.float32), np.eye(10, dtype=np.float32)[labels], rng)
        flat = network.flat.astype(np.float64)
        for i in rng.choice(len(flat), 40, replace=False):
            nudge = 1e-5 * (np.arange(len(flat)) == i)
            assert (loss(flat + nudge) - loss(flat - nudge)) / 2e-5 == pytest.approx(gradient[i], abs=1e-4)

    def test_a_shift_moves_images_by_whole_and_part_pixels(self) -> None:
        class Rng:
            def uniform(self, *_: Any) -> Any:
                return np.array([1.0, -0.5]).reshape(2, 1, 1, 1)

        image = np.zeros((1, 8, 8), dtype=np.float32)
        image[0, 3, 3] = 1
        moved = experiment.shifted(image, 1.0, Rng())
        expected = np.zeros((1, 8, 8))
        expected[0, 4, 2:4] = 0.5  # one down, half a pixel to the left
        np.testing.assert_allclose(moved, expected)

    def test_divergence_is_told(self, data: Path, tmp_path: Path) -> None:
        with pytest.raises(FloatingPointError, match="training diverged"):
            trained(data, tmp_path, learning_rate=1e30, depth=3)


class TestEvaluation:
    def test_a_blank_network_scores_chance(self, data: Path, tmp_path: Path) -> None:
        np.savez(tmp_path / "network.npz", **a_network())
        metrics = evaluate.evaluate(tmp_path, data / "private", "dev")
        assert metrics["log_loss"] == pytest.approx(np.log(10))
        assert metrics["parameters"] == 65 * 5 + 6 * 10

    def test_one_sure_mistake_costs_no_more_than_the_clip(self, data: Path, tmp_path: Path) -> None:
        np.savez(tmp_path / "network.npz", **a_network(bias_1=np.eye(10)[3] * 1e6))
        metrics = evaluate.evaluate(tmp_path, data / "private", "dev")
        assert metrics["log_loss"] == pytest.approx(-np.log(1e-15) * (1 - metrics["accuracy"]))

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"weight_1": np.zeros((5, 9))}, r"weight_1 must have the shape \(5, 10\), found \(5, 9\)"),
            ({"weight_0": np.zeros((63, 5))}, r"weight_0 must have the shape \(64, n\), found \(63, 5\)"),
            ({"weight_0": np.zeros(64)}, r"weight_0 must have the shape"),
            ({"bias_0": np.zeros(4)}, r"bias_0 must have the shape \(5,\), found \(4,\)"),
            ({"bias_1": np.full(10, np.nan)}, "layer 1 holds numbers that are not finite"),
            ({"weight_0": np.full((64, 5), np.inf)}, "layer 0 holds numbers that are not finite"),
            ({"weight_0": np.full((64, 5), 1e308), "weight_1": np.ones((5, 10))}, "outputs overflow"),
            ({"weight_0": np.zeros((64, 5), dtype=int)}, "layer 0 must hold floating-point numbers, found int64"),
            ({"bias_1": None}, "1 activations need exactly the arrays"),
            ({"second_network": np.zeros((64, 10))}, "1 activations need exactly the arrays"),
            ({"activations": None}, "'activations' must be a list of names"),
            ({"activations": np.array([1.0])}, "'activations' must be a list of names"),
            ({"activations": np.array(["swish"])}, r"unknown activations \['swish'\]; known are \['gelu',"),
            ({"weight_0": np.array([{}])}, "not readable as plain arrays: Object arrays"),
            ({"weight_0": np.zeros((64, 40000))}, "it unpacks to 20481176 bytes"),
        ],
    )
    def test_what_is_no_network_is_refused(
        self, data: Path, tmp_path: Path, changes: dict[str, Any], message: str
    ) -> None:
        np.savez(tmp_path / "network.npz", **a_network(**changes))
        with pytest.raises(ValueError, match=message):
            evaluate.evaluate(tmp_path, data / "private", "dev")

    @pytest.mark.parametrize(
        ("write", "message"),
        [
            (lambda file: None, "the experiment did not write it"),
            (lambda file: file.mkdir(), "the experiment did not write it"),
            (lambda file: file.write_bytes(b"no archive"), "not readable as plain arrays"),
            (lambda file: foreign_member(file), "'weight_0' is no array"),
        ],
        ids=["missing", "folder", "garbage", "foreign"],
    )
    def test_what_is_no_archive_is_refused(
        self, data: Path, tmp_path: Path, write: Callable[[Path], object], message: str
    ) -> None:
        write(tmp_path / "network.npz")
        with pytest.raises(ValueError, match=message):
            evaluate.evaluate(tmp_path, data / "private", "dev")


def foreign_member(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("weight_0", "text")
