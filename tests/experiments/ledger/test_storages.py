"""The storages that nightlab has, each held to the contract."""

from __future__ import annotations

import pytest

from nightlab.experiments.ledger.ledger import LedgerError
from nightlab.experiments.ledger.memory import MemoryStorage
from nightlab.experiments.ledger.sqlite import SqliteStorage
from nightlab.experiments.ledger.storage import STORAGES, Storage, storage
from tests.experiments.ledger.storage_contract import StorageContract


class TestSqlite(StorageContract):
    @pytest.fixture
    def storage(self) -> Storage:
        return SqliteStorage()


class TestMemory(StorageContract):
    @pytest.fixture
    def storage(self) -> Storage:
        return MemoryStorage()


def test_storages_have_names() -> None:
    assert {storage(name) for name in STORAGES} == set(STORAGES.values())
    with pytest.raises(LedgerError, match="'postgres' is no storage; there are sqlite, memory"):
        storage("postgres")
