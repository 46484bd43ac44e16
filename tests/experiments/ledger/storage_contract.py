"""What every storage promises: a new one passes by a subclass that says how it is made."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nightlab.experiments.ledger.calls import Answer, Call
from nightlab.experiments.ledger.chain import KEYS, key_of
from nightlab.experiments.ledger.documents.claim import ItemHashes, SeriesHash
from nightlab.experiments.ledger.documents.study import Done, Origin
from nightlab.experiments.ledger.events import Event, Note, Stage
from nightlab.experiments.ledger.ledger import Ledger, LedgerError, Settled, by_verdict
from nightlab.experiments.ledger.storage import Storage
from nightlab.experiments.records import Change, RunOutcome

KEPT = Settled(kind="kept", reason="better", difference=1.0)


def change(x: float) -> Change:
    return Change(strategy="east", hypothesis="h", params={"x": x}, artifact="abc", parent=None, proposer="test")


def call(stage: str) -> Call:
    return Call(
        role="coder", stage=stage, attempt=0, model="fake:x", prompt="coder", version="v", hash="h",
        tokens_estimated=100, usd_estimated=0.5,
    )  # fmt: skip


WRITES: dict[str, Callable[[Ledger], object]] = {  # one of each kind
    "document": lambda ledger: ledger.once("claim", "a ü", {"n": "\udce9"}, Note(note="with a document")),
    "trial": lambda ledger: ledger.claim(1, change(1)),
    "verdict": lambda ledger: ledger.settle(1, replace(KEPT, elapsed_s=3), Note(note="with a verdict")),
    "run": lambda ledger: ledger.claim_run("search", "1", 0, seed=7),
    "outcome": lambda ledger: ledger.settle_run(1, RunOutcome(status="ok", wall_s=1), ItemHashes(of={})),
    "event": lambda ledger: ledger.tell(Note(note="it's 0.1 + 0.2"), during="x"),
    "call": lambda ledger: ledger.calls.claim(call("trial 1")),
    "answer": lambda ledger: ledger.calls.settle(1, Answer(outcome="ok", text="{}", usd=1e-7, tokens_in=3)),
}


class StorageContract:
    """Subclasses have a fixture `storage`."""

    @pytest.fixture
    def study(self, tmp_path: Path) -> Path:
        (folder := tmp_path / "study").mkdir()
        return folder

    @pytest.fixture
    def ledger(self, storage: Storage, study: Path) -> Iterator[Ledger]:
        ledger = storage.open(study)
        yield ledger
        ledger.close()

    # Studies

    def test_studies_are_kept_apart_and_found_again(self, storage: Storage, tmp_path: Path) -> None:
        folders = [tmp_path / name for name in ("one", "two", "none")]
        for folder in folders:
            folder.mkdir()
        for folder in folders[:2]:
            storage.open(folder).once("study", "name", folder.name)
        storage.move(folders[0], tmp_path / "moved")
        there = [tmp_path / "moved", folders[1]]
        assert [storage.open(folder).document("study", "name") for folder in there] == ["one", "two"]
        assert [storage.holds(folder) for folder in (*there, *folders[::2])] == [True, True, False, False]
        assert set(storage.studies(tmp_path)) == set(there)

    def test_what_is_not_there_cannot_be_read(self, storage: Storage, study: Path) -> None:
        with pytest.raises(LedgerError, match="study"):
            storage.open(study, read_only=True)
        assert not storage.holds(study)

    def test_a_reader_sees_what_was_written_since_and_writes_nothing(
        self, storage: Storage, study: Path, ledger: Ledger
    ) -> None:
        reader = storage.open(study, read_only=True)
        ledger.once("claim", "a", 1)
        ledger.claim(0, change(0.5))
        assert (reader.document("claim", "a"), len(reader.trials())) == (1, 1)
        for write in (
            lambda: reader.once("claim", "b", 1),
            lambda: reader.tell(Note(note="n"), during="x"),
            lambda: reader.claim(1, change(0.1)),
            lambda: reader.settle(0, KEPT),
            lambda: reader.claim_run("search", "1", 0, seed=7),
            lambda: reader.calls.claim(call("trial 1")),
        ):
            with pytest.raises(LedgerError, match="readonly"):
                write()
        reader.close()
        ledger.check()

    # Trials

    def test_a_claimed_trial_wins_over_a_replay(self, ledger: Ledger) -> None:
        assert ledger.claim(1, change(0.5)).change.params == {"x": 0.5}
        assert ledger.claim(1, change(0.9)).change.params == {"x": 0.5}
        assert ledger.trials() == [ledger.trial(1)]

    def test_of_many_that_claim_at_once_one_wins(self, storage: Storage, study: Path, ledger: Ledger) -> None:
        won = list[float]()

        def claim(x: float) -> None:
            own = storage.open(study)
            won.append(float(own.claim(1, change(x)).change.params["x"]))
            own.claim_run("search", "1", 0, seed=int(100 * x))
            own.close()

        threads = [threading.Thread(target=claim, args=(n / 8,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 8
        assert len(set(won)) == len(ledger.trials()) == len(ledger.runs()) == 1

    def test_the_first_verdict_stands(self, storage: Storage, study: Path, ledger: Ledger) -> None:
        ledger.claim(1, change(0.5))
        ledger.settle(1, KEPT)
        storage.open(study).settle(1, Settled(kind="reverted", reason="worse", numbers={}))
        assert ledger.trial(1).verdict == KEPT

    def test_only_what_was_claimed_is_settled(self, ledger: Ledger) -> None:
        for settle in (
            lambda: ledger.settle(7, KEPT),
            lambda: ledger.settle_run(7, RunOutcome(status="ok")),
            lambda: ledger.calls.settle(7, Answer(outcome="ok")),
        ):
            with pytest.raises(LedgerError):
                settle()

    def test_trials_come_by_number_and_in_the_order_of_their_verdicts(self, ledger: Ledger) -> None:
        for number in (0, 2, 1, 3):
            ledger.claim(number, change(number / 4))
        for elapsed_s, number in enumerate((0, 2, 1)):
            ledger.settle(number, Settled(kind="kept", reason="better", numbers={}, elapsed_s=elapsed_s))
        assert [trial.number for trial in ledger.each_trial()] == [0, 1, 2, 3]
        assert [trial.number for trial in by_verdict(ledger.trials())] == [0, 2, 1]

    # Runs

    def test_a_run_is_claimed_once_and_keeps_its_first_outcome(self, ledger: Ledger) -> None:
        run = ledger.claim_run("search", "1", 0, seed=7)
        assert run.outcome is None
        outcome = RunOutcome(status="ok", metrics={"dev": {"height": 0.25}}, notes=("a",), doubts=("it copies",))
        ledger.settle_run(run.id, outcome)
        ledger.settle_run(run.id, RunOutcome(status="crash"))
        again = ledger.claim_run("search", "1", 0, seed=8)
        assert (again.id, again.seed, again.outcome) == (run.id, 7, outcome)

    def test_records_beside_an_outcome_are_those_of_the_one_that_stands(self, ledger: Ledger) -> None:
        run = ledger.claim_run("search", "1", 0, seed=7).id
        for name in ("first", "second"):
            items = ItemHashes(of={"dev": {"height": name}})
            ledger.settle_run(run, RunOutcome(status="ok"), items, SeriesHash(hash=name))
        assert ledger.get(ItemHashes, str(run)) == ItemHashes(of={"dev": {"height": "first"}})
        assert ledger.get(SeriesHash, str(run)) == SeriesHash(hash="first")
        bare = ledger.claim_run("search", "1", 1, seed=8).id
        ledger.settle_run(bare, RunOutcome(status="crash"))
        ledger.settle_run(bare, RunOutcome(status="ok"), ItemHashes(of={}))
        assert ledger.get(ItemHashes, str(bare)) is None

    def test_an_outcome_is_kept_without_what_nobody_needs(self, ledger: Ledger) -> None:
        for number, status in enumerate(("ok", "crash")):
            run = ledger.claim_run("search", "1", number, seed=7)
            ledger.settle_run(run.id, RunOutcome(status=status, wall_s=1.23456789, output="x" * 900))  # type: ignore[arg-type]
        told = [run.outcome for run in ledger.runs() if run.outcome]
        assert [(outcome.wall_s, len(outcome.output)) for outcome in told] == [(1.2346, 500), (1.2346, 900)]

    def test_runs_are_found_by_what_they_are_of(self, ledger: Ledger) -> None:
        for phase, subject, replicate in (
            ("search", "10", 0), ("search", "9", 1), ("search", "9", 0), ("beside", "9", 0), ("confirm", "best", 0),
        ):  # fmt: skip
            ledger.claim_run(phase, subject, replicate, seed=replicate, inputs=f"{subject}/{replicate}")
        ledger.settle_run(2, RunOutcome(status="ok"))
        ledger.settle_run(3, RunOutcome(status="crash"))
        assert [run.id for run in ledger.each_run()] == [1, 2, 3, 4, 5]
        assert [run.id for run in ledger.runs("search")] == [1, 2, 3]
        assert [run.id for run in ledger.runs("search", "9")] == [2, 3]
        assert [run.id for run in ledger.runs_by_trial(("search", "beside"))] == [4, 3, 2, 1]
        assert [run.id for run in ledger.unsettled_runs()] == [1, 4, 5]
        assert [[run.id for run in ledger.good_runs(inputs)] for inputs in ("9/1", "9/0", "10/0")] == [[2], [], []]

    # The chain

    def test_every_row_is_linked_when_it_is_written(self, ledger: Ledger) -> None:
        numbers = [link.number for link in ledger.links()]
        for write in WRITES.values():
            for _ in range(2):  # what is there already gets no link
                write(ledger)
        new = [(link.table, link.key) for link in ledger.links()][len(numbers) :]
        assert [table for table, _ in new] == [
            "documents", "events", "trials", "verdicts", "events", "runs", "outcomes", "documents", "events",
            "calls", "calls", "answers",
        ]  # fmt: skip
        rows = {(table, key_of(table, row)) for table in KEYS for row in ledger.rows(table)}
        assert set(new) <= rows
        assert len(set(new)) == len(new)
        assert [link.number for link in ledger.links()] == list(range(1, len(numbers) + len(new) + 1))
        assert ledger.head() == list(ledger.links())[-1]
        assert ledger.faults() == []

    def test_a_stranger_computes_the_same_chain(self, ledger: Ledger) -> None:
        for write in WRITES.values():
            write(ledger)
        rows = {(table, key_of(table, row)): dict(row) for table in KEYS for row in ledger.rows(table)}
        before = "0" * 64
        for link in ledger.links():
            text = json.dumps([link.table, rows[link.table, link.key]], sort_keys=True, separators=(",", ":"))
            assert link.hash == (before := hashlib.sha256((before + text).encode("ascii")).hexdigest())

    def test_a_row_has_the_link_that_its_document_is_asked_for(self, ledger: Ledger) -> None:
        assert ledger.linked(Origin) is None
        ledger.put(Origin(template="here"))
        head = ledger.head()
        ledger.put(Done(), "study")
        assert head is not None
        assert ledger.linked(Origin) == ledger.link("documents", "study", "origin") == head != ledger.head()

    # Documents and calls

    def test_documents_are_written_once_and_come_in_order(self, ledger: Ledger) -> None:
        assert ledger.document("claim", "x") is None
        assert ledger.once("claim", "b", {"n": [1, "\udce9"]}) == {"n": [1, "\udce9"]}
        assert ledger.once("claim", "b", {"n": 2}) == {"n": [1, "\udce9"]}
        ledger.once("claim", "a", {"n": 3})
        ledger.once("other", "a", {"n": 4})
        assert list(ledger.documents("claim")) == ["b", "a"]

    def test_what_a_reader_does_with_a_document_changes_it_not(self, ledger: Ledger) -> None:
        ledger.once("claim", "a", body := {"n": [1]})
        for read in (body, ledger.document("claim", "a"), ledger.documents("claim")["a"]):
            read["n"].append(2)
        assert ledger.document("claim", "a") == {"n": [1]}

    def test_numbers_that_are_no_numbers_are_refused(self, ledger: Ledger) -> None:
        with pytest.raises(ValueError, match="JSON"):
            ledger.once("claim", "x", {"effect": float("nan")})
        assert ledger.document("claim", "x") is None

    def test_calls_are_numbered_by_stage_and_settled_once(self, ledger: Ledger) -> None:
        first, _other, second = (ledger.calls.claim(call(stage)) for stage in ("trial 1", "trial 2", "trial 1"))
        ledger.calls.settle(second, Answer(outcome="ok", text="{}", tokens_in=7))
        ledger.calls.settle(second, Answer(outcome="timeout"))
        told = ledger.calls.all()
        assert [(c.stage, c.attempt) for c in told] == [("trial 1", 1), ("trial 2", 1), ("trial 1", 2)]
        assert (told[0].id, told[0].answer) == (first, None)
        assert told[2].answer == Answer(outcome="ok", text="{}", tokens_in=7)

    def test_every_write_has_its_time(self, ledger: Ledger) -> None:
        before = time.time()
        ledger.claim(0, change(0.5))
        ledger.once("claim", "a", 1)
        ledger.tell(Note(note="n"), during="x")
        found = ledger.stamps(before, time.time() + 1)
        assert len(found) >= 3
        assert found == sorted(found)
        assert ledger.stamps(time.time() + 1, float("inf")) == []

    # Events

    def test_events_are_told_once_and_read_from_any_number(
        self, storage: Storage, study: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("nightlab.experiments.ledger.sqlite.ledger.PAGE", 2)
        heard: list[Event] = []
        ledger.heard = heard.append
        ledger.claim(0, change(0.5))
        for _ in range(2):
            ledger.tell(Stage(stage="write", round=1), during="first")
            ledger.once("claim", "a", 1, Note(note="with a document"))
            ledger.settle(0, KEPT, Note(note="with a verdict"))
        ledger.tell(Stage(stage="write", round=1), during="second")
        assert [event.number for event in heard] == [
            1,
            2,
            3,
            1,
            4,
        ]  # who enters a step again hears of it
        reader = storage.open(study, read_only=True)
        told = list(reader.events())
        assert [event.number for event in told] == [1, 2, 3, 4]
        assert told == [heard[0], heard[1], heard[2], heard[4]]
        assert list(reader.events(after=2)) == told[2:]
        assert list(reader.events(after=4)) == []
        ledger.tell(Note(note="more"), during="second")
        assert [event.told for event in reader.events(after=4)] == [Note(note="more")]
        reader.close()

    def test_what_was_not_written_is_not_told(self, ledger: Ledger) -> None:
        ledger.heard = lambda event: pytest.fail(f"{event} was heard")
        with pytest.raises(LedgerError):
            ledger.settle(7, KEPT, Note(note="of a trial that was never claimed"))
        assert list(ledger.events()) == []
