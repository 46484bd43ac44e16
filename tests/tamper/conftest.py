"""One small study for all tests of this folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tamper import small


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small.study(tmp_path_factory.mktemp("studies"))


@pytest.fixture(scope="session")
def stranger() -> Any:
    """verify.py as a module."""
    return small.stranger()
