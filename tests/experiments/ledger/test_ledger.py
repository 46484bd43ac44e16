"""The ledger: claims before, settlements after, and nothing rewritten."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from nightlab.experiments.ledger import schema
from nightlab.experiments.ledger.calls import Answer, Call
from nightlab.experiments.ledger.ledger import Ledger, LedgerError, Settled, by_verdict, opened
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


def test_trials_that_settle_out_of_their_order_are_told_in_that_of_their_verdicts(ledger: Ledger) -> None:
    for number in range(4):
        ledger.claim(number, change(number / 4))
    for elapsed_s, number in enumerate((0, 2, 1)):
        ledger.settle(number, Settled(kind="kept", reason="better", numbers={}, elapsed_s=elapsed_s))
    assert [t.number for t in by_verdict(ledger.trials())] == [0, 2, 1]


def test_a_run_is_claimed_once_and_keeps_its_first_outcome(ledger: Ledger) -> None:
    run = ledger.claim_run("search", "1", 0, seed=7)
    assert run.outcome is None
    outcome = RunOutcome(
        status="ok", metrics={"dev": {"height": 0.25}}, notes=("not collected: a",), doubts=("it copies",)
    )
    ledger.settle_run(run.id, outcome)
    ledger.settle_run(run.id, RunOutcome(status="crash"))
    again = ledger.claim_run("search", "1", 0, seed=8)
    assert again.id == run.id
    assert again.seed == 7
    assert again.outcome == outcome


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
    with pytest.raises(LedgerError, match="schema 99; this nightlab reads schema 5"):
        Ledger(tmp_path / "study.db")


def call(stage: str) -> Call:
    return Call(
        role="coder", stage=stage, attempt=0, model="fake:x", prompt="coder", version="v", hash="h",
        tokens_estimated=100, usd_estimated=0.5,
    )  # fmt: skip


def test_calls_are_numbered_by_stage_and_settled_once(ledger: Ledger) -> None:
    first, _other, second = (ledger.calls.claim(call(stage)) for stage in ("trial 1", "trial 2", "trial 1"))
    ledger.calls.settle(second, Answer(outcome="ok", text="{}", tokens_in=7))
    ledger.calls.settle(second, Answer(outcome="timeout"))
    told = ledger.calls.all()
    assert [(c.stage, c.attempt) for c in told] == [("trial 1", 1), ("trial 2", 1), ("trial 1", 2)]
    assert told[0].id == first
    assert told[0].answer is None
    assert told[2].answer == Answer(outcome="ok", text="{}", tokens_in=7)


@pytest.fixture
def old_ledger(tmp_path: Path) -> Path:
    """A ledger as the first schema wrote it."""
    file = tmp_path / "old.db"
    db = sqlite3.connect(file)
    db.executescript((Path(__file__).parent / "schema-1.sql").read_text())
    db.close()
    return file


def test_a_ledger_of_the_first_schema_is_brought_up_to_date(old_ledger: Path) -> None:
    for _ in range(2):
        ledger = Ledger(old_ledger)
        (trial,) = ledger.trials()
        assert trial.verdict is not None
        assert trial.change.params == {"x": 0.5}
        assert ledger.document("study", "settings") == {"seed": 3, "trials": 5}
        assert [body["version"] for body in ledger.documents("schema").values()] == [1, 2, 3, 4, 5]
        ledger.calls.claim(call("trial 1"))
        ledger.close()
    assert len(Ledger(old_ledger).calls.all()) == 2


def test_a_migrated_ledger_has_the_tables_and_guards_of_a_new_one(old_ledger: Path, tmp_path: Path) -> None:
    def shape(file: Path) -> dict[str, list[tuple[object, ...]]]:
        Ledger(file).close()
        db = sqlite3.connect(file)
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master")]
        columns = {name: [row[1:4] for row in db.execute(f"PRAGMA table_info({name})")] for name in sorted(names)}
        db.close()
        return columns

    assert shape(old_ledger) == shape(tmp_path / "new.db")


def test_a_migration_that_is_cut_off_leaves_the_old_ledger(old_ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = schema.MIGRATIONS
    monkeypatch.setattr(schema, "MIGRATIONS", {**good, 1: (*good[1], "CREATE TABLE calls (x)")})
    with pytest.raises(LedgerError, match="already exists"):
        Ledger(old_ledger)
    monkeypatch.setattr(schema, "MIGRATIONS", good)
    ledger = Ledger(old_ledger)
    assert ledger.calls.all() == []
    ledger.close()


# Opened to be looked at


def test_looking_waits_for_no_writer_and_sees_what_was_committed(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    writer = Ledger(file)
    writer.once("study", "mode", "pipeline")
    held = sqlite3.connect(file, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    held.execute("INSERT INTO documents VALUES ('claim', 'claim', '1', 0)")
    began = time.monotonic()
    with opened(file, read_only=True) as looked:
        assert looked.document("study", "mode") == "pipeline"
        assert looked.document("claim", "claim") is None
        assert time.monotonic() - began < 1  # a writer waits 30 s for another one
        held.execute("COMMIT")
        assert looked.document("claim", "claim") == 1
    held.close()
    writer.close()


def test_looking_changes_no_byte_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    with opened(file) as ledger:
        ledger.once("study", "mode", "pipeline")
    before = file.read_bytes()
    with opened(file, read_only=True) as looked:
        with pytest.raises(sa.exc.OperationalError, match="readonly"):
            looked.once("claim", "claim", 1)
        assert looked.trials() == []
    assert file.read_bytes() == before


def test_an_older_ledger_is_read_as_it_is(old_ledger: Path) -> None:
    before = old_ledger.read_bytes()
    with opened(old_ledger, read_only=True) as looked:
        (trial,) = looked.trials()
        assert trial.change.params == {"x": 0.5}
        assert looked.calls.all() == []
        assert list(looked.events()) == []
        assert [run.outcome.notes for run in looked.runs() if run.outcome] == [()] * len(looked.runs())
        assert looked.document("study", "settings") == {"seed": 3, "trials": 5}
        assert looked.stamps(0, float("inf"))
    assert old_ledger.read_bytes() == before


@pytest.mark.parametrize("name", ["a b", "100%", "what?", "a#b", "it's", "ü"])
def test_any_folder_can_be_looked_into(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with opened(tmp_path / name / "study.db") as ledger:
        ledger.once("study", "mode", "pipeline")
    with opened(tmp_path / name / "study.db", read_only=True) as looked:
        assert looked.document("study", "mode") == "pipeline"


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to be read as one" * 20])
def test_what_is_no_ledger_cannot_be_looked_at(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "study.db"
    file.write_bytes(content)
    with pytest.raises(LedgerError, match=r"study\.db"):
        Ledger(file, read_only=True)
    assert file.read_bytes() == content


def test_a_ledger_of_a_later_schema_cannot_be_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    with opened(file) as ledger:
        ledger.once("schema", "version 99", {"version": 99})
    with pytest.raises(LedgerError, match="schema 99; this nightlab reads schema"):
        Ledger(file, read_only=True)
