"""The study's ledger: the one truth. Rows are claimed before the work, settled once after it, and never rewritten.

A claim and its settlement are rows of two tables (`trials` and `verdicts`, `runs` and `outcomes`), so that nothing
needs an UPDATE; triggers refuse UPDATE and DELETE altogether. A row that is there wins over a replay.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger import events as telling
from nightlab.experiments.ledger.calls import Calls
from nightlab.experiments.ledger.documents import Kind, kind_of
from nightlab.experiments.ledger.events import Event, Told
from nightlab.experiments.ledger.schema import (
    SCHEMA_VERSION,
    documents,
    events,
    lay_out,
    looking,
    metadata,
    outcomes,
    readable,
    runs,
    stand_in,
    trials,
    verdicts,
)
from nightlab.experiments.records import Change, RunOutcome, VerdictKind

PAGE = 500  # events that are read at once
T = TypeVar("T")


class LedgerError(NightlabError):
    """A ledger that cannot be used; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution: its claim and, once it is settled, its outcome."""

    id: int
    phase: str  # search, confirm, ablate, sensitivity
    subject: str  # a trial's number, or a variant's key
    replicate: int
    seed: int
    inputs: str  # hash of what the outcome depends on within the study: artifact, parameters, seed
    outcome: RunOutcome | None


@dataclass(frozen=True, kw_only=True)
class Settled:
    """A trial's verdict as it stands in the ledger. `cause` says why a failed trial failed.

    numbers: what was measured for it, by name. runs: how many the trial had then; met: how many of the incumbent's a
    kept trial met; None in rows of an early version. incumbent: the trial that it was weighed against. twin: the one
    that it repeats. suspected: its runs all had the same metrics, so it was run again before it was kept.
    """

    kind: VerdictKind
    cause: str = ""
    reason: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    runs: int | None = None
    met: int | None = None
    incumbent: int | None = None
    twin: int | None = None
    suspected: bool = False
    elapsed_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Trial:
    number: int
    change: Change
    verdict: Settled | None


def by_verdict(among: Sequence[Trial]) -> list[Trial]:
    """Settled trials in the order of their verdicts, in which each incumbent replaced the one before it.

    With several workers that is another order than that of their numbers.
    """
    return sorted((t for t in among if t.verdict), key=lambda t: t.verdict.elapsed_s if t.verdict else 0.0)


def replaced(trial: Trial, among: Sequence[Trial]) -> Change | None:
    """The change of the incumbent that a trial was weighed against; None where it never was. among: all trials."""
    if trial.verdict is None or trial.verdict.incumbent is None:
        return None
    return among[trial.verdict.incumbent].change


class Ledger:
    """`study.db`, in WAL mode with full synchronisation: what it has accepted survives a kill and a power cut.

    read_only: it is opened to be looked at, so that no byte of it changes and no writer is waited for; an older schema
    is read as it is. heard: is called with each event once it stands in the ledger.
    """

    def __init__(self, file: Path, *, read_only: bool = False) -> None:
        self.file = file
        self.heard: Callable[[Event], object] = lambda _event: None
        url = looking(file) if read_only else sa.URL.create("sqlite", database=str(file))
        self._engine = sa.create_engine(url, connect_args={"timeout": 30})
        sa.event.listen(self._engine, "connect", stand_in if read_only else _pragmas)
        try:
            if read_only:
                with self._engine.connect() as db:
                    version = readable(db)
            else:
                with self._engine.begin() as db:
                    db.exec_driver_sql("BEGIN IMMEDIATE")  # two that open an old ledger at once migrate it once
                    version = lay_out(db)
        except sa.exc.DatabaseError as error:
            if any(word in str(error.orig) for word in ("locked", "is full", "readonly", "disk I/O")):
                raise  # nothing is wrong with the ledger itself
            raise LedgerError(f"{file}: no readable ledger ({error.orig}); restore it from a copy") from error
        if version != SCHEMA_VERSION:
            raise LedgerError(f"{file} has schema {version}; this nightlab reads schema {SCHEMA_VERSION}")
        self.calls = Calls(self._engine)

    def check(self) -> None:
        """Raise LedgerError where the file is damaged."""
        try:
            with self._engine.connect() as db:
                found = db.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        except sa.exc.DatabaseError as error:
            found = str(error.orig)
        if found != "ok":
            raise LedgerError(f"{self.file}: the ledger is damaged ({found}); restore it from a copy")

    def close(self) -> None:
        self._engine.dispose()

    # Documents, each a record of a registered type (`nightlab.experiments.ledger.documents`)

    def put(self, record: T, key: str = "", told: Told | None = None) -> T:
        """Write a record unless there is one of its type and key already; the one that stands in the ledger.

        key: of types of which there is more than one. told: is told together with the record, if that is written.
        """
        kind = kind_of(type(record))
        return self._read(kind, kind.key or key, self.once(kind.name, kind.key or key, kind.body(record), told))

    def get(self, shape: type[T], key: str = "") -> T | None:
        """The record of a type and key, if there is one. Raises LedgerError where its row cannot be read as one."""
        kind = kind_of(shape)
        body = self.document(kind.name, kind.key or key)
        return None if body is None else self._read(kind, kind.key or key, body)

    def all(self, shape: type[T]) -> dict[str, T]:
        """All records of a type by key, in the order of writing. Raises LedgerError as `get` does."""
        kind = kind_of(shape)
        return {key: self._read(kind, key, body) for key, body in self.documents(kind.name).items()}

    def _read(self, kind: Kind[T], key: str, body: Any) -> T:
        try:
            return kind.read(body)
        except ValueError as error:
            raise LedgerError(f"{self.file}: the document {kind.name} {key!r} is none of its kind: {error}") from error

    def once(self, kind: str, key: str, body: Any, told: Told | None = None) -> Any:
        """Write a document unless there is one already; the body that stands in the ledger either way.

        told: is told together with the document, if that is written.
        """
        row = {"kind": kind, "key": key, "body": _dump(body), "created_at": time.time()}
        with self._engine.begin() as db:
            written = db.execute(sa.insert(documents).prefix_with("OR IGNORE"), row).rowcount
            event = _told(db, f"{kind} {key}", told) if told and written else None
            stands = json.loads(db.execute(_document(kind, key)).scalar_one())
        if event:
            self.heard(event)
        return stands

    def document(self, kind: str, key: str) -> Any | None:
        with self._engine.connect() as db:
            body = db.execute(_document(kind, key)).scalar_one_or_none()
        return None if body is None else json.loads(body)

    def documents(self, kind: str) -> dict[str, Any]:
        """All documents of a kind by key, in the order of writing."""
        query = sa.select(documents.c.key, documents.c.body).where(documents.c.kind == kind)
        with self._engine.connect() as db:
            return {key: json.loads(body) for key, body in db.execute(query.order_by(sa.text("rowid")))}

    def stamps(self, start: float, end: float) -> list[float]:
        """The times at which rows were written from `start` up to before `end`, in order; seconds of the wall clock."""
        columns = [c for table in metadata.tables.values() for c in table.columns if c.name.endswith("_at")]
        query = sa.union_all(*(sa.select(c).where((c >= start) & (c < end)) for c in columns))
        with self._engine.connect() as db:
            return sorted(db.execute(query).scalars())

    # Events

    def tell(self, told: Told, during: str) -> Event:
        """Tell something, once in a step; the event that stands in the ledger.

        during: names the step, the same in each attempt at it, so that what a kill made it do again is not told again.
        """
        same = hashlib.sha256(f"{during} {told!r}".encode(errors="surrogatepass")).hexdigest()
        with self._engine.begin() as db:
            event = _told(db, same, told)
        self.heard(event)
        return event

    def events(self, after: int = 0) -> Iterator[Event]:
        """What was told after the event of that number, in the order of the numbers, one at a time.

        A later call with the last number goes on from there, also in another process while the study is at work.
        """
        while page := self._events(after):
            yield from page
            after = page[-1].number

    def _events(self, after: int) -> list[Event]:
        """No more than PAGE of them, so that no reader who takes his time holds the writer's log."""
        query = sa.select(events).where(events.c.number > after).order_by(events.c.number).limit(PAGE)
        with self._engine.connect() as db:
            return [_event(row) for row in db.execute(query).mappings()]

    # Trials

    def claim(self, number: int, change: Change) -> Trial:
        """Claim a trial before it runs. A row that is there already wins: the trial in the ledger is returned."""
        row = {
            "number": number,
            "strategy": change.strategy,
            "hypothesis": change.hypothesis,
            "params": _dump(dict(change.params)),
            "artifact": change.artifact,
            "parent": change.parent,
            "proposer": change.proposer,
            "claimed_at": time.time(),
        }
        with self._engine.begin() as db:
            if db.execute(sa.insert(trials).prefix_with("OR IGNORE"), row).rowcount:
                return Trial(number=number, change=change, verdict=None)
        return self.trial(number)

    def settle(self, number: int, verdict: Settled, told: Told | None = None) -> None:
        """Write a trial's verdict, and tell of it; the first one stands."""
        row = {
            "trial": number,
            "kind": verdict.kind,
            "cause": verdict.cause,
            "reason": verdict.reason,
            "numbers": _dump(_numbers(verdict)),
            "elapsed_s": verdict.elapsed_s,
            "settled_at": time.time(),
        }
        with self._engine.begin() as db:
            written = db.execute(sa.insert(verdicts).prefix_with("OR IGNORE"), row).rowcount
            event = _told(db, f"trial {number}", told) if told and written else None
        if event:
            self.heard(event)

    def trial(self, number: int) -> Trial:
        return next(self._select_trials(trials.c.number == number))

    def trials(self) -> list[Trial]:
        return list(self.each_trial())

    def each_trial(self) -> Iterator[Trial]:
        """All trials by number, one at a time."""
        return self._select_trials(sa.true())

    def _select_trials(self, where: sa.ColumnElement[bool]) -> Iterator[Trial]:
        query = sa.select(trials, verdicts).outerjoin(verdicts).where(where).order_by(trials.c.number)
        with self._engine.connect() as db:
            for row in db.execute(query).mappings():
                yield _trial(row)

    # Runs

    def claim_run(self, phase: str, subject: str, replicate: int, seed: int, inputs: str = "") -> Run:
        """Claim a run before it starts. One that is there already is returned, with its outcome if it has one."""
        row: dict[str, Any] = {
            "phase": phase,
            "subject": subject,
            "replicate": replicate,
            "seed": seed,
            "inputs": inputs,
            "claimed_at": time.time(),
        }
        with self._engine.begin() as db:
            inserted = db.execute(sa.insert(runs).prefix_with("OR IGNORE"), row)
            if inserted.rowcount:
                (number,) = inserted.inserted_primary_key or (0,)
                claimed = {key: row[key] for key in _RUN_FIELDS}
                return Run(id=number, outcome=None, **claimed)
        where = (runs.c.phase == phase) & (runs.c.subject == subject) & (runs.c.replicate == replicate)
        return next(self._select_runs(where))

    def settle_run(self, run: int, outcome: RunOutcome) -> None:
        """Write a run's outcome; the first one stands."""
        row = {
            "run": run,
            "status": outcome.status,
            "metrics": _dump({split: dict(values) for split, values in outcome.metrics.items()}),
            "trust": outcome.trust,
            "wall_s": round(outcome.wall_s, 4),
            "cpu_s": round(outcome.cpu_s, 4),
            "memory_mb": round(outcome.memory_mb, 1),
            "level": outcome.level,
            "error": outcome.error,
            "output": outcome.output if outcome.status != "ok" else outcome.output[:500],
            "settled_at": time.time(),
            "notes": _dump(outcome.notes),
            "doubts": _dump(outcome.doubts),
        }
        with self._engine.begin() as db:
            db.execute(sa.insert(outcomes).prefix_with("OR IGNORE"), row)

    def runs(self, phase: str | None = None, subject: str | None = None) -> list[Run]:
        """All runs, or those of a phase, or of one subject in it, in the order of their claims."""
        where = sa.true() if phase is None else runs.c.phase == phase
        return list(self._select_runs(where if subject is None else where & (runs.c.subject == subject)))

    def each_run(self) -> Iterator[Run]:
        """All runs in the order of their claims, one at a time."""
        return self._select_runs(sa.true())

    def runs_by_trial(self, phases: Sequence[str]) -> Generator[Run, None, None]:
        """The runs of phases whose subjects are trials' numbers, in the order of these, one at a time."""
        number = sa.cast(runs.c.subject, sa.Integer)
        return self._select_runs(runs.c.phase.in_(phases), number, runs.c.phase, runs.c.replicate)

    def unsettled_runs(self) -> list[Run]:
        """The runs that were claimed and have no outcome, in the order of their claims."""
        return list(self._select_runs(outcomes.c.run.is_(None)))

    def good_runs(self, inputs: str) -> list[Run]:
        """The runs with these inputs that went well, in the order of their claims."""
        return list(self._select_runs((runs.c.inputs == inputs) & (outcomes.c.status == "ok")))

    def _select_runs(self, where: sa.ColumnElement[bool], *order: sa.ColumnElement[Any]) -> Generator[Run, None, None]:
        query = sa.select(runs, outcomes).outerjoin(outcomes).where(where).order_by(*order, runs.c.id)
        with self._engine.connect() as db:
            for row in db.execute(query).mappings():
                yield _run(row)


