"""The study's ledger: the one truth, and what every storage of it promises.

Rows are claimed before the work, settled once after it, and never rewritten: a row that is there wins over a replay.
"""

from __future__ import annotations

import json
import re
from abc import abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger.calls import Calls
from nightlab.experiments.ledger.chain import KEYS, Link, Row, faults
from nightlab.experiments.ledger.documents.claim import ItemHashes, SeriesHash
from nightlab.experiments.ledger.events import Event, Told
from nightlab.experiments.ledger.kinds import Kind, in_extension, kind_of
from nightlab.experiments.records import Change, RunOutcome, VerdictKind

T = TypeVar("T")


class LedgerError(NightlabError):
    """A ledger that cannot be used; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One execution: its claim and, once it is settled, its outcome."""

    id: int
    phase: str  # search, beside, rung, confirm, ablate, sensitivity; of a later extension with its number
    subject: str  # a trial's number, or a variant's key
    replicate: int
    seed: int
    inputs: str  # hash of what the outcome depends on within the study: artifact, parameters, seed
    outcome: RunOutcome | None


@dataclass(frozen=True, kw_only=True)
class Settled:
    """A trial's verdict as it stands in the ledger. `cause` says why a failed trial failed.

    difference: to the incumbent on the seeds of both, larger is better; threshold: what was asked for of it; None where
    it was not weighed. numbers: what else was measured for it, by name. runs: how many the trial had then; met: how
    many of the incumbent's a kept trial met; None in rows of an early version. incumbent: the trial that it was weighed
    against. twin: the one that it repeats. suspected: its runs all had the same metrics, so it was run again before it
    was kept.
    """

    kind: VerdictKind
    cause: str = ""
    reason: str
    difference: float | None = None
    threshold: float | None = None
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


