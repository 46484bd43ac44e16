"""Where ledgers are kept: the seam behind which SQLite, or another store, stands. Each study has one ledger there."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from nightlab.experiments.ledger.ledger import Ledger, LedgerError
from nightlab.experiments.ledger.memory import MemoryStorage
from nightlab.experiments.ledger.sqlite import SqliteStorage

SQLITE = "sqlite"


class Storage(Protocol):
    """Keeps ledgers by the folders of their studies."""

    @abstractmethod
    def open(self, study: Path, *, read_only: bool = False) -> Ledger:
        """The ledger of a study; a new one where there is none yet, unless it is only to be read.

        Raises LedgerError for one that cannot be read.
        """

    @abstractmethod
    def holds(self, study: Path) -> bool:
        """Whether there is a ledger of that study."""

    @abstractmethod
    def move(self, study: Path, to: Path) -> None:
        """Move a study's folder with all that is in it; its ledger is that of the new one."""

    @abstractmethod
    def studies(self, place: Path) -> list[Path]:
        """The folders of the studies that stand in a folder, the one written to last first."""


STORAGES: Mapping[str, Storage] = {SQLITE: SqliteStorage(), "memory": MemoryStorage()}


def storage(name: str = SQLITE) -> Storage:
    """The storage of that name. Raises LedgerError where there is none."""
    if name not in STORAGES:
        raise LedgerError(f"{name!r} is no storage; there are {', '.join(STORAGES)}")
    return STORAGES[name]


@contextmanager
def opened(study: Path, *, read_only: bool = False, kept_in: str = SQLITE) -> Iterator[Ledger]:
    """The ledger of a study, closed at the end."""
    ledger = storage(kept_in).open(study, read_only=read_only)
    try:
        yield ledger
    finally:
        ledger.close()