def _trial(row: sa.RowMapping) -> Trial:
    verdict = None
    if row["kind"] is not None:
        verdict = _settled(row)
    change = Change(
        strategy=row["strategy"],
        hypothesis=row["hypothesis"],
        params=json.loads(row["params"]),
        artifact=row["artifact"],
        parent=row["parent"],
        proposer=row["proposer"],
    )
    return Trial(number=row["number"], change=change, verdict=verdict)


def _numbers(verdict: Settled) -> dict[str, float]:
    """The column `numbers`: what was measured, and the counts and flags beside it."""
    counts = {name: count for name in _COUNTS if (count := getattr(verdict, name)) is not None}
    return {**verdict.numbers, **counts, **({"suspected": 1} if verdict.suspected else {})}


def _settled(row: sa.RowMapping) -> Settled:
    """Earlier versions wrote counts and flags as floats."""
    numbers = json.loads(row["numbers"])
    counts = {name: int(numbers.pop(name)) for name in _COUNTS if name in numbers}
    return Settled(
        kind=row["kind"],
        cause=row["cause"],
        reason=row["reason"],
        suspected=bool(numbers.pop("suspected", False)),
        numbers=numbers,
        elapsed_s=row["elapsed_s"],
        **counts,
    )


def _run(row: sa.RowMapping) -> Run:
    outcome = None
    if row["status"] is not None:
        outcome = RunOutcome(
            metrics=json.loads(row["metrics"]),
            notes=tuple(json.loads(row["notes"])),
            doubts=tuple(json.loads(row["doubts"])),
            **{k: row[k] for k in _OUTCOME_FIELDS},
        )
    return Run(id=row["id"], outcome=outcome, **{k: row[k] for k in _RUN_FIELDS})