class Ledger(Protocol):
    """What is kept of one study. What a method has accepted survives a kill and, but in memory, a power cut.

    One that is opened read-only changes nothing, waits for no writer, and sees what others have written by then. Each
    method raises LedgerError where the storage cannot do it. place: where it is kept, for messages. heard: is called
    with each event once it stands in the ledger.
    """

    place: str
    calls: Calls
    heard: Callable[[Event], object]

    @abstractmethod
    def check(self) -> None:
        """Raise LedgerError where what is kept is damaged."""

    @abstractmethod
    def close(self) -> None: ...

    # Documents, each a record of a registered type (`nightlab.experiments.ledger.documents`)

    def put(self, record: T, key: str = "", told: Told | None = None, *, extension: int = 0) -> T:
        """Write a record unless there is one of its type and key already; the one that stands in the ledger.

        key: of types of which there is more than one. told: is told together with the record, if that is written.
        extension: of types that each extension of a study has anew.
        """
        kind, name = kind_of(type(record)), in_extension(kind_of(type(record)).name, extension)
        return self._read(kind, kind.key or key, self.once(name, kind.key or key, kind.body(record), told))

    def get(self, shape: type[T], key: str = "") -> T | None:
        """The record of a type and key, if there is one. Raises LedgerError where its row cannot be read as one."""
        kind = kind_of(shape)
        body = self.document(kind.name, kind.key or key)
        if body is None and kind.formerly:
            whole = kind_of(kind.formerly)
            body = self.document(whole.name, whole.key)
        return None if body is None else self._read(kind, kind.key or key, body)

    def all(self, shape: type[T], *, extension: int = 0) -> dict[str, T]:
        """All records of a type by key, in the order of writing. Raises LedgerError as `get` does."""
        kind = kind_of(shape)
        bodies = self.documents(in_extension(kind.name, extension))
        return {key: self._read(kind, key, body) for key, body in bodies.items()}

    def _read(self, kind: Kind[T], key: str, body: Any) -> T:
        try:
            return kind.read(body)
        except ValueError as error:
            raise LedgerError(f"{self.place}: the document {kind.name} {key!r} is none of its kind: {error}") from error

    @abstractmethod
    def once(self, kind: str, key: str, body: Any, told: Told | None = None) -> Any:
        """Write a document unless there is one already; the body that stands in the ledger either way.

        told: is told together with the document, if that is written.
        """

    @abstractmethod
    def document(self, kind: str, key: str) -> Any | None: ...

    @abstractmethod
    def documents(self, kind: str) -> dict[str, Any]:
        """All documents of a kind by key, in the order of writing."""

    @abstractmethod
    def stamps(self, start: float, end: float) -> list[float]:
        """The times at which rows were written from `start` up to before `end`, in order; seconds of the wall clock."""

    # Events

    @abstractmethod
    def tell(self, told: Told, during: str) -> Event:
        """Tell something, once in a step; the event that stands in the ledger.

        during: names the step, the same in each attempt at it, so that what a kill made it do again is not told again.
        """

    @abstractmethod
    def events(self, after: int = 0) -> Iterator[Event]:
        """What was told after the event of that number, in the order of the numbers, one at a time.

        A later call with the last number goes on from there, also in another process while the study is at work.
        """

    # Trials

    @abstractmethod
    def claim(self, number: int, change: Change) -> Trial:
        """Claim a trial before it runs. A row that is there already wins: the trial in the ledger is returned."""

    @abstractmethod
    def settle(self, number: int, verdict: Settled, told: Told | None = None) -> None:
        """Write a claimed trial's verdict, and tell of it; the first one stands."""

    @abstractmethod
    def trial(self, number: int) -> Trial:
        """A claimed trial."""

    @abstractmethod
    def each_trial(self) -> Iterator[Trial]:
        """All trials by number, one at a time."""

    def trials(self) -> list[Trial]:
        return list(self.each_trial())

    # Runs

    @abstractmethod
    def claim_run(self, phase: str, subject: str, replicate: int, seed: int, inputs: str = "") -> Run:
        """Claim a run before it starts. One that is there already is returned, with its outcome if it has one."""

    @abstractmethod
    def settle_run(self, run: int, outcome: RunOutcome, *beside: ItemHashes | SeriesHash | None) -> None:
        """Write a claimed run's outcome, as `kept` has it, and with it the records of what it gave besides; the first
        ones stand."""

    @abstractmethod
    def each_run(self) -> Iterator[Run]:
        """All runs in the order of their claims, one at a time."""

    @abstractmethod
    def runs(self, phase: str | None = None, subject: str | None = None) -> list[Run]:
        """All runs, or those of a phase, or of one subject in it, in the order of their claims."""

    @abstractmethod
    def runs_by_trial(self, phases: Sequence[str]) -> Generator[Run, None, None]:
        """The runs of phases whose subjects are trials' numbers, in the order of these, one at a time."""

    @abstractmethod
    def unsettled_runs(self) -> list[Run]:
        """The runs that were claimed and have no outcome, in the order of their claims."""

    @abstractmethod
    def good_runs(self, inputs: str) -> list[Run]:
        """The runs with these inputs that went well, in the order of their claims."""

    # The chain (`nightlab.experiments.ledger.chain`): each row is linked when it is written, in the same transaction

    @abstractmethod
    def links(self) -> Iterator[Link]:
        """The whole chain, one at a time."""

    @abstractmethod
    def link(self, table: str, *key: str | int) -> Link | None:
        """That of a row; None where there is no such row, and for one that is older than the chain."""

    @abstractmethod
    def head(self) -> Link | None:
        """The last link; None where nothing was written since ledgers have a chain."""

    @abstractmethod
    def rows(self, table: str) -> Iterator[Row]:
        """The rows of a table as they are kept, in the order of their keys."""

    def linked(self, shape: type[Any], key: str = "") -> Link | None:
        """The link of the document of a type and key."""
        kind = kind_of(shape)
        return self.link("documents", kind.name, kind.key or key)

    def faults(self) -> list[str]:
        """What is wrong with the chain and its rows."""
        head = self.head()
        tables = {table: list(self.rows(table)) for table in KEYS}
        return list(faults(head, tables, self.links()))


OUTPUT = 500  # characters of what a run that went well has printed that are kept


def kept(outcome: RunOutcome) -> RunOutcome:
    """An outcome as ledgers keep it: no more digits than a clock tells, and little of an output that nobody needs."""
    return replace(
        outcome,
        wall_s=round(outcome.wall_s, 4),
        cpu_s=round(outcome.cpu_s, 4),
        memory_mb=round(outcome.memory_mb, 1),
        output=outcome.output if outcome.status != "ok" else outcome.output[:OUTPUT],
    )


def as_json(value: Any) -> str:
    """A body as it is kept. Raises ValueError for what is no JSON, as numbers that are none."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return _HALVES.sub(lambda half: f"\\u{ord(half[0]):04x}", text)  # the odd bytes of a path


_HALVES = re.compile("[\ud800-\udfff]")
