"""The ledger: claims before, settlements after, and nothing rewritten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightlab.experiments.ledger import Ledger, LedgerError, Settled
from nightlab.experiments.records import Change, RunOutcome


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger(tmp_path / "study.db")
    yield opened
    opened.close()


def change(x: float) -> Change:
    return Change(strategy="east", hypothesis="h", params={"x": x}, artifact="abc", parent=None, proposer="test")


def test_a_claimed_trial_wins_over_a_replay(ledger: Ledger) -> None:
    assert ledger.claim(1, change(0.5)).change.params == {"x": 0.5}
    assert ledger.claim(1, change(0.9)).change.params == {"x": 0.5}
    assert len(ledger.trials()) == 1


def test_the_first_verdict_stands(ledger: Ledger) -> None:
    ledger.claim(1, change(0.5))
    ledger.settle(1, Settled(kind="kept", reason="better", numbers={"difference": 1.0}))
    ledger.settle(1, Settled(kind="reverted", reason="worse", numbers={}))
    (trial,) = ledger.trials()
    assert trial.verdict is not None
    assert (trial.verdict.kind, trial.verdict.numbers) == ("kept", {"difference": 1.0})


def test_a_run_is_claimed_once_and_keeps_its_first_outcome(ledger: Ledger) -> None:
    run = ledger.claim_run("search", "1", 0, seed=7)
    assert run.outcome is None
    ledger.settle_run(run.id, RunOutcome(status="ok", metrics={"dev": {"height": 0.25}}))
    ledger.settle_run(run.id, RunOutcome(status="crash"))
    again = ledger.claim_run("search", "1", 0, seed=8)
    assert again.id == run.id
    assert again.seed == 7
    assert again.outcome is not None
    assert again.outcome.metrics == {"dev": {"height": 0.25}}


def test_documents_are_written_once_and_come_in_order(ledger: Ledger) -> None:
    assert ledger.document("claim", "x") is None
    assert ledger.once("claim", "b", {"n": 1}) == {"n": 1}
    assert ledger.once("claim", "b", {"n": 2}) == {"n": 1}
    ledger.once("claim", "a", {"n": 3})
    assert list(ledger.documents("claim")) == ["b", "a"]


@pytest.mark.parametrize("statement", ["UPDATE documents SET body = 'x'", "DELETE FROM documents", "DELETE FROM runs"])
def test_rows_are_never_rewritten(ledger: Ledger, statement: str) -> None:
    ledger.once("study", "settings", {})
    ledger.claim_run("search", "1", 0, seed=7)
    with sqlite3.connect(ledger.file) as db, pytest.raises(sqlite3.IntegrityError, match="never rewritten"):
        db.execute(statement)
    db.close()


def test_numbers_that_are_no_numbers_are_refused(ledger: Ledger) -> None:
    with pytest.raises(ValueError, match="JSON"):
        ledger.once("claim", "x", {"effect": float("nan")})


def test_a_file_that_is_no_ledger_is_told(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    file.write_bytes(b"not a database at all, but long enough to be read as one" * 20)
    with pytest.raises(LedgerError, match=r"study\.db: no readable ledger"):
        Ledger(file)


def test_a_ledger_of_another_schema_is_refused(tmp_path: Path) -> None:
    Ledger(tmp_path / "study.db").close()
    with sqlite3.connect(tmp_path / "study.db") as db:
        db.execute("DROP TRIGGER documents_no_update")
        db.execute("UPDATE documents SET body = '{\"version\": 99}'")
    db.close()
    with pytest.raises(LedgerError, match="schema 99; this nightlab reads schema 1"):
        Ledger(tmp_path / "study.db")
