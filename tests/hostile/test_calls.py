"""Hostile candidates of a judge that calls them: each is judged right at the levels that confine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nightlab.experiments.executors.local.isolation.sandbox import LEVELS, probe
from nightlab.experiments.records import Level
from tests.hostile.calls.programs import ALL

ROOT = Path(__file__).resolve().parents[2]
IN_THE_GATE = [("root", "S3"), ("ordinary", "S2")]  # the others by `make hostile`


def test_there_are_enough() -> None:
    assert len({program.name for program in ALL}) == len(ALL) >= 60


@pytest.mark.parametrize("level", ["S3", "S2"])
@pytest.mark.parametrize("user", ["root", "ordinary"])
def test_hostile_candidates_are_judged_right(user: str, level: Level) -> None:
    if LEVELS.index(probe()) < LEVELS.index(level):
        pytest.skip(f"this machine isolates at {probe()} only")
    root = os.geteuid() == 0
    if user == "root" and not root:
        pytest.skip("the tests do not run as root")
    if root and (user, level) not in IN_THE_GATE and not os.environ.get("NIGHTLAB_ALL_HOSTILE"):
        pytest.skip("make hostile runs it")
    command = [sys.executable, "-m", "tests.hostile.calls.driver", level]
    if user == "ordinary" and root:
        command = [sys.executable, "-m", "tests.hostile.as_user", *command]
    driver = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert driver.returncode == 0, driver.stderr
    report = json.loads(driver.stdout)
    assert report["programs"] >= 60
    assert report["failures"] == {}
