"""Hostile programs at the levels that confine, as root and as an ordinary user."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nightlab.experiments.executors.local.isolation.sandbox import LEVELS, probe
from nightlab.experiments.records import Level
from tests.hostile import ROOT, USERS_AND_LEVELS
from tests.hostile.programs import ALL

HOME = Path(__file__).resolve().parents[2]


def test_there_are_enough() -> None:
    assert len({program.name for program in ALL}) == len(ALL) >= 220


def test_what_is_not_contained_is_named() -> None:
    told = (HOME / "docs" / "isolation.md").read_text(encoding="utf-8")
    left_out = [program.name for program in ALL if program.root_only or len(program.levels) < 2]
    assert left_out
    assert [name for name in left_out if f'"{name}"' not in told] == []


# The gate runs each program once, every other one at S2 where it is contained there; `make hostile` runs all at both.
AT_S2 = [program.name for program in ALL[1::2] if "S2" in program.levels and not program.root_only]
AT_S3 = [program.name for program in ALL if program.name not in AT_S2 and (ROOT or not program.root_only)]


@pytest.mark.parametrize(
    ("names", "user", "level"),
    [(AT_S3, "root" if ROOT else "ordinary", "S3"), (AT_S2, "ordinary", "S2")],
    ids=["S3", "S2"],
)
def test_each_hostile_program_gets_nothing_at_a_level(names: list[str], user: str, level: Level) -> None:
    report = driven(user, level, names)
    assert report["programs"] == len(names) >= 100
    assert report["failures"] == {}


@pytest.mark.long
@pytest.mark.parametrize(("user", "level"), USERS_AND_LEVELS)
def test_hostile_programs_get_nothing(user: str, level: Level) -> None:
    report = driven(user, level, [])
    assert report["programs"] >= 200
    assert report["failures"] == {}


def driven(user: str, level: Level, names: list[str]) -> dict[str, Any]:
    """The report of the driver on some programs, or on all where none is named."""
    if LEVELS.index(probe()) < LEVELS.index(level):
        pytest.skip(f"this machine isolates at {probe()} only")
    if user == "root" and not ROOT:
        pytest.skip("the tests do not run as root")
    command = [sys.executable, "-m", "tests.hostile.driver", level, *names]
    if user == "ordinary" and ROOT:
        command = [sys.executable, "-m", "tests.hostile.as_user", *command]
    try:
        driver = subprocess.run(command, cwd=HOME, capture_output=True, text=True, timeout=900, check=False)
    except subprocess.TimeoutExpired as late:
        pytest.fail(f"it took longer than {late.timeout} s; wrong were: {(late.stderr or b'none').decode()}")
    assert driver.returncode == 0, driver.stderr
    report: dict[str, Any] = json.loads(driver.stdout)
    return report
