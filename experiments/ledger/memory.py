"""Ledgers in the memory of this process: for tests, and for what needs no study of its own."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import RLock
from typing import Any

from nightlab.experiments.ledger import rows as kept_rows
from nightlab.experiments.ledger.calls import Answer, Call, Calls
from nightlab.experiments.ledger.chain import KEYS, START, Link, Row, following, key_of, key_text, row_bytes
from nightlab.experiments.ledger.documents.claim import ItemHashes, SeriesHash
from nightlab.experiments.ledger.events import Event, Told
from nightlab.experiments.ledger.kinds import kind_of
from nightlab.experiments.ledger.ledger import Ledger, LedgerError, Run, Settled, Trial, kept
from nightlab.experiments.records import Change, RunOutcome


@dataclass
class _Rows:
    """What is kept of a study: the records, and the rows that the chain is over."""

    documents: dict[tuple[str, str], str] = field(default_factory=dict)  # JSON, so that no reader changes them
    events: list[Event] = field(default_factory=list)
    told: dict[str, Event] = field(default_factory=dict)  # by what must not be told twice
    trials: dict[int, Trial] = field(default_factory=dict)
    runs: dict[tuple[str, str, int], Run] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    tables: dict[str, dict[str, Row]] = field(default_factory=lambda: {table: {} for table in KEYS})
    chain: list[Link] = field(default_factory=list)
    stamps: list[float] = field(default_factory=list)
    lock: Any = field(default_factory=RLock)

    def write(self, table: str, row: Row) -> None:
        """Write a row and its link."""
        key, before = key_of(table, row), self.chain[-1].hash if self.chain else START
        self.tables[table][key] = row
        hash = following(before, row_bytes(table, row))
        self.chain.append(Link(number=len(self.chain) + 1, table=table, key=key, hash=hash))


class MemoryStorage:
    """Every study that was opened here, until the process ends."""

    def __init__(self) -> None:
        self._studies: dict[Path, _Rows] = {}

    def open(self, study: Path, *, read_only: bool = False) -> Ledger:
        if read_only and not self.holds(study):
            raise LedgerError(f"{study}: no readable ledger (there is none in memory)")
        return MemoryLedger(str(study), self._studies.setdefault(_real(study), _Rows()), read_only=read_only)

    def holds(self, study: Path) -> bool:
        return bool(self._studies) and _real(study) in self._studies

    def move(self, study: Path, to: Path) -> None:
        rows = self._studies.pop(_real(study))
        study.rename(to)
        self._studies[_real(to)] = rows

    def studies(self, place: Path) -> list[Path]:
        there = {at: rows for at, rows in self._studies.items() if at.parent == _real(place)}
        return sorted(there, key=lambda at: (max(there[at].stamps, default=0.0), at.name), reverse=True)


def _real(folder: Path) -> Path:
    return Path(os.path.realpath(folder))  # fails for no name


class _Table:
    """A part of a ledger that may be written to."""

    def __init__(self, place: str, rows: _Rows, read_only: bool) -> None:
        self.place, self._rows, self._read_only = place, rows, read_only

    @contextmanager
    def _writing(self) -> Iterator[_Rows]:
        if self._read_only:
            raise LedgerError(f"{self.place}: the ledger was opened to be read, so it is readonly")
        with self._rows.lock:
            yield self._rows
            self._rows.stamps.append(time.time())


class MemoryLedger(_Table, Ledger):
    def __init__(self, place: str = "memory", rows: _Rows | None = None, *, read_only: bool = False) -> None:
        super().__init__(place, rows or _Rows(), read_only)
        self.heard: Callable[[Event], object] = lambda _event: None
        self.calls: Calls = MemoryCalls(place, self._rows, read_only)

    def check(self) -> None:
        pass

    def close(self) -> None:
        pass

    # Documents

    def once(self, kind: str, key: str, body: Any, told: Told | None = None) -> Any:
        event, row = None, kept_rows.document_row(kind, key, body)
        with self._writing() as rows:
            if (kind, key) not in rows.documents:
                rows.write("documents", row)
                event = _event(rows, f"{kind} {key}", told) if told else None
            stands = rows.documents.setdefault((kind, key), row["body"])
        if event:
            self.heard(event)
        return json.loads(stands)

    def document(self, kind: str, key: str) -> Any | None:
        text = self._rows.documents.get((kind, key))
        return None if text is None else json.loads(text)

    def documents(self, kind: str) -> dict[str, Any]:
        return {key: json.loads(body) for (of, key), body in list(self._rows.documents.items()) if of == kind}

    def stamps(self, start: float, end: float) -> list[float]:
        return sorted(at for at in self._rows.stamps if start <= at < end)

    # Events

    def tell(self, told: Told, during: str) -> Event:
        with self._writing() as rows:
            event = _event(rows, f"{during} {told!r}", told)
        self.heard(event)
        return event

    def events(self, after: int = 0) -> Iterator[Event]:
        while after < len(self._rows.events):
            yield self._rows.events[after]
            after += 1

    # Trials

    def claim(self, number: int, change: Change) -> Trial:
        with self._writing() as rows:
            if number not in rows.trials:
                rows.write("trials", kept_rows.trial_row(number, change))
            return rows.trials.setdefault(number, Trial(number=number, change=change, verdict=None))

    def settle(self, number: int, verdict: Settled, told: Told | None = None) -> None:
        event = None
        with self._writing() as rows:
            if number not in rows.trials:
                raise LedgerError(f"{self.place}: trial {number} was never claimed")
            if rows.trials[number].verdict is None:
                rows.write("verdicts", kept_rows.verdict_row(number, verdict))
                rows.trials[number] = replace(rows.trials[number], verdict=verdict)
                event = _event(rows, f"trial {number}", told) if told else None
        if event:
            self.heard(event)

    def trial(self, number: int) -> Trial:
        return self._rows.trials[number]

    def each_trial(self) -> Iterator[Trial]:
        yield from (self._rows.trials[number] for number in sorted(self._rows.trials))

    # Runs

    def claim_run(self, phase: str, subject: str, replicate: int, seed: int, inputs: str = "") -> Run:
        with self._writing() as rows:
            names: Any = {"phase": phase, "subject": subject, "replicate": replicate}
            run = Run(id=len(rows.runs) + 1, seed=seed, inputs=inputs, outcome=None, **names)
            if (phase, subject, replicate) not in rows.runs:
                rows.write("runs", kept_rows.run_row(seed=seed, inputs=inputs, **names) | {"id": run.id})
            return rows.runs.setdefault((phase, subject, replicate), run)

    def settle_run(self, run: int, outcome: RunOutcome, *beside: ItemHashes | SeriesHash | None) -> None:
        with self._writing() as rows:
            name, found = next(((name, r) for name, r in rows.runs.items() if r.id == run), (None, None))
            if name is None or found is None:
                raise LedgerError(f"{self.place}: run {run} was never claimed")
            if found.outcome is None:
                rows.write("outcomes", kept_rows.outcome_row(run, kept(outcome)))
                rows.runs[name] = replace(found, outcome=kept(outcome))
                for record in filter(None, beside):
                    kind = kind_of(type(record))
                    if (kind.name, str(run)) not in rows.documents:
                        row = kept_rows.document_row(kind.name, str(run), kind.body(record))
                        rows.write("documents", row)
                        rows.documents[kind.name, str(run)] = row["body"]

    def each_run(self) -> Iterator[Run]:
        yield from list(self._rows.runs.values())

    def runs(self, phase: str | None = None, subject: str | None = None) -> list[Run]:
        return [run for run in self.each_run() if phase in (None, run.phase) and subject in (None, run.subject)]

    def runs_by_trial(self, phases: Sequence[str]) -> Generator[Run, None, None]:
        found = [run for run in self.each_run() if run.phase in phases]
        yield from sorted(found, key=lambda run: (int(run.subject), run.phase, run.replicate))

    def unsettled_runs(self) -> list[Run]:
        return [run for run in self.each_run() if run.outcome is None]

    def good_runs(self, inputs: str) -> list[Run]:
        return [run for run in self.each_run() if run.inputs == inputs and run.outcome and run.outcome.status == "ok"]

    # The chain

    def links(self) -> Iterator[Link]:
        yield from list(self._rows.chain)

    def link(self, table: str, *key: str | int) -> Link | None:
        return next((link for link in self.links() if (link.table, link.key) == (table, key_text(*key))), None)

    def head(self) -> Link | None:
        return self._rows.chain[-1] if self._rows.chain else None

    def rows(self, table: str) -> Iterator[Row]:
        found = list(self._rows.tables[table].values())
        yield from sorted(found, key=lambda row: tuple(row[name] for name in KEYS[table]))


class MemoryCalls(_Table, Calls):
    def claim(self, call: Call) -> int:
        with self._writing() as rows:
            attempts = [c.attempt for c in rows.calls if (c.role, c.stage) == (call.role, call.stage)]
            number = len(rows.calls) + 1
            claimed = replace(call, id=number, attempt=max(attempts, default=0) + 1, answer=None)
            rows.write("calls", kept_rows.call_row(claimed) | {"id": number})
            rows.calls.append(claimed)
        return number

    def settle(self, call: int, answer: Answer) -> None:
        with self._writing() as rows:
            if not 0 < call <= len(rows.calls):
                raise LedgerError(f"{self.place}: call {call} was never claimed")
            if rows.calls[call - 1].answer is None:
                rows.write("answers", kept_rows.answer_row(call, answer))
                rows.calls[call - 1] = replace(rows.calls[call - 1], answer=answer)

    def all(self) -> list[Call]:
        return list(self._rows.calls)


def _event(rows: _Rows, key: str, told: Told) -> Event:
    row = kept_rows.event_row(key, told)  # what is no JSON is refused here, too
    if key not in rows.told:
        row["number"] = len(rows.events) + 1
        rows.write("events", row)
        rows.told[key] = Event(number=row["number"], at=row["told_at"], told=told)
        rows.events.append(rows.told[key])
    return rows.told[key]
