"""The storages that nightlab has, each held to the contract."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from nightlab.experiments.ledger import storage as storages
from nightlab.experiments.ledger.memory import MemoryStorage
from nightlab.experiments.ledger.sqlite.ledger import SqliteStorage
from nightlab.experiments.ledger.storage import Storage, UnknownStorage, holding, opened, storage
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
    assert isinstance(storage(), SqliteStorage)
    assert isinstance(storage("memory"), MemoryStorage)
    with pytest.raises(UnknownStorage, match="'postgres' is no storage; there are memory, sqlite"):
        storage("postgres")
    with pytest.raises(ValueError, match="there is a storage 'sqlite' already"):
        storages.register("sqlite", MemoryStorage())


def test_a_ledger_is_found_where_it_is_kept(tmp_path: Path) -> None:
    for name in ("sqlite", "memory"):
        (tmp_path / name).mkdir()
        with closing(storage(name).open(tmp_path / name)) as ledger:
            ledger.once("study", "mode", name)
        assert holding(tmp_path / name) is storage(name)
        with opened(tmp_path / name, read_only=True) as found:
            assert found.document("study", "mode") == name
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for nowhere in (tmp_path, tmp_path / "gone", tmp_path / "loop", tmp_path / ("long" * 100)):
        assert holding(nowhere) is None
