"""The options of the commands are what the settings declare, and nothing is named twice."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from typer.testing import CliRunner

from nightlab import cli
from nightlab.agents.chat.settings import ModelSettings
from nightlab.commands.common.options import given
from nightlab.commands.fork import fork
from nightlab.commands.run import experiment, run
from nightlab.experiments.options import declared
from nightlab.experiments.study.settings import Settings

ASKED = {  # as the command line calls them
    "reviewer_model" if s.option.role else s.name
    for concern in (Settings, ModelSettings)
    for s in declared(concern).values()
    if s.option
}


@pytest.mark.parametrize(
    ("command", "own", "without"),
    [
        (run, {"template", "require_accept"}, set()),
        (experiment, {"template"}, {"rounds", "reviewer_model", "venue"}),
        (fork, {"study", "trial"}, {"key", "replay"}),
    ],
)
def test_a_command_asks_for_each_setting_once(command: Any, own: set[str], without: set[str]) -> None:
    found = list(inspect.signature(command).parameters)
    assert len(found) == len(set(found))
    assert set(found) == ASKED - without | own | {"out", "dry_run", "as_json"}


def test_what_a_setting_declares_is_what_help_says() -> None:
    shown = " ".join(CliRunner().invoke(cli.app, ["run", "--help"], env={"COLUMNS": "400"}).output.split())
    for setting in (*declared(Settings).values(), *declared(ModelSettings).values()):
        assert not setting.option or " ".join(setting.option.help.split()) in shown
    inherited = " ".join(CliRunner().invoke(cli.app, ["fork", "--help"], env={"COLUMNS": "400"}).output.split())
    assert inherited.count("[default: (the study's") == len(ASKED) - len({"key", "replay"})


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"trials": 3, "seeds": None}, {"trials": 3}),
        ({"reviewer_model": "fake:x"}, {"models": {"reviewer": "fake:x"}}),
        ({"reviewer_model": None, "model": ""}, {"model": ""}),
        ({"isolation": None, "record": False}, {"record": False}),
    ],
)
def test_what_is_not_given_is_left_to_where_it_comes_from(options: dict[str, Any], found: dict[str, Any]) -> None:
    assert given(options) == found


@pytest.mark.parametrize(
    "words",
    [
        ["run", "digits", "--trials", "0"],
        ["experiment", "digits", "--hours", "0"],
        ["fork", "x", "--trial", "1", "--usd", "0"],
        ["run", "digits", "--confirm-seeds", "1001"],
        ["experiment", "digits", "--rounds", "2"],
    ],
)
def test_a_slip_is_refused(words: list[str]) -> None:
    assert CliRunner().invoke(cli.app, words).exit_code == 2


@pytest.mark.parametrize("words", [["run", "nowhere"], ["experiment", "nowhere"], ["fork", "nowhere", "--trial", "0"]])
def test_a_command_that_is_given_no_option_comes_as_far_as_its_template(words: list[str]) -> None:
    ended = CliRunner().invoke(cli.app, words)
    assert ended.exit_code == 2
    assert "nightlab: " in ended.output
    assert "nowhere" in ended.output
    assert "Invalid value" not in ended.output
