"""What a template's author meets on the command line: parameters that arrive or not, trust, seeds, lines, outputs."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.command_line import nightlab
from tests.conftest import EXPERIMENT, TOML, MakeTemplate

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
    assert "[run.command] names other knobs and not {y}" in told
    assert body["best"]["mean"] < body["baseline"]["mean"]
    assert "unread" not in told


def test_knobs_that_do_not_arrive_are_told_with_what_to_do(make_template: MakeTemplate) -> None:
    body, told = experiment(of_a_program(make_template, "--seed={seed}"))
    (note,) = [note for note in body["notes"] if "seem to be unread" in note]
    assert "No word of the command holds a knob: write its name in braces" in note
    assert told.count("The parameters seem to be unread, or without effect") >= 2  # on the way, and in the end


COPIES = """\
import json


def evaluate(out, private, split):
    found = json.loads((out / "answer.json").read_text())
    return {"height": found["height"], "cost": found["cost"], "seconds": hash(split), "log": None, "odd name": 1}
"""


def test_an_evaluator_that_is_no_judge_is_nowhere_called_one(make_template: MakeTemplate) -> None:
    folder = make_template(files={"evaluate.py": COPIES})
    body, told = experiment(folder)
    assert body["trust"] == "reported"
    assert (body["claim"] or {"split": "dev"})["split"] == "dev"
    assert "the evaluator hands back a number that the experiment wrote" in told
    assert "the evaluator gives the same objective and constraints on both splits" in told
    assert not re.search("verified|sealed|holdout(?! *[;.])", told.replace("so there is no holdout", "")), told
    listed = nightlab("trials", body["study"], "--trial", 1, cwd=folder.parent).stdout
    assert "the metric 'odd name' is no name for a metric" in listed


def test_a_program_that_fixes_its_own_seed_is_not_exact(make_template: MakeTemplate) -> None:
    body, told = experiment(of_a_program(make_template, "--x={x}"))
    assert any("not seen to use the seed that it is given" in note for note in body["notes"])
    assert "exact" not in told.replace("--exact", "")


def test_outputs_that_nobody_reads_are_listed_and_fail_no_run(make_template: MakeTemplate) -> None:
    litter = EXPERIMENT + "    (out / '.hydra').mkdir()\n    (out / 'last').symlink_to('answer.json')\n"
    folder = make_template(files={"experiment.py": litter})
    body, _ = experiment(folder)
    assert (body["failed"], body["trust"]) == (0, "verified")
    listed = nightlab("trials", body["study"], "--trial", 1, cwd=folder.parent).stdout
    assert "not collected: last is no plain file with one link" in listed
    assert "not collected: .hydra has a name" in listed
