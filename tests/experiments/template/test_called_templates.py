"""Templates whose judge calls the candidate, all the way: from a command to a claim that is confirmed."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

import nightlab
from nightlab.cli import app
from nightlab.experiments.study.study import read

ROOT = Path(__file__).parents[3]
OPTIONS = ["--trials", "2", "--seeds", "1", "--confirm-seeds", "6", "--workers", "2", "--json"]
TIMED = {
    "template.toml": """\
[template]
name = "sorting"
title = "A faster sort"
description = "Sort numbers in as little time as possible."
[artifact]
editable = ["sort.py"]
[run]
entry = "sort:start"
timeout_s = 20
[evaluate]
interactive = "judge:judge"
[objective]
metric = "milliseconds"
direction = "minimize"
interleaved = true
[[constraint]]
metric = "wrong"
max = 0
[search.space.way]
type = "choice"
strategy = "way"
choices = ["bubbles", "built in"]
default = "bubbles"
""",
    "sort.py": """\
WAY = {}


def start(params, inputs, out, seed):
    WAY["way"] = params["way"]


def work(numbers):
    if WAY["way"] == "built in":
        return sorted(numbers)
    for end in range(len(numbers), 1, -1):
        for n in range(1, end):
            if numbers[n - 1] > numbers[n]:
                numbers[n - 1], numbers[n] = numbers[n], numbers[n - 1]
    return numbers
""",
    "judge.py": """\
import random


def judge(candidate, private, split, seed):
    draw, wrong, taken = random.Random(f"{split} {seed}"), 0, []
    for _ in range(9):
        numbers = [draw.random() for _ in range(400)]
        wrong += candidate.call("work", numbers, returns=list) != sorted(numbers)
        taken.append(candidate.seconds)
    return {"milliseconds": 1000 * min(taken), "wrong": wrong}
""",
}


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template of the documentation's section."""
    folder = tmp_path_factory.mktemp("documented")
    text = (ROOT / "docs" / "template.md").read_text(encoding="utf-8").partition("## A judge that calls your code")[2]
    (folder / "template.toml").write_text(re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0])
    for name, code in re.findall(r"```python\n# (\w+\.py)(.*?)```", text, re.DOTALL):
        (folder / name).write_text(f"#{code}")
    return folder


def test_the_documented_example_comes_to_a_claim(documented: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["experiment", str(documented), "--out", str(tmp_path), *OPTIONS])
    assert done.exit_code == 0, done.output
    told = json.loads(done.output.splitlines()[-1])
    assert (told["trust"], told["failed"]) == ("verified", 0)
    assert told["claim"]["split"] == "holdout"
    assert told["claim"]["significant"], told["claim"]
    assert told["best"]["params"]["lean"] < 0.5


def test_a_function_is_timed_by_its_judge(tmp_path: Path) -> None:
    folder = tmp_path / "template"
    folder.mkdir()
    for name, text in TIMED.items():
        (folder / name).write_text(text)
    told = nightlab.experiment(folder, out=tmp_path / "studies", trials=1, seeds=1, confirm_seeds=6, workers=1)
    assert told["best"]["params"] == {"way": "built in"}
    assert told["claim"]["significant"], told["claim"]
    with closing(read(Path(told["study"]))) as study:
        runs = [run.outcome for run in study.ledger.runs() if run.outcome]
    assert {(outcome.status, outcome.trust) for outcome in runs} == {("ok", "verified")}
    assert all(0 < table["milliseconds"] < 1000 * run.wall_s for run in runs for table in run.metrics.values())
