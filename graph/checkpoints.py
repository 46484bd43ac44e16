"""The study's checkpoints: only the latest are kept, so that graph.db stays small however long a study runs."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from nightlab.experiments.errors import NightlabError
from nightlab.graph.state import ExperimentInput, ExperimentOutput, ExperimentState, PipelineState

KEPT = 4  # checkpoints of each namespace: the latest, and a few that tell how it came there
EVERY = 32  # checkpoints between two prunings
OWN: list[Any] = [ExperimentInput, ExperimentState, ExperimentOutput, PipelineState]  # what checkpoints hold of ours


class CheckpointError(NightlabError):
    """Checkpoints that cannot be used; the message says what to do."""


class PrunedSaver(SqliteSaver):
    """SqliteSaver that forgets checkpoints which no resume can need."""

    _puts = 0

    def put(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        saved = super().put(config, checkpoint, metadata, new_versions)
        self._puts += 1
        if self._puts % EVERY == 0:
            self._prune(saved["configurable"]["thread_id"], saved["configurable"]["checkpoint_ns"])
        return saved

    def _prune(self, thread: str, namespace: str) -> None:
        where = "WHERE thread_id = ? AND checkpoint_ns = ?"
        oldest = f"(SELECT min(checkpoint_id) FROM (SELECT checkpoint_id FROM checkpoints {where}"
        oldest += f" ORDER BY checkpoint_id DESC LIMIT {KEPT}))"
        with self.cursor() as cursor:
            for table in ("writes", "checkpoints"):
                key = (thread, namespace)
                cursor.execute(f"DELETE FROM {table} {where} AND checkpoint_id < {oldest}", (*key, *key))


def _damage(file: Path) -> str:
    """What is wrong with the checkpoints; empty if nothing is, or if there are none."""
    if not file.exists():
        return ""
    if not file.stat().st_size:
        return "empty"
    try:
        with closing(sqlite3.connect(file)) as connection:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            for config in SqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=OWN)).list(None):
                assert config.checkpoint is not None
    except (sqlite3.DatabaseError, ValueError, TypeError, KeyError) as error:
        return str(error) or type(error).__name__
    return "" if found == "ok" else str(found)


def _set_aside_if_damaged(file: Path) -> None:
    """A replay from the start costs little, since the ledger keeps all work: better than to give the study up."""
    if damage := _damage(file):
        told = "%s is corrupt (%s) and was set aside; the study goes on from its ledger, which has all that was done"
        logging.getLogger(__name__).warning(told, file, " ".join(damage.split()))
        for part in (file.with_name(f"{file.name}{end}") for end in ("", "-wal", "-shm")):
            if part.exists():
                part.replace(part.with_name(f"{part.name}.corrupt"))


@contextmanager
def checkpoints(file: Path) -> Iterator[PrunedSaver]:
    """The saver over a study's graph.db. Raises CheckpointError where that cannot be used."""
    _set_aside_if_damaged(file)
    try:
        with closing(sqlite3.connect(file, check_same_thread=False)) as connection:
            # The ledger is the truth and a replay repeats nothing, so the checkpoints need not wait for the disk.
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            connection.execute("PRAGMA cache_size=-500")  # kB: only the latest checkpoints are read
            yield PrunedSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=OWN))
    except sqlite3.Error as error:
        raise CheckpointError(f"{file} cannot be used ({error}); is the disk full or the folder read-only?") from error
