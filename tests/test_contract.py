"""What a template's author meets on the command line: parameters that arrive or not, trust, seeds, lines, outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.conftest import TOML, MakeTemplate
from tests.test_cli import nightlab

PROGRAM = """\
import random, sys
given = dict(word.lstrip("-").split("=") for word in sys.argv[1:])
random.seed(given.get("seed", "1"))
print("height:", (float(given.get("x", 0.1)) - 0.7) ** 2 + random.gauss(0, 0.01))
"""
BARE = TOML.replace('[data]\nprepare = "prepare:prepare"\n', "").replace(
    '[[constraint]]\nmetric = "cost"\nmax = 1.5\npenalty = 10.0\n', ""
)
PRINTED = BARE.replace('entry = "evaluate:evaluate"', 'parse = "stdout"').replace(
    "confirm_seeds = 6", "confirm_seeds = 3"
)


def experiment(folder: Path, *more: object) -> tuple[dict[str, Any], str]:
    """What an experiment on a template comes to, and what it tells on the way."""
    done = nightlab("experiment", folder, "--trials", 4, "--seeds", 2, "--json", *more, cwd=folder.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1]), done.stdout + done.stderr


def of_a_program(make_template: MakeTemplate, *words: str, program: str = PROGRAM) -> Path:
    command = json.dumps(["python", "experiment.py", *words])
    toml = PRINTED.replace('entry = "experiment:run"', f"command = {command}")
    return make_template(files={"template.toml": toml, "experiment.py": program})


def test_knobs_arrive_where_a_word_names_them(make_template: MakeTemplate) -> None:
    body, told = experiment(of_a_program(make_template, "--x={x}", "seed={seed}"))
    assert body["best"]["mean"] < body["baseline"]["mean"]
    assert "unread" not in told


def test_knobs_that_do_not_arrive_are_told_with_what_to_do(make_template: MakeTemplate) -> None:
    body, told = experiment(of_a_program(make_template, "--seed={seed}"))
    (note,) = [note for note in body["notes"] if "seem to be unread" in note]
    assert "No word of the command holds a knob: write its name in braces" in note
    assert told.count("The parameters seem to be unread, or without effect") >= 2  # on the way, and in the end
