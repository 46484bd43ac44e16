"""Where ledgers are kept: the seam behind which SQLite, or another store, stands. Each study has one ledger there.

The storages are known by name: those below, those that a program registers, and those of installed packages.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol

from nightlab.experiments.ledger.ledger import Ledger, LedgerError
from nightlab.experiments.ledger.memory import MemoryStorage
from nightlab.experiments.ledger.sqlite.ledger import SqliteStorage

SQLITE = "sqlite"
GROUP = "nightlab.storages"  # of entry points: a package names what makes its storage


class Storage(Protocol):
    """Keeps ledgers by the folders of their studies."""

    @abstractmethod
    def open(self, study: Path, *, read_only: bool = False) -> Ledger:
        """The ledger of a study; a new one where there is none yet, unless it is only to be read.

        Raises LedgerError for one that cannot be read.
        """

    @abstractmethod
    def holds(self, study: Path) -> bool:
        """Whether there is a ledger of that study; asked of any folder, so it raises nothing."""

    @abstractmethod
    def move(self, study: Path, to: Path) -> None:
        """Move a study's folder with all that is in it; its ledger is that of the new one."""

    @abstractmethod
    def studies(self, place: Path) -> list[Path]:
        """The folders of the studies that stand in a folder, the one written to last first."""


_storages: dict[str, Storage] = {SQLITE: SqliteStorage(), "memory": MemoryStorage()}


class UnknownStorage(LedgerError):
    """No storage has the name that was given."""

    exit_code = 2


def register(name: str, made: Storage) -> None:
    """Add a storage. Raises ValueError where another has the name."""
    if _storages.setdefault(name, made) is not made:
        raise ValueError(f"there is a storage {name!r} already")


def storage(name: str = SQLITE) -> Storage:
    """The storage of that name. Raises UnknownStorage where there is none."""
    _load(name)
    if name not in _storages:
        raise UnknownStorage(f"{name!r} is no storage; there are {', '.join(sorted(_storages))}")
    return _storages[name]


def holding(study: Path) -> Storage | None:
    """The storage that holds the ledger of that study."""
    _load()
    return next((each for each in _storages.values() if each.holds(study)), None)


def _load(name: str | None = None) -> None:
    """Make the storages of installed packages known, or the one of that name."""
    for point in _points():
        if name in (None, point.name) and point.name not in _storages:
            register(point.name, point.load()())


@functools.cache
def _points() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


@contextmanager
def opened(study: Path, *, read_only: bool = False) -> Iterator[Ledger]:
    """The ledger of a study, wherever it is kept, closed at the end."""
    ledger = (holding(study) or storage()).open(study, read_only=read_only)
    try:
        yield ledger
    finally:
        ledger.close()
