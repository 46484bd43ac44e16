"""The settings of the models: a document of their own, read from those of the study in an early ledger."""

from __future__ import annotations

from typing import Any

import pytest

from nightlab.agents.chat.settings import ModelSettings, model_settings, parted, settings_from
from nightlab.experiments.ledger.memory import MemoryLedger
from nightlab.experiments.study.settings import Settings, SettingsError

FLAT = {  # as an early version wrote them
    **{"seed": 3, "trials": 5, "rounds": 1, "policy": "tree", "isolation": "S2", "key": "ab" * 16},
    **{"model": "openai:small", "models": {"reviewer": "openai:large"}, "base_url": "", "tokens": 9, "usd": 0.5},
    **{"record": True, "parameters": {"coder": {"retries": 2}}, "prices": {"a": {"in": 1.0}}, "replay": ""},
}


def test_settings_of_an_early_version_are_read_by_concern() -> None:
    ledger = MemoryLedger()
    ledger.once("study", "settings", FLAT)
    settings, models = settings_from(FLAT)
    assert ledger.get(Settings) == settings == Settings(**parted(FLAT)[0])
    assert model_settings(ledger) == models
    assert (models.of("reviewer"), models.of("coder"), models.usd) == ("openai:large", "openai:small", 0.5)


@pytest.mark.parametrize("kept", [ModelSettings(), ModelSettings(model="fake:x", tokens=1)])
def test_settings_of_the_models_have_a_row_of_their_own(kept: ModelSettings) -> None:
    ledger = MemoryLedger()
    ledger.put(kept)
    ledger.put(Settings(trials=2))
    assert model_settings(ledger) == kept
    assert set(ledger.document("study", "settings")).isdisjoint(ledger.document("study", "models"))


def test_a_study_that_says_nothing_of_models_has_none() -> None:
    ledger = MemoryLedger()
    assert model_settings(ledger) == ModelSettings()
    ledger.put(Settings())
    assert not model_settings(ledger).any


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"trails": 3}, "trails is not a known key.*did you mean trials"),
        ({"modle": "a"}, "modle is not a known key.*did you mean model"),
        ({"trials": True}, "trials = True must be a whole number"),
        ({"trials": 1.5}, "trials = 1.5 must be a whole number"),
        ({"tokens": -1}, "tokens = -1 must be at least 1"),
        ({"rounds": -1}, "rounds = -1 must not be negative"),
        ({"hours": "8"}, "hours = '8' must be a number"),
        ({"usd": float("inf")}, "usd = inf must not be negative"),
        ({"hours": float("nan")}, "hours = nan must not be negative"),
        ({"confirm_seeds": 1}, "confirm_seeds = 1 must be from 2 to 1000"),
        ({"workers": 0}, "workers = 0 must be at least 1"),
        ({"isolation": "S9"}, "isolation = 'S9' is no level; give S3, S2, S1 or S0"),
        ({"models": {"autor": "a"}}, "models: 'autor' is no role"),
    ],
)
def test_what_is_impossible_is_told_with_its_name(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        settings_from(given)


def test_what_lies_out_of_the_range_of_a_slip_is_possible() -> None:
    settings, models = settings_from({"hours": 1e6, "usd": 1e-9, "confirm_seeds": 0})
    assert (settings.hours, settings.confirm_seeds, models.usd) == (1e6, 0, 1e-9)
