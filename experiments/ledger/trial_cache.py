"""The trials of a study's search: those at work are kept in memory, the settled ones are read from the ledger."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar, overload

from nightlab.experiments.ledger.ledger import Ledger, Run, Trial
from nightlab.experiments.ledger.trial_scores import SEARCH, counts
from nightlab.experiments.records import RunOutcome

BESIDE = "beside"  # the phase of the incumbent's runs beside a candidate's, whose number is their subject
T = TypeVar("T")
RECENT = 256  # settled trials that stay at hand


@dataclass(kw_only=True)
class Entry:
    """A trial with its replicates so far, in the order of the search seeds."""

    trial: Trial
    wanted: int
    outcomes: list[RunOutcome | None] = field(default_factory=list)
    partners: list[RunOutcome | None] = field(default_factory=list)  # of the incumbent, beside it; a timing has them
    paired: bool = False  # whether it needs partners

    @property
    def complete(self) -> bool:
        return _filled(self.outcomes, self.wanted) and (not self.paired or _filled(self.partners, self.wanted))

    def counting(self, seeds: int) -> list[RunOutcome]:
        """The outcomes that enter its scores, where it has so many seeds."""
        return [outcome for i, outcome in enumerate(self.outcomes) if counts(outcome, i, seeds)]

    def record(self, replicate: int, outcome: RunOutcome | None, *, beside: bool = False) -> None:
        kept = self.partners if beside else self.outcomes
        kept += [None] * (replicate + 1 - len(kept))
        kept[replicate] = outcome
        self.wanted = max(self.wanted, replicate + 1)


class ByNumber(Sequence[T]):
    """A sequence whose items are made when they are asked for, one at a time."""

    @abstractmethod
    def _one(self, number: int) -> T: ...

    @overload
    def __getitem__(self, number: int) -> T: ...
    @overload
    def __getitem__(self, number: slice) -> list[T]: ...
    def __getitem__(self, number: int | slice) -> T | list[T]:
        wanted = range(len(self))[number]
        return self._one(wanted) if isinstance(wanted, int) else [self._one(n) for n in wanted]


class TrialCache(ByNumber[Entry]):
    """Every claimed trial by its number. An entry that was closed is made anew from the ledger when it is asked for,
    so that runs and verdicts do not fill the memory of a long study; the loop keeps a few hundred bytes a trial."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._count = 0
        self._at_work: dict[int, Entry] = {}

    def __len__(self) -> int:
        return self._count

    def _one(self, number: int) -> Entry:
        return self._at_work.get(number) or self._read(number)

    def __iter__(self) -> Iterator[Entry]:
        """All entries in one pass over the ledger."""
        ran = self._ledger.runs_by_trial((SEARCH, BESIDE))
        run = next(ran, None)
        for trial in self._ledger.each_trial():
            entry = Entry(trial=trial, wanted=0)
            while run is not None and int(run.subject) <= trial.number:
                _take(entry, run)
                run = next(ran, None)
            yield self._at_work.get(trial.number, entry)

    def at_work(self, number: int) -> Entry | None:
        return self._at_work.get(number)

    def open(self, entry: Entry) -> None:
        """Enter the next trial; it stays in memory until it is closed."""
        assert entry.trial.number == self._count
        self._at_work[self._count] = entry
        self._count += 1

    def close(self, number: int) -> None:
        """The trial's runs and verdict stand in the ledger and are not needed for now."""
        self._at_work.pop(number, None)

    def _read(self, number: int) -> Entry:
        entry = Entry(trial=self._ledger.trial(number), wanted=0)
        for phase in (SEARCH, BESIDE):
            for run in self._ledger.runs(phase, str(number)):
                _take(entry, run)
        return entry


class History(ByNumber[Trial]):
    """Every claimed trial by its number, read from the ledger."""

    def __init__(self, books: TrialCache, ledger: Ledger) -> None:
        self._books, self._ledger = books, ledger
        self._settled = functools.lru_cache(maxsize=RECENT)(ledger.trial)

    def __len__(self) -> int:
        return len(self._books)

    def _one(self, number: int) -> Trial:
        entry = self._books.at_work(number)
        return entry.trial if entry else self._settled(number)

    def __iter__(self) -> Iterator[Trial]:
        return self._ledger.each_trial()


def _take(entry: Entry, run: Run) -> None:
    entry.record(run.replicate, run.outcome, beside=run.phase == BESIDE)


def _filled(outcomes: list[RunOutcome | None], wanted: int) -> bool:
    return len(outcomes) >= wanted and None not in outcomes[:wanted]
