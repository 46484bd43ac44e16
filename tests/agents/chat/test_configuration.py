"""nightlab.toml: what it sets, what goes before it, and how a wrong one is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightlab.agents.chat.configuration import completed, configured
from nightlab.agents.chat.settings import ModelSettings
from nightlab.experiments.study.settings import Settings, SettingsError

FULL = """
[models]
model = "openai:small"
reviewer = "openai:large"
coder = { model = "openai:coder", base_url = "http://127.0.0.1:8099/v1", context = 16384 }
temperature = 0.7

[prices]
small = { in = 0.4, out = 1.6 }
"""


def from_file(folder: Path, text: str, settings: ModelSettings | None = None) -> ModelSettings:
    (folder / "nightlab.toml").write_text(text)
    return configured(settings or ModelSettings(), folder)


def test_models_parameters_and_prices_come_from_the_file(tmp_path: Path) -> None:
    told = from_file(tmp_path, FULL)
    assert told.model == "openai:small"
    assert told.models == {"reviewer": "openai:large", "coder": "openai:coder"}
    assert told.parameters["writer"] == {"temperature": 0.7}
    assert told.parameters["coder"] == {
        "temperature": 0.7,
        "base_url": "http://127.0.0.1:8099/v1",
        "context": 16384,
    }
    assert told.prices == {"small": {"in": 0.4, "out": 1.6}}


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    given = ModelSettings(model="openai:mine", models={"reviewer": "openai:judge"}, base_url="http://127.0.0.1:1/v1")
    told = from_file(tmp_path, FULL, given)
    assert (told.model, told.models) == ("openai:mine", {"reviewer": "openai:judge"})
    assert told.parameters["coder"]["base_url"] == "http://127.0.0.1:1/v1"


def test_a_role_may_have_none(tmp_path: Path) -> None:
    told = from_file(tmp_path, '[models]\nmodel = "openai:small"\nsolver = "none"\n')
    assert (told.of("solver"), told.of("writer")) == ("", "openai:small")


def test_without_a_file_nothing_changes(tmp_path: Path) -> None:
    assert configured(ModelSettings(tokens=3), tmp_path) == ModelSettings(tokens=3)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[models]\nautor = 'openai:a'", r"\[models\.autor\]: is not a known key.*the keys here are .*writer"),
        ("[models.coder]\nmax_token = 7", r"\[models\.coder\.max_token\]: is not a known key.*did you mean max_tokens"),
        ("[models]\ntemperature = 3", r"\[models\.temperature\]: must be at most 2 \(found 3\)"),
        ("[prices]\na = {input = 1}", r"\[prices\.a\.input\]: is not a known key.*the keys here are in, cached, out"),
        ("[prices]\na = {in = 1, out = -1}", r"\[prices\.a\.out\]: must be at least 0 \(found -1\)"),
        ("[price]", r"\[price\]: is not a known key.*did you mean prices\? the keys here are models, prices"),
        (
            "[models]\ncoder = 3\nwriter = ''",
            r"coder\]: must be a text in quotes \(found 3\)\n.*writer\]: must be a text of at",
        ),
        ("a = [", "not valid TOML"),
        ("[models]\nbase_url = 'http://me:secret@host/v1'", "must not carry a key"),
        ("[models]\nbase_url = 'host:80'", "is no address"),
    ],
)
def test_a_wrong_file_is_told_with_its_key(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told) as error:
        from_file(tmp_path, text)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("{", "neither JSON lines nor TOML"),
        ('{"anser": 1}', r"\[answer\.1\.anser\]: is not a known key.*did you mean answer"),
        ('{"answer": 3, "repeat": []}', r"1\.answer\]: must be .*\n.*\[answer\.1\.repeat\]: must be true or false"),
    ],
)
def test_a_wrong_script_is_told_before_there_is_a_study(tmp_path: Path, lines: str, told: str) -> None:
    (tmp_path / "script.jsonl").write_text(lines)
    with pytest.raises(SettingsError, match=told):
        completed(Settings(), ModelSettings(model=f"fake:{tmp_path}/script.jsonl"), tmp_path)


def test_a_usd_limit_needs_a_price(tmp_path: Path) -> None:
    settings = ModelSettings(model="openai:unknown", base_url="https://gateway.example/v1", usd=1.0)
    with pytest.raises(SettingsError, match=r"price of 'openai:unknown'.*\[prices\]"):
        completed(Settings(), settings, tmp_path)


def test_a_script_is_kept_by_its_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "script.jsonl").write_text('{"answer": "x"}\n')
    monkeypatch.chdir(tmp_path)
    assert (
        completed(Settings(), ModelSettings(model="fake:script.jsonl"), tmp_path)[1].model
        == f"fake:{tmp_path}/script.jsonl"
    )
