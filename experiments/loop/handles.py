"""The handles of a study's runs, kept in its ledger: so a run that outlives its session is found again."""

from __future__ import annotations

from nightlab.experiments.ledger.documents.search import RunHandle
from nightlab.experiments.ledger.ledger import Ledger


class LedgerHandles:
    """Keeps them by the numbers of the runs; a run has several where its executor has lost it."""

    def __init__(self, ledger: Ledger, executor: str) -> None:
        """executor: whose they are; those of another one mean nothing to it."""
        self._ledger, self._executor = ledger, executor
        self._known: dict[int, list[RunHandle]] = {}
        for key, kept in ledger.all(RunHandle).items():
            self._known.setdefault(int(key.partition(".")[0]), []).append(kept)

    def find(self, run: int) -> str:
        """The last handle that was kept for a run; empty if there is none."""
        mine = [kept.handle for kept in self._known.get(run, ()) if kept.executor == self._executor]
        return mine[-1] if mine else ""

    def keep(self, run: int, handle: str) -> None:
        kept = self._known.setdefault(run, [])
        kept.append(self._ledger.put(RunHandle(executor=self._executor, handle=handle), f"{run}.{len(kept)}"))