def _told(db: sa.Connection, key: str, told: Told) -> Event:
    row = {"key": key, "kind": telling.kind(told), "body": _dump(asdict(told)), "told_at": time.time()}
    db.execute(sa.insert(events).prefix_with("OR IGNORE"), row)
    return _event(db.execute(sa.select(events).where(events.c.key == key)).mappings().one())


def _event(row: sa.RowMapping) -> Event:
    told = telling.KINDS[row["kind"]](**json.loads(row["body"]))
    return Event(number=row["number"], at=row["told_at"], told=told)


_COUNTS = ("runs", "met", "incumbent", "twin")
_RUN_FIELDS = ("phase", "subject", "replicate", "seed", "inputs")
_OUTCOME_FIELDS = ("status", "trust", "wall_s", "cpu_s", "memory_mb", "level", "error", "output")


def _document(kind: str, key: str) -> sa.Select[str]:
    return sa.select(documents.c.body).where((documents.c.kind == kind) & (documents.c.key == key))


def _pragmas(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA cache_size=-500")  # kB: what is asked for was mostly written a moment ago


def _dump(value: Any) -> str:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text)  # the odd bytes of a path


_HALVES = re.compile("[\ud800-\udfff]")


@contextmanager
def opened(file: Path, *, read_only: bool = False) -> Iterator[Ledger]:
    """The ledger of a study, closed at the end."""
    ledger = Ledger(file, read_only=read_only)
    try:
        yield ledger
    finally:
        ledger.close()
