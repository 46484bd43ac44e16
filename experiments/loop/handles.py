"""The handles of a study's runs, kept in its ledger: so a run that outlives its session is found again."""

from __future__ import annotations

from nightlab.experiments.ledger.documents.search import RunHandle
from nightlab.experiments.ledger.ledger import Ledger


class LedgerHandles:
    """Keeps them by the numbers of the runs; a run has several where its executor has lost it."""

    def __init__(self, ledger: Ledger, executor: str, data: str = "data") -> None:
        """executor: whose they are; those of another one mean nothing to it. data: the folder of their data in the
        study's, which stays while they go on."""
        self._ledger, self._executor, self._data = ledger, executor, data
        self._known: dict[int, list[RunHandle]] = {}
        for key, kept in ledger.all(RunHandle).items():
            self._known.setdefault(int(key.partition(".")[0]), []).append(kept)

    def find(self, run: int) -> str:
        """The last handle that was kept for a run; empty if there is none."""
        mine = [kept.handle for kept in self._known.get(run, ()) if kept.executor == self._executor]
        return mine[-1] if mine else ""

    def keep(self, run: int, handle: str) -> None:
        kept = self._known.setdefault(run, [])
        found = RunHandle(executor=self._executor, handle=handle, data=self._data)
        kept.append(self._ledger.put(found, f"{run}.{len(kept)}"))
