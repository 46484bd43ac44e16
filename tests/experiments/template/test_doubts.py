"""What speaks against an evaluator or a seed before anything runs, and what is looked for in outputs."""

from __future__ import annotations

import pickle
import struct
import time

import pytest

from nightlab.experiments.template.doubts import BLIND, SAID, forged
from nightlab.experiments.template.loading import load
from tests.conftest import TOML, MakeTemplate

EVALUATE = "def evaluate({}):\n    return {}\n"


@pytest.mark.parametrize(
    ("given", "body", "against"),
    [
        ("out, private, split", "{'height': 1, 'cost': 1}", (BLIND,)),
        ("out, private, _split, seed=0", "{'height': seed}", (BLIND,)),
        ("out, private, part", "{'height': 1 if part == 'dev' else 2}", ()),
        ("out, private, split", "(lambda: {'height': len(split)})()", ()),
        ("out, private, split", "locals()", ()),
        ("*args", "{'height': len(args[2])}", ()),
        ("out, private, **more", "{'height': more['split']}", ()),
    ],
)
def test_an_evaluator_that_never_looks_at_its_split_has_one(
    make_template: MakeTemplate, given: str, body: str, against: tuple[str, ...]
) -> None:
    template = load(make_template(files={"evaluate.py": EVALUATE.format(given, body)}))
    assert template.doubts == against
    assert template.trust == ("reported" if against else "verified")


def test_an_author_can_say_that_metrics_are_reported(make_template: MakeTemplate) -> None:
    said = load(make_template({'entry = "evaluate:evaluate"': 'entry = "evaluate:evaluate"\ntrust = "reported"'}))
    assert (said.trust, said.doubts) == ("reported", (SAID,))


@pytest.mark.parametrize(
    ("run", "program", "used"),
    [
        ('entry = "experiment:run"', "def run(params, inputs, out, seed):\n    print(seed)\n", True),
        ('entry = "experiment:run"', "def run(params, inputs, out, seed):\n    seed_all(0)\n", False),
        ('entry = "experiment:run"', "def run(params, inputs, out, seed):\n    del seed\n", False),
        ('entry = "experiment:run"', "def run(params, inputs, out, number):\n    print(number)\n", True),
        ('entry = "experiment:run"', "def run(params, inputs, out, **more):\n    pass\n", True),
        ('command = ["python", "experiment.py", "--seed={seed}"]', "", True),
        ('command = ["sh", "-c", "python experiment.py $NIGHTLAB_SEED"]', "", True),
        ('command = ["python", "experiment.py"]', "import os\nos.environ['NIGHTLAB_SEED']\n", True),
        ('command = ["python", "experiment.py", "{{seed}}"]', "seed = 42\n", False),
    ],
)
def test_whether_a_program_is_seen_to_use_its_seed(
    make_template: MakeTemplate, run: str, program: str, used: bool
) -> None:
    toml = TOML.replace('entry = "experiment:run"', run)
    assert load(make_template(files={"template.toml": toml, "experiment.py": program})).uses_seed == used


def test_digits_without_end_take_no_time_without_end() -> None:
    started = time.process_time()
    assert forged({"hash": b"1" * 200_000 + b"a"}, [3.0]) is None
    assert time.process_time() - started < 2


def test_numbers_are_replaced_wherever_they_stand_and_no_others() -> None:
    outputs = {"a.json": b'{"x": 0.50, "y": 10.5, "z": [3, 33], "v3": "0.5"}', "b": struct.pack("<d", 0.5) + b"-0.5"}
    assert forged(outputs, [0.5, 3.0]) == {
        "a.json": b'{"x": 0.46875, "y": 10.5, "z": [4, 33], "v3": "0.46875"}',
        "b": struct.pack("<d", 0.46875) + b"-0.5",
    }
    assert forged(outputs, [0.5, 4.0]) is None
    assert forged({"pickle": pickle.dumps(0.3), "log": b"It is 0.3."}, [0.3]) == {
        "pickle": pickle.dumps(0.3 * 0.9375),
        "log": f"It is {0.3 * 0.9375}.".encode(),
    }
    assert forged({"large": b"0.5 " * 400_000}, [0.5]) is None
    assert forged({"endless": b"1" * 900_000 + b"a", "deep": b"1e" + b"1" * 90_000 + b"_"}, [0.5]) is None
