"""Values by item: written with their run's outcome, and read only as they were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nightlab.experiments.ledger.ledger import LedgerError
from nightlab.experiments.ledger.memory import MemoryLedger
from nightlab.experiments.records import RunOutcome
from nightlab.experiments.study.items import ItemStore


def test_arrays_of_a_run_that_was_killed_before_its_outcome_make_room_for_those_that_count(tmp_path: Path) -> None:
    ledger = MemoryLedger()
    store, run = ItemStore(tmp_path / "items", ledger), ledger.claim_run("confirm", "best", 0, 1).id
    store.keep({"dev": {"height": np.array([1.0])}})  # killed here
    assert store.of(run, "dev", "height") is None
    ledger.settle_run(run, RunOutcome(status="ok"), store.keep({"dev": {"height": np.array([2.0])}}))
    values, _ = store.of(run, "dev", "height") or (None, None)
    assert values is not None
    assert values.tolist() == [2.0]


@pytest.mark.parametrize(("state", "damage"), [("missing", None), ("empty", b""), ("not what was written", b"x")])
def test_a_damaged_array_is_told_and_an_empty_one_is_written_anew(
    tmp_path: Path, state: str, damage: bytes | None
) -> None:
    ledger, found = MemoryLedger(), {"dev": {"height": np.array([1.0])}}
    run = ledger.claim_run("confirm", "best", 0, 1).id
    ledger.settle_run(run, RunOutcome(status="ok"), ItemStore(tmp_path, ledger).keep(found))  # type: ignore[arg-type]
    (file,) = tmp_path.iterdir()
    file.unlink() if damage is None else file.write_bytes(damage)
    store = ItemStore(tmp_path, ledger)
    with pytest.raises(LedgerError, match=f"{file.name}: .* it is {state}.*; restore it from a copy"):
        store.of(run, "dev", "height")
    store.keep(found)  # type: ignore[arg-type]
    assert store.of(run, "dev", "height") is not None
