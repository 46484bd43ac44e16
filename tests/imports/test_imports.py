"""Folders of other systems are imported, checked and studied as they are, or refused with the right word.

The gate tries some of them; NIGHTLAB_ALL_IMPORTS=1, or `make imports`, all.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import nightlab
from nightlab.cli import app
from nightlab.experiments.template.knobs.derived import derived
from nightlab.experiments.template.loading import load
from tests.doors.test_doors import state
from tests.imports.adas_folders import ADAS
from tests.imports.aide_folders import AIDE
from tests.imports.autoresearch_folders import AUTORESEARCH
from tests.imports.case import Case, laid_out
from tests.imports.openevolve_folders import OPENEVOLVE
from tests.imports.scientist_folders import SCIENTIST
from tests.imports.shinka_folders import SHINKA

ALL = bool(os.environ.get("NIGHTLAB_ALL_IMPORTS"))
KINDS = (OPENEVOLVE, SHINKA, SCIENTIST, AUTORESEARCH, AIDE, ADAS)
CASES = {f"{case.kind}, {name}": case for cases in KINDS for name, case in cases.items()}
TRIED = {name: case for name, case in CASES.items() if ALL or case.fast}
GOOD = [name for name, case in TRIED.items() if not case.refused]
REFUSED = [name for name, case in TRIED.items() if case.refused]
TRIALS = 5 if ALL else 2


def imported(case: Case, folder: Path, *more: str) -> tuple[int, dict[str, Any]]:
    out = ("--out", str(folder.parent / "template"), "--yes", "--json")
    options = [word.replace("{folder}", str(folder)) for word in case.options]
    done = CliRunner().invoke(app, ["import", case.kind, str(folder), *options, *out, *more])
    assert done.stdout, done.output
    return done.exit_code, json.loads(done.stdout.splitlines()[-1])


def scripted(case: Case, template: Path, place: Path) -> str:
    """A model that puts other values into the program, one a trial."""
    file, old, values = case.turned
    text = (template / file).read_text()
    with (place / "script.jsonl").open("w") as script:
        for value in values:
            edits = [{"file": file, "search": "", "replace": text.replace(old, value)}]
            answer = {"hypothesis": f"{value} is nearer", "strategy": "edit", "edits": edits}
            script.write(json.dumps({"role": "coder", "answer": answer}) + "\n")
    return f"fake:{place / 'script.jsonl'}"


@pytest.mark.parametrize("name", GOOD)
def test_a_folder_is_imported_and_studied(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    folder = laid_out(case, tmp_path)
    before = state(folder)
    code, body = imported(case, folder, *(() if ALL else ("--no-check",)))
    assert code == 0, body.get("findings") or body
    assert (body["trust"], body["metric"]) == (case.trust, case.metric), body
    assert any(case.told in note for note in body["notes"]), body["notes"]
    template = load(body["template"])
    assert bool(template.knobs or derived(template)) or case.turned[0]
    model = {"model": scripted(case, template.folder, tmp_path)} if case.turned[0] else {}
    few = {"trials": TRIALS, "seeds": 2, "confirm_seeds": 2, "workers": 2}
    study = nightlab.experiment(template.folder, out=tmp_path / "out", **few, **model)
    assert (study["trials"], study["trust"]) == (TRIALS, case.trust)
    assert study["failed"] < TRIALS
    assert state(folder) == before


@pytest.mark.parametrize("name", REFUSED)
def test_a_folder_is_refused_with_the_right_word(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    folder = laid_out(case, tmp_path)
    code, body = imported(case, folder)
    assert code == 2
    assert case.refused in body["error"]
    assert sorted(path.name for path in tmp_path.iterdir()) == [folder.name]
