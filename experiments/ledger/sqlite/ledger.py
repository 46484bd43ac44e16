"""Ledgers in SQLite: `study.db` in the folder of its study.

A claim and its settlement are rows of two tables (`trials` and `verdicts`, `runs` and `outcomes`), so that nothing
needs an UPDATE; triggers refuse UPDATE and DELETE altogether.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nightlab.experiments.ledger import rows
from nightlab.experiments.ledger.calls import Calls
from nightlab.experiments.ledger.chain import Link, Row, key_text
from nightlab.experiments.ledger.documents.claim import ItemHashes, SeriesHash
from nightlab.experiments.ledger.events import Event, Told
from nightlab.experiments.ledger.kinds import kind_of
from nightlab.experiments.ledger.ledger import Ledger, LedgerError, Run, Settled, Trial, kept
from nightlab.experiments.ledger.sqlite import chain as sqlite_chain
from nightlab.experiments.ledger.sqlite.calls import SqliteCalls
from nightlab.experiments.ledger.sqlite.chain import written
from nightlab.experiments.ledger.sqlite.layout import SCHEMA_VERSION, lay_out, looking, readable, stand_in
from nightlab.experiments.ledger.sqlite.schema import (
    chain,
    documents,
    events,
    metadata,
    outcomes,
    runs,
    trials,
    verdicts,
)
from nightlab.experiments.records import Change, RunOutcome

FILE = "study.db"
PAGE = 500  # events that are read at once
# What SQLite says where nothing is wrong with the ledger itself.
OUTSIDE = ("locked", "is full", "readonly", "disk I/O")


class SqliteStorage:
    """Every study has its ledger in its own folder."""

    def open(self, study: Path, *, read_only: bool = False) -> Ledger:
        return SqliteLedger(study / FILE, read_only=read_only)

    def holds(self, study: Path) -> bool:
        return os.path.isfile(study / FILE)  # noqa: PTH113 - fails for no name

    def move(self, study: Path, to: Path) -> None:
        study.rename(to)

    def studies(self, place: Path) -> list[Path]:
        files = sorted(place.glob(f"*/{FILE}"), key=lambda f: (f.stat().st_mtime, f.parent.name), reverse=True)
        return [file.parent for file in files]


class SqliteLedger(Ledger):
    """`study.db`, in WAL mode with full synchronisation.

    read_only: no byte of it changes; an older schema is read as it is.
    """

    def __init__(self, file: Path, *, read_only: bool = False) -> None:
        self.place = str(file)
        self.heard: Callable[[Event], object] = lambda _event: None
        url = looking(file) if read_only else sa.URL.create("sqlite", database=str(file))
        # Whoever only looks connects anew each time: the stand-in of an older schema hides what a migration adds.
        pool = {"poolclass": sa.NullPool} if read_only else {}
        self._engine = sa.create_engine(url, connect_args={"timeout": 30}, **pool)
        sa.event.listen(self._engine, "handle_error", partial(_refused, file))
        sa.event.listen(self._engine, "connect", partial(_connected, file, stand_in if read_only else _pragmas))
        try:
            if read_only:
                with self._engine.connect() as db:
                    version = readable(db)
            else:
                with self._engine.begin() as db:
                    db.exec_driver_sql("BEGIN IMMEDIATE")  # two that open an old ledger at once migrate it once
                    version = lay_out(db)
        except LedgerError as error:
            if any(word in str(error.__cause__) for word in OUTSIDE):
                raise
            raise LedgerError(f"{file}: no readable ledger ({error.__cause__}); restore it from a copy") from error
        if version != SCHEMA_VERSION:
            raise LedgerError(f"{file} has schema {version}; this nightlab reads schema {SCHEMA_VERSION}")
        self.calls: Calls = SqliteCalls(self._engine)

    def check(self) -> None:
        try:
            with self._engine.connect() as db:
                found = db.exec_driver_sql("PRAGMA quick_check(1)").scalar_one()
        except LedgerError as error:
            found = str(error.__cause__)
        if found != "ok":
            raise LedgerError(f"{self.place}: the ledger is damaged ({found}); restore it from a copy")

    def close(self) -> None:
        self._engine.dispose()

    # Documents

    def once(self, kind: str, key: str, body: Any, told: Told | None = None) -> Any:
        row = rows.document_row(kind, key, body)
        with self._engine.begin() as db:
            new = written(db, documents, row) is not None
            event = _event(db, f"{kind} {key}", told) if told and new else None
            stands = json.loads(db.execute(_document(kind, key)).scalar_one())
        if event:
            self.heard(event)
        return stands

    def document(self, kind: str, key: str) -> Any | None:
        with self._engine.connect() as db:
            body = db.execute(_document(kind, key)).scalar_one_or_none()
        return None if body is None else json.loads(body)

    def documents(self, kind: str) -> dict[str, Any]:
        query = sa.select(documents.c.key, documents.c.body).where(documents.c.kind == kind)
        with self._engine.connect() as db:
            return {key: json.loads(body) for key, body in db.execute(query.order_by(sa.text("rowid")))}

    def stamps(self, start: float, end: float) -> list[float]:
        columns = [c for table in metadata.tables.values() for c in table.columns if c.name.endswith("_at")]
        query = sa.union_all(*(sa.select(c).where((c >= start) & (c < end)) for c in columns))
        with self._engine.connect() as db:
            return sorted(db.execute(query).scalars())

    # Events

    def tell(self, told: Told, during: str) -> Event:
        same = hashlib.sha256(f"{during} {told!r}".encode(errors="surrogatepass")).hexdigest()
        with self._engine.begin() as db:
            event = _event(db, same, told)
        self.heard(event)
        return event

    def events(self, after: int = 0) -> Iterator[Event]:
        while page := self._events(after):
            yield from page
            after = page[-1].number

    def _events(self, after: int) -> list[Event]:
        """No more than PAGE of them, so that no reader who takes his time holds the writer's log."""
        query = sa.select(events).where(events.c.number > after).order_by(events.c.number).limit(PAGE)
        with self._engine.connect() as db:
            return [rows.event(row) for row in db.execute(query).mappings()]

    # Trials

    def claim(self, number: int, change: Change) -> Trial:
        with self._engine.begin() as db:
            if written(db, trials, rows.trial_row(number, change)) is not None:
                return Trial(number=number, change=change, verdict=None)
        return self.trial(number)

    def settle(self, number: int, verdict: Settled, told: Told | None = None) -> None:
        with self._engine.begin() as db:
            new = written(db, verdicts, rows.verdict_row(number, verdict)) is not None
            event = _event(db, f"trial {number}", told) if told and new else None
        if event:
            self.heard(event)

    def trial(self, number: int) -> Trial:
        return next(self._select_trials(trials.c.number == number))

    def each_trial(self) -> Iterator[Trial]:
        return self._select_trials(sa.true())

    def _select_trials(self, where: sa.ColumnElement[bool]) -> Iterator[Trial]:
        query = sa.select(trials, verdicts).outerjoin(verdicts).where(where).order_by(trials.c.number)
        with self._engine.connect() as db:
            for row in db.execute(query).mappings():
                yield rows.trial(row)

    # Runs

    def claim_run(self, phase: str, subject: str, replicate: int, seed: int, inputs: str = "") -> Run:
        with self._engine.begin() as db:
            number = written(db, runs, rows.run_row(phase, subject, replicate, seed, inputs))
            if number is not None:
                claimed: Any = {"phase": phase, "subject": subject, "replicate": replicate}
                return Run(id=number, seed=seed, inputs=inputs, outcome=None, **claimed)
        where = (runs.c.phase == phase) & (runs.c.subject == subject) & (runs.c.replicate == replicate)
        return next(self._select_runs(where))

    def settle_run(self, run: int, outcome: RunOutcome, *beside: ItemHashes | SeriesHash | None) -> None:
        with self._engine.begin() as db:
            new = written(db, outcomes, rows.outcome_row(run, kept(outcome))) is not None
            for record in filter(None, beside if new else ()):
                kind = kind_of(type(record))
                written(db, documents, rows.document_row(kind.name, str(run), kind.body(record)))

    def runs(self, phase: str | None = None, subject: str | None = None) -> list[Run]:
        where = sa.true() if phase is None else runs.c.phase == phase
        return list(self._select_runs(where if subject is None else where & (runs.c.subject == subject)))

    def each_run(self) -> Iterator[Run]:
        return self._select_runs(sa.true())

    def runs_by_trial(self, phases: Sequence[str]) -> Generator[Run, None, None]:
        number = sa.cast(runs.c.subject, sa.Integer)
        return self._select_runs(runs.c.phase.in_(phases), number, runs.c.phase, runs.c.replicate)

    def unsettled_runs(self) -> list[Run]:
        return list(self._select_runs(outcomes.c.run.is_(None)))

    def good_runs(self, inputs: str) -> list[Run]:
        return list(self._select_runs((runs.c.inputs == inputs) & (outcomes.c.status == "ok")))

    def _select_runs(self, where: sa.ColumnElement[bool], *order: sa.ColumnElement[Any]) -> Generator[Run, None, None]:
        query = sa.select(runs, outcomes).outerjoin(outcomes).where(where).order_by(*order, runs.c.id)
        with self._engine.connect() as db:
            for row in db.execute(query).mappings():
                yield rows.run(row)

    # The chain

    def links(self) -> Iterator[Link]:
        with self._engine.connect() as db:
            yield from sqlite_chain.links(db, sa.true())

    def link(self, table: str, *key: str | int) -> Link | None:
        where = (chain.c.of_table == table) & (chain.c.key == key_text(*key))
        with self._engine.connect() as db:
            return next(sqlite_chain.links(db, where), None)

    def head(self) -> Link | None:
        with self._engine.connect() as db:
            return next(sqlite_chain.links(db, sa.true(), last=True), None)

    def rows(self, table: str) -> Iterator[Row]:
        with self._engine.connect() as db:
            yield from sqlite_chain.rows(db, table)


def _event(db: sa.Connection, key: str, told: Told) -> Event:
    written(db, events, rows.event_row(key, told))
    return rows.event(db.execute(sa.select(events).where(events.c.key == key)).mappings().one())


def _document(kind: str, key: str) -> sa.Select[str]:
    return sa.select(documents.c.body).where((documents.c.kind == kind) & (documents.c.key == key))


def _refused(file: Path, context: sa.engine.ExceptionContext) -> None:
    """What SQLite will not do is told in the words of the seam."""
    if isinstance(error := context.original_exception, sqlite3.Error):
        raise _unusable(file, error) from error


def _connected(file: Path, first: Callable[[Any], None], connection: Any, _record: Any) -> None:
    try:
        first(connection)
    except sqlite3.Error as error:
        raise _unusable(file, error) from error


def _unusable(file: Path, error: sqlite3.Error) -> LedgerError:
    return LedgerError(f"{file}: the ledger cannot be used ({error}); is the disk full or the folder read-only?")


def _pragmas(connection: Any) -> None:
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA foreign_keys=ON")
    connection.execute("PRAGMA cache_size=-500")  # kB: what is asked for was mostly written a moment ago
