"""The short version of `make durability`; tests/graph/test_graphs.py has its kills."""

from __future__ import annotations

import pytest

from tests.durability.damage import SCENARIOS, Scene

SHORT = ("full disk", "corrupt checkpoint", "corrupt ledger")  # the rest needs more time


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    return Scene(tmp_path_factory.mktemp("damage"), thorough=False)


@pytest.mark.parametrize("what", SHORT)
def test_a_study_survives(what: str, scene: Scene) -> None:
    assert SCENARIOS[what](scene) == ""
