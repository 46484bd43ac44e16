"""Documents of the ledger: frozen records by their types, also out of rows that an earlier version wrote."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nightlab.agents import documents as of_agents
from nightlab.agents.team import RankedIdeas
from nightlab.experiments.ledger.documents.search import Allowance, Notice
from nightlab.experiments.ledger.documents.study import (
    FileHashes,
    ForkOrigin,
    Mode,
    SessionOpened,
    StudyMode,
    TreeHashes,
)
from nightlab.experiments.ledger.kinds import KINDS, document
from nightlab.experiments.ledger.ledger import Ledger, LedgerError, Settled
from nightlab.experiments.ledger.sqlite.ledger import SqliteLedger
from nightlab.experiments.records import Change
from nightlab.experiments.study.settings import Settings
from nightlab.papers.audit.finding import Finding, Findings

# kind, key and body of rows as earlier versions wrote them, and what they are read as.
OLDER: list[tuple[str, str, Any, Any]] = [
    ("study", "mode", "experiment", StudyMode(mode="experiment")),
    ("study", "hashes", {"inputs": "ab", "private data": "cd"}, TreeHashes(of={"inputs": "ab", "private data": "cd"})),
    ("study", "files", {"inputs": {"a\udc80": "x"}}, FileHashes(of={"inputs": {"a\udc80": "x"}})),
    ("study", "settings", {"seed": 3, "trials": 5}, Settings(seed=3, trials=5)),
    ("study", "fork", {"study": "s", "trial": 2, "params": {"n": 1}}, ForkOrigin(study="s", trial=2, params={"n": 1})),
    ("opened", "0", {}, SessionOpened()),
    ("budget", "models", {"note": "no room"}, Allowance(note="no room")),
    ("budget", "ablation", {"wanted": 8, "seeds": 2}, Allowance(wanted=8, seeds=2)),
    ("findings", "0", [{"kind": "k", "where": "w", "text": "t"}], Findings((Finding("k", "w", "t"),))),
    ("archive", "earlier", [], of_agents.EarlierIdeas(())),
]


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = SqliteLedger(tmp_path / "study.db")
    yield made
    made.close()


def rows(ledger: Ledger) -> list[tuple[str, str, str]]:
    with sqlite3.connect(ledger.place) as db:
        return db.execute("SELECT kind, key, body FROM documents WHERE kind <> 'schema' ORDER BY rowid").fetchall()


def test_rows_of_an_earlier_version_are_read_and_stay_as_they_are(ledger: Ledger) -> None:
    for kind, key, body, _ in OLDER:
        ledger.once(kind, key, body)
    before = rows(ledger)
    for _, key, _, record in OLDER:
        assert ledger.get(type(record), key) == record
        assert ledger.put(record, key) == record  # what is there stands
    assert rows(ledger) == before
    assert list(ledger.all(Allowance)) == ["models", "ablation"]


@pytest.mark.parametrize(
    "record",
    [
        Notice(key="a\udc80", concern="gaming", trial=1, sentence="s", action="report"),
        ForkOrigin(study="s", trial=1, params={"n": 1, "x": 1.0, "mood": "calm"}, artifact="a", shut=True),
        of_agents.AdaptedParameter(model="m", parameter="p", instead=True, note="n"),
        RankedIdeas(()),
    ],
)
def test_a_record_is_read_as_it_was_written(record: Any, ledger: Ledger) -> None:
    assert ledger.get(type(record), "k") is None
    assert ledger.put(record, "k") == record
    found = ledger.get(type(record), "k")
    assert repr(found) == repr(record)  # a whole number stays one, and true is not 1
    assert ledger.all(type(record)) == {KINDS[type(record)].key or "k": record}


def test_what_could_not_be_read_again_is_not_written(ledger: Ledger) -> None:
    mode: Mode = "neither"  # type: ignore[assignment]
    with pytest.raises(ValueError, match="neither"):
        ledger.put(StudyMode(mode=mode))
    assert not rows(ledger)
    ledger.once("notice", "0/waste", {"key": "0/waste"})
    with pytest.raises(LedgerError, match=r"study\.db: the document notice '0/waste' is none of its kind"):
        ledger.all(Notice)


def test_a_room_registers_its_own_records_once_each(ledger: Ledger) -> None:
    @dataclass(frozen=True, kw_only=True)
    class Tally:
        n: int

    with pytest.raises(LookupError, match="Tally is no kind of documents"):
        ledger.put(Tally(n=1), "a")
    with pytest.raises(ValueError, match="there is a kind of documents 'notice'"):
        document("notice")(Tally)
    try:
        document("tally")(Tally)
        assert ledger.put(Tally(n=1), "a") == ledger.put(Tally(n=2), "a") == Tally(n=1)
        assert json.loads(rows(ledger)[0][2]) == {"n": 1}
    finally:
        KINDS.pop(Tally, None)


def test_counts_and_flags_of_an_earlier_version_s_verdicts_are_typed(ledger: Ledger) -> None:
    """It kept them as floats among the numbers."""
    change = Change(strategy="s", hypothesis="h", params={}, artifact="a", parent=None, proposer="p")
    numbers = {"difference": 0.5, "runs": 3.0, "met": 2.0, "incumbent": 0.0, "suspected": 1.0}
    typed = Settled(kind="kept", reason="r", difference=0.5, runs=3, met=2, incumbent=0, suspected=True, elapsed_s=1.0)
    plain = Settled(kind="failed", cause="duplicate", reason="r", twin=1)
    for number in range(4):
        ledger.claim(number, change)
    with sqlite3.connect(ledger.place) as db:
        for number, body in ((0, numbers), (1, {}), (2, {"twin": 1.0})):
            row = (number, "kept", "", "r", json.dumps(body), 1.0, 0.0)
            db.execute("INSERT INTO verdicts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    ledger.settle(3, plain)
    found = [trial.verdict for trial in ledger.trials()]
    assert found[0] == typed
    assert [(v.runs, v.met, v.incumbent, v.suspected) for v in found[1:2] if v] == [(None, None, None, False)]
    assert [v.twin for v in found[2:] if v] == [1, 1]
    assert found[3] == plain
