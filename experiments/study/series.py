"""The series that runs reported, kept by their hashes beside the ledger, which names them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nightlab.experiments.ledger.documents.claim import SeriesHash
from nightlab.experiments.ledger.ledger import Ledger, LedgerError

Points = Sequence[tuple[float, float]]  # step, value


class SeriesStore:
    """The series of a study's runs. Reading them checks them against their hash."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder, self._ledger = folder, ledger

    def keep(self, series: Mapping[str, Points]) -> SeriesHash | None:
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

    def of(self, run: int) -> Mapping[str, Points]:
        """What a run reported by name; nothing where it reported nothing. Raises LedgerError for a file that is gone or
        altered."""
        kept = self._ledger.get(SeriesHash, str(run))
        if kept is None:
            return {}
        file = self._file(kept.hash)
        data = file.read_bytes() if file.is_file() else b""
        if hashlib.sha256(data).hexdigest() != kept.hash:
            state = "not what was written there" if data else "missing or empty"
            raise LedgerError(f"{file}: series of run {run}; it is {state}; restore it from a copy")
        return {name: [(step, value) for step, value in points] for name, points in json.loads(data).items()}

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.json"
