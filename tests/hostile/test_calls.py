"""Hostile candidates of a judge that calls them: each is judged right at the levels that confine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nightlab.experiments.executors.local.isolation.sandbox import LEVELS, probe
from nightlab.experiments.records import Level
from tests.hostile import ROOT, USERS_AND_LEVELS
from tests.hostile.calls.programs import ALL

HOME = Path(__file__).resolve().parents[2]


def test_there_are_enough() -> None:
    assert len({program.name for program in ALL}) == len(ALL) >= 60


@pytest.mark.parametrize(("user", "level"), USERS_AND_LEVELS)
def test_hostile_candidates_are_judged_right(user: str, level: Level) -> None:
    if LEVELS.index(probe()) < LEVELS.index(level):
        pytest.skip(f"this machine isolates at {probe()} only")
    if user == "root" and not ROOT:
        pytest.skip("the tests do not run as root")
    command = [sys.executable, "-m", "tests.hostile.calls.driver", level]
    if user == "ordinary" and ROOT:
        command = [sys.executable, "-m", "tests.hostile.as_user", *command]
    driver = subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=300, check=False)
    assert driver.returncode == 0, driver.stderr
    report = json.loads(driver.stdout)
    assert report["programs"] >= 60
    assert report["failures"] == {}
