"""The series that runs reported, and the arrays that the judge gave for figures, kept by their hashes beside the
ledger, which names them. A series has the name that its run gave it and rows of a step and a value; an array is called
SPLIT/NAME and has rows of as many numbers as the judge gave."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nightlab.experiments.ledger.documents.claim import SeriesHash
from nightlab.experiments.ledger.ledger import Ledger, LedgerError

Rows = Sequence[tuple[float, ...]]


class SeriesStore:
    """The series of a study's runs. Reading them checks them against their hash."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder, self._ledger = folder, ledger

    def keep(self, series: Mapping[str, Rows]) -> SeriesHash | None:
        """Keep what a run reported; the record of it, to be written with the run's outcome."""
        if not series:
            return None
        data = json.dumps(series, sort_keys=True).encode()
        key = hashlib.sha256(data).hexdigest()
        file = self._file(key)
        if not file.is_file():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            (aside := file.with_suffix(".new")).write_bytes(data)
            aside.replace(file)
        return SeriesHash(hash=key)

    def of(self, run: int) -> Mapping[str, Rows]:
        """What a run reported, and the arrays that its judge gave, by name; nothing where there is neither. Raises
        LedgerError for a file that is gone or altered."""
        kept = self._ledger.get(SeriesHash, str(run))
        if kept is None:
            return {}
        file = self._file(kept.hash)
        data = file.read_bytes() if file.is_file() else b""
        if hashlib.sha256(data).hexdigest() != kept.hash:
            state = "not what was written there" if data else "missing or empty"
            raise LedgerError(f"{file}: series of run {run}; it is {state}; restore it from a copy")
        return {name: [tuple(row) for row in rows] for name, rows in json.loads(data).items()}

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.json"
