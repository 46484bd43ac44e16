"""Values by item: what an evaluator said of each image, day or question, kept as arrays by their hashes.

They lie in the study's folder, which no run sees. Those of the holdout go nowhere but into the claim's test.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightlab.experiments.ledger.documents.claim import ItemHashes
from nightlab.experiments.ledger.ledger import Ledger, LedgerError
from nightlab.experiments.records import Split


class ItemStore:
    """The item arrays of a study. Reading one checks it against its hash."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self._folder, self._ledger = folder, ledger
        self._known = dict[str, NDArray[Any]]()
        self._records = dict[int, ItemHashes]()  # never rewritten once they are there

    def keep(self, found: Mapping[Split, Mapping[str, NDArray[Any]]]) -> ItemHashes | None:
        """Keep what a run was scored by; the record of it, to be written with the run's outcome."""
        if not found:
            return None
        return ItemHashes(
            of={split: {name: self._put(values) for name, values in table.items()} for split, table in found.items()}
        )

    def kept(self, run: int) -> ItemHashes | None:
        """The record of a run's arrays."""
        if run not in self._records and (found := self._ledger.get(ItemHashes, str(run))):
            self._records[run] = found
        return self._records.get(run)

    @property
    def given(self) -> bool:
        """Whether the evaluator gave values by item of any run."""
        return bool(self._ledger.all(ItemHashes))

    def lacks(self, run: int) -> bool:
        """Whether a run that went well has no values by item, though the evaluator gives them."""
        return self.kept(run) is None and self.given

    def of(self, run: int, split: Split, name: str) -> tuple[NDArray[Any], NDArray[Any] | None] | None:
        """A metric's values by item in a run, and the groups of the items where they have some; None where the
        evaluator gave no values."""
        hashes = self.kept(run)
        table = hashes.of.get(split, {}) if hashes else {}
        if name not in table:
            return None
        return self._get(table[name]), self._get(table["group"]) if "group" in table else None

    def _put(self, values: NDArray[Any]) -> str:
        data = io.BytesIO()
        np.save(data, values, allow_pickle=False)
        key = hashlib.sha256(data.getvalue()).hexdigest()
        file = self._file(key)
        if not file.is_file() or file.stat().st_size != data.tell():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            with (aside := file.with_suffix(".new")).open("wb") as out:
                out.write(data.getvalue())
                out.flush()
                os.fsync(out.fileno())  # the ledger, which names it, outlives a power cut
            aside.replace(file)
        return key

    def _get(self, key: str) -> NDArray[Any]:
        """Raises LedgerError for an array that is gone or altered."""
        if key not in self._known:
            file = self._file(key)
            data = file.read_bytes() if file.is_file() else b""
            if hashlib.sha256(data).hexdigest() != key:
                state = "not what was written there" if data else "empty" if file.is_file() else "missing"
                raise LedgerError(
                    f"{file}: values by item on which a claim rests; it is {state}; restore it from a copy"
                )
            self._known[key] = np.load(io.BytesIO(data), allow_pickle=False)
        return self._known[key]

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.npy"
