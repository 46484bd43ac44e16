"""The words of a command, with what stands in them for something else."""

from __future__ import annotations

import json

import pytest

from nightlab.experiments.executors.local.inside.words import filled
from nightlab.experiments.template.command import named, pieces, text

VALUES = {"lr": "0.1", "mode": "{out}", "seed": "7", "out": "/lab/out"}


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("{lr}", "0.1"),
        ("--lr={lr}", "--lr=0.1"),
        ("model.lr={lr},seed={seed}", "model.lr=0.1,seed=7"),
        ("--mode={mode}", "--mode={out}"),  # a value is not read again
        ("--name={{lr}}-{lr}", "--name={lr}-0.1"),
        ("{{other}}", "{other}"),
        ('{"optimizer": {"lr": {lr}}}', '{"optimizer": {"lr": 0.1}}'),
        ("python t.py --lr {lr} > {out}/log", "python t.py --lr 0.1 > /lab/out/log"),
        ("echo ${seed} ${HOME}", "echo ${seed} ${HOME}"),
        ("awk '{print $1}' f{1..3} {a,b} x{2}", "awk '{print $1}' f{1..3} {a,b} x{2}"),
        ("print(f'{{x}} {x}', {lr})", "print(f'{{x}} {x}', 0.1)"),
    ],
)
def test_names_in_braces_are_filled_in_any_part_of_a_word(word: str, expected: str) -> None:
    assert filled(json.loads(json.dumps(pieces(word))), VALUES) == expected


def test_a_number_reads_as_itself_again() -> None:
    for value in (0.1, 1e-05, 1 / 3, 1e22, 2.0):
        assert float(text(value)) == value
    assert (text(3), text("a b")) == ("3", "a b")


def test_what_a_word_names() -> None:
    assert list(named("--lr={lr} {{x}} ${y} {3} {z_1}")) == ["lr", "z_1"]
