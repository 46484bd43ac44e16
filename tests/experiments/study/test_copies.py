"""Copies of the private data are known by their values, whatever file or format they stand in."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from nightlab.experiments.study.data.copies import copies

RNG = np.random.default_rng(5)
IMAGES, LABELS = RNG.integers(0, 17, (600, 6, 6)) / 16, RNG.integers(0, 10, 600)
DEV, HOLDOUT = slice(200, 400), slice(400, 600)
QUESTIONS = [f"Which of the two is larger, {a} or {b}?" for a, b in RNG.integers(0, 10**6, (60, 2)).tolist()]
Write = Callable[[Path, Path], object]


def honest(inputs: Path, private: Path) -> None:
    """Images, labels, questions and a table with keys of its own, apart by split."""
    np.savez(inputs / "train.npz", images=IMAGES[:200], labels=LABELS[:200])
    (inputs / "questions.txt").write_text("\n".join(QUESTIONS[:20]))
    (inputs / "submission.csv").write_text("id,label\n" + "\n".join(f"{n},0" for n in range(400, 600)))
    for name, rows in (("dev", DEV), ("holdout", HOLDOUT)):
        np.save(private / f"{name}_images.npy", IMAGES[rows])
        np.save(private / f"{name}_labels.npy", LABELS[rows])
        (private / f"{name}.csv").write_text(
            "id,label\n" + "\n".join(f"{n + rows.start},{v}" for n, v in enumerate(LABELS[rows]))
        )
    (private / "questions.jsonl").write_text("\n".join(json.dumps({"q": q, "a": "yes"}) for q in QUESTIONS[20:]))


def found(tmp_path: Path, more: Write) -> tuple[set[str], set[str]]:
    inputs, private = tmp_path / "inputs", tmp_path / "private"
    inputs.mkdir()
    private.mkdir()
    honest(inputs, private)
    more(inputs, private)
    known = copies(inputs, private)
    return set(known.shared), set(known.both)


def test_data_that_are_apart_share_nothing(tmp_path: Path) -> None:
    assert found(tmp_path, lambda *_: None) == (set(), set())


@pytest.mark.parametrize(
    ("write", "shared"),
    [
        (lambda i, p: np.savez(i / "m.npz", a=(IMAGES[450:460] * 255).astype(np.uint8)), "holdout_images.npy"),
        (lambda i, p: np.savetxt(i / "m.tsv", IMAGES[590:].reshape(10, 36), delimiter="\t"), "holdout_images.npy"),
        (lambda i, p: np.save(i / "m.npy", IMAGES[200:300] + RNG.normal(0, 1e-4, (100, 6, 6))), "dev_images.npy"),
        (lambda i, p: (i / "m.bin").write_bytes(b"x" + (p / "dev_images.npy").read_bytes()[500:]), "dev_images.npy"),
        (lambda i, p: (i / "m.json").write_text(json.dumps({"y": LABELS[430:530].tolist()})), "holdout_labels.npy"),
        (
            lambda i, p: (i / "m.csv.gz").write_bytes(gzip.compress("\n".join(map(str, LABELS[DEV])).encode())),
            "dev_labels.npy",
        ),
        (lambda i, p: (i / "notes.md").write_text(f"# Hints\n\n{QUESTIONS[33].upper()}\n"), "questions.jsonl:lines"),
    ],
)
def test_private_data_among_the_inputs_are_known_by_their_values(tmp_path: Path, write: Write, shared: str) -> None:
    assert shared.removesuffix(":lines") in found(tmp_path, write)[0]


def test_an_item_in_both_splits_is_known(tmp_path: Path) -> None:
    def twice(inputs: Path, private: Path) -> None:
        np.save(private / "holdout_images.npy", np.concatenate([IMAGES[401:600], IMAGES[250:251]]))

    assert found(tmp_path, twice)[1] == {"holdout_images.npy"}


@pytest.mark.parametrize(
    ("given", "secret"),
    [
        (np.sort(RNG.integers(0, 5, 900)), np.sort(RNG.integers(0, 5, 400))),
        (np.sin(np.arange(3000) / 7), np.sin(np.arange(3000, 4000) / 7)),
        ((RNG.random(20000) < 0.03).astype(int), (RNG.random(5000) < 0.03).astype(int)),
    ],
    ids=["sorted labels", "a wave", "rare events"],
)
def test_what_looks_alike_by_its_kind_is_no_copy(tmp_path: Path, given: np.ndarray, secret: np.ndarray) -> None:
    def series(inputs: Path, private: Path) -> None:
        np.save(inputs / "series.npy", given)
        np.save(private / "series.npy", secret)

    assert found(tmp_path, series) == (set(), set())
