"""Foreign folders are adopted and studied without an edit, or refused with the right word; nothing of them changes.

The gate tries some of them; NIGHTLAB_ALL_DOORS=1, or `make doors`, all.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import nightlab
from nightlab.cli import app
from nightlab.experiments.template.loading import load
from tests.doors.folders import DOORS, Door

ALL = bool(os.environ.get("NIGHTLAB_ALL_DOORS"))
TRIED = {name: door for name, door in DOORS.items() if ALL or door.fast}
GOOD = [name for name, door in TRIED.items() if not door.refused]
REFUSED = [name for name, door in TRIED.items() if door.refused]


def state(folder: Path) -> dict[str, Any]:
    """Every file by its path: its kind, mode, time and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        content = path.read_bytes() if path.is_file() and about.st_size < 1 << 20 else b""
        found[str(path.relative_to(folder))] = (about.st_mode, about.st_mtime_ns, hashlib.sha256(content).hexdigest())
    return found


def laid_out(door: Door, place: Path) -> Path:
    folder = place / "Ihr Projekt"
    for name, content in door.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content.replace("{marker}", str(place / "deployed")))
    door.more(folder)
    return folder


def adopted(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    out = ("--out", str(folder.parent / "template"), "--yes", "--json")
    done = CliRunner().invoke(app, ["adopt", str(folder), *options, *out])
    assert done.stdout, done.output
    return done.exit_code, json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", GOOD)
def test_a_folder_is_adopted_and_studied(name: str, tmp_path: Path) -> None:
    door = DOORS[name]
    folder = laid_out(door, tmp_path)
    before = state(folder)
    code, body = adopted(folder, *door.options, *(() if ALL else ("--no-check",)))
    assert code == 0, body
    assert tuple(body["knobs"]) == door.knobs
    assert any(door.told in note for note in body["notes"])
    study = nightlab.experiment(body["template"], out=tmp_path / "out", trials=3, seeds=2, confirm_seeds=2, workers=2)
    assert (study["trials"], study["failed"]) == (3, 0)
    assert state(folder) == before


@pytest.mark.parametrize("name", REFUSED)
def test_a_folder_is_refused_with_the_right_word(name: str, tmp_path: Path) -> None:
    door = DOORS[name]
    folder = laid_out(door, tmp_path)
    before = state(folder)
    code, body = adopted(folder, *door.options)
    assert code == 2
    assert door.refused in body["error"]
    assert state(folder) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name]


def test_what_is_in_the_code_becomes_a_range_by_the_rule(tmp_path: Path) -> None:
    door = DOORS["argparse"]
    _, body = adopted(laid_out(door, tmp_path), *door.options, "--no-check")
    space = load(body["template"]).spec.search.space
    assert (space["lr"].default, space["lr"].low, space["lr"].high) == (0.1, pytest.approx(0.01), 1.0)
    assert (space["layers"].type, space["layers"].low, space["layers"].high) == ("int", 1, 8)
    assert space["opt"].choices == ("adam", "sgd")
    assert space["fast"].texts == ("", "--fast")
