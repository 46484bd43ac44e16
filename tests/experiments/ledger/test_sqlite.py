"""Ledgers in SQLite: what they promise beyond the contract of storages; older schemas."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from nightlab.experiments.ledger.chain import KEYS
from nightlab.experiments.ledger.events import Note
from nightlab.experiments.ledger.ledger import Ledger, LedgerError
from nightlab.experiments.ledger.sqlite import layout, schema
from nightlab.experiments.ledger.sqlite.ledger import SqliteLedger
from nightlab.experiments.ledger.storage import opened
from tests.experiments.ledger.storage_contract import WRITES, call


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = SqliteLedger(tmp_path / "study.db")
    yield opened
    opened.close()


@pytest.mark.parametrize("statement", ["UPDATE documents SET body = 'x'", "DELETE FROM documents", "DELETE FROM runs"])
def test_rows_are_never_rewritten(ledger: Ledger, statement: str) -> None:
    ledger.once("study", "settings", {})
    ledger.claim_run("search", "1", 0, seed=7)
    with sqlite3.connect(ledger.place) as db, pytest.raises(sqlite3.IntegrityError, match="never rewritten"):
        db.execute(statement)
    db.close()


def test_a_file_that_is_no_ledger_is_told(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    file.write_bytes(b"not a database at all, but long enough to be read as one" * 20)
    with pytest.raises(LedgerError, match=r"study\.db: no readable ledger"):
        SqliteLedger(file)


def test_a_ledger_of_another_schema_is_refused(tmp_path: Path) -> None:
    SqliteLedger(tmp_path / "study.db").close()
    with sqlite3.connect(tmp_path / "study.db") as db:
        db.execute("DROP TRIGGER documents_no_update")
        db.execute("UPDATE documents SET body = '{\"version\": 99}'")
    db.close()
    with pytest.raises(LedgerError, match="schema 99; this nightlab reads schema 6"):
        SqliteLedger(tmp_path / "study.db")


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
        ledger = SqliteLedger(old_ledger)
        (trial,) = ledger.trials()
        assert trial.verdict is not None
        assert trial.change.params == {"x": 0.5}
        assert ledger.document("study", "settings") == {"seed": 3, "trials": 5}
        assert [body["version"] for body in ledger.documents("schema").values()] == [1, 2, 3, 4, 5, 6]
        ledger.calls.claim(call("trial 1"))
        ledger.close()
    assert len(SqliteLedger(old_ledger).calls.all()) == 2


def test_a_migrated_ledger_has_the_tables_and_guards_of_a_new_one(old_ledger: Path, tmp_path: Path) -> None:
    def shape(file: Path) -> dict[str, list[tuple[object, ...]]]:
        SqliteLedger(file).close()
        db = sqlite3.connect(file)
        names = [name for (name,) in db.execute("SELECT name FROM sqlite_master")]
        columns = {name: [row[1:4] for row in db.execute(f"PRAGMA table_info({name})")] for name in sorted(names)}
        db.close()
        return columns

    assert shape(old_ledger) == shape(tmp_path / "new.db")


def test_a_migration_that_is_cut_off_leaves_the_old_ledger(old_ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = layout.MIGRATIONS
    monkeypatch.setattr(layout, "MIGRATIONS", {**good, 1: (*good[1], "CREATE TABLE calls (x)")})
    with pytest.raises(LedgerError, match="already exists"):
        SqliteLedger(old_ledger)
    monkeypatch.setattr(layout, "MIGRATIONS", good)
    ledger = SqliteLedger(old_ledger)
    assert ledger.calls.all() == []
    ledger.close()


# Opened to be looked at


def test_looking_waits_for_no_writer_and_sees_what_was_committed(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    writer = SqliteLedger(file)
    writer.once("study", "mode", "pipeline")
    held = sqlite3.connect(file, isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    held.execute("INSERT INTO documents VALUES ('claim', 'claim', '1', 0)")
    began = time.monotonic()
    with opened(tmp_path, read_only=True) as looked:
        assert looked.document("study", "mode") == "pipeline"
        assert looked.document("claim", "claim") is None
        assert time.monotonic() - began < 1  # a writer waits 30 s for another one
        held.execute("COMMIT")
        assert looked.document("claim", "claim") == 1
    held.close()
    writer.close()


def test_looking_changes_no_byte_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    with opened(tmp_path) as ledger:
        ledger.once("study", "mode", "pipeline")
    before = file.read_bytes()
    with opened(tmp_path, read_only=True) as looked:
        assert looked.trials() == []
    assert file.read_bytes() == before


def test_an_older_ledger_is_read_as_it_is(old_ledger: Path) -> None:
    before = old_ledger.read_bytes()
    with closing(SqliteLedger(old_ledger, read_only=True)) as looked:
        (trial,) = looked.trials()
        assert trial.change.params == {"x": 0.5}
        assert looked.calls.all() == []
        assert list(looked.events()) == []
        assert [run.outcome.notes for run in looked.runs() if run.outcome] == [()] * len(looked.runs())
        assert looked.document("study", "settings") == {"seed": 3, "trials": 5}
        assert looked.stamps(0, float("inf"))
    assert old_ledger.read_bytes() == before


def test_whoever_looks_at_an_older_ledger_sees_what_comes_after_its_migration(old_ledger: Path) -> None:
    with closing(SqliteLedger(old_ledger, read_only=True)) as looked:
        assert list(looked.events()) == []
        with closing(SqliteLedger(old_ledger)) as ledger:
            ledger.tell(Note(note="began again"), "begin")
        assert [event.told for event in looked.events()] == [Note(note="began again")]


@pytest.mark.parametrize("name", ["a b", "100%", "what?", "a#b", "it's", "ü"])
def test_any_folder_can_be_looked_into(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with opened(tmp_path / name) as ledger:
        ledger.once("study", "mode", "pipeline")
    with opened(tmp_path / name, read_only=True) as looked:
        assert looked.document("study", "mode") == "pipeline"


@pytest.mark.parametrize("content", [b"", b"not a database at all, but long enough to be read as one" * 20])
def test_what_is_no_ledger_cannot_be_looked_at(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "study.db"
    file.write_bytes(content)
    with pytest.raises(LedgerError, match=r"study\.db"):
        SqliteLedger(file, read_only=True)
    assert file.read_bytes() == content


def test_a_ledger_of_a_later_schema_cannot_be_looked_at(tmp_path: Path) -> None:
    file = tmp_path / "study.db"
    with opened(tmp_path) as ledger:
        ledger.once("schema", "version 99", {"version": 99})
    with pytest.raises(LedgerError, match="schema 99; this nightlab reads schema"):
        SqliteLedger(file, read_only=True)


# The chain


def test_every_table_is_chained() -> None:
    assert set(KEYS) == set(schema.metadata.tables) - {"chain"}


def test_the_chain_of_an_older_ledger_begins_with_all_that_was_there(old_ledger: Path) -> None:
    with closing(SqliteLedger(old_ledger)) as ledger:
        first, second = ledger.links()
        assert (first.table, first.number, second.key) == ("", 1, '["schema","version 6"]')
        ledger.once("claim", "a", 1)
        assert ledger.faults() == []
        assert len(list(ledger.links())) == 3


CHANGES = {  # in the words of SQLite -> what is told
    "UPDATE outcomes SET metrics = '[]'": "outcomes",
    "UPDATE trials SET params = '{\"x\":0.25}'": "trials",
    "UPDATE documents SET body = '1' WHERE kind = 'claim'": "documents",
    "UPDATE events SET told_at = told_at + 1": "events",
    "DELETE FROM verdicts": "verdicts",
    "DELETE FROM chain WHERE number = 3": "link 3",
    "DELETE FROM runs": "runs",
    "UPDATE chain SET hash = 'a' WHERE number = 4": "link 4",
    "UPDATE answers SET text = text || ' '": "answers",
    "INSERT INTO documents VALUES ('claim', 'b', '1', 0)": "no link",
    "UPDATE runs SET claimed_at = claimed_at + 1e-6": "runs",
}


@pytest.mark.parametrize("statement", CHANGES)
def test_a_row_that_is_altered_is_found(tmp_path: Path, statement: str) -> None:
    with opened(tmp_path) as ledger:
        for write in WRITES.values():
            write(ledger)
    _by_hand(tmp_path / "study.db", statement)
    with opened(tmp_path, read_only=True) as ledger:
        assert CHANGES[statement] in ledger.faults()[0]


@pytest.mark.parametrize("statement", ["UPDATE trials SET strategy = 'west'", "DELETE FROM verdicts"])
def test_what_was_there_before_the_chain_is_altered(old_ledger: Path, statement: str) -> None:
    SqliteLedger(old_ledger).close()
    _by_hand(old_ledger, statement)
    with closing(SqliteLedger(old_ledger, read_only=True)) as ledger:
        assert "before the chain" in ledger.faults()[0]


def _by_hand(file: Path, statement: str) -> None:
    """As somebody would who owns the file: without its triggers."""
    with closing(sqlite3.connect(file)) as db:
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        assert db.execute(statement).rowcount > 0
        db.commit()
