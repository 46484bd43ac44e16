"""A finished study verifies; of one that was altered anywhere verifying says so."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from typer.testing import CliRunner

from nightlab.cli import app
from nightlab.experiments.ledger.storage import opened
from nightlab.verification import rows
from nightlab.verification.verify import verify
from tests.tamper import small
from tests.tamper.alterations import ALTERATIONS, relink, unguarded


def test_a_clean_study_verifies(study: Path) -> None:
    assert list(verify(study)) == []


def test_every_alteration_is_found(study: Path, tmp_path: Path) -> None:
    """One of each kind; `make tamper` has more."""
    missed = []
    for seed, kind in enumerate(ALTERATIONS):
        to, told = small.altered(study, tmp_path / "altered", kind, seed)
        if not small.wrong(to):
            missed.append(told)
    assert missed == []


def test_a_ledger_without_a_chain_has_a_warning_alone(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, to := tmp_path / "early")
    with unguarded(to) as db:
        db.execute("DELETE FROM chain")
    with opened(to, read_only=True) as ledger:
        assert [f.severity for f in rows.chain(ledger)] == ["warning"]


def test_a_study_of_another_version_has_its_facts_and_its_seal_checked(study: Path, tmp_path: Path) -> None:
    """Nothing that only a change of nightlab made different counts as an error; what a forger made does."""
    shutil.copytree(study, to := tmp_path / "older")
    with unguarded(to) as db:
        db.execute("UPDATE documents SET body = replace(body, 'code', 'other') WHERE kind = 'environment'")
        relink(db)
    assert {f.kind for f in verify(to) if f.severity == "error"} == {"seal"}


def test_a_problem_is_a_line_and_an_exit_code(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, to := tmp_path / "altered")
    (to / "paper" / "trials.csv").write_text("trial\n")
    (to / "template" / "evaluate.py").unlink()
    for options in ((), ("--json",)):
        done = CliRunner().invoke(app, ["verify", str(to), *options])
        assert done.exit_code == 1, done.stderr
    body = json.loads(done.stdout.splitlines()[-1])
    assert not body["ok"]
    assert [(f["kind"], f["where"]) for f in body["findings"]] == [
        ("hash", "template/evaluate.py"),
        ("hash", "paper/trials.csv"),
    ]
