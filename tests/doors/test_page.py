"""The page about one's own script: its commands do what it says, in its order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nightlab.cli import app
from nightlab.experiments.template.loading import load

PAGE = Path(__file__).parents[2] / "docs" / "my-script.md"


def test_the_commands_of_the_page_do_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = PAGE.read_text(encoding="utf-8")
    (script,) = re.findall(r"```python\n# train.py\n(.*?)```", text, re.DOTALL)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "train.py").write_text(script)
    monkeypatch.chdir(tmp_path)
    commands = [shlex.split(line) for line in re.findall(r"```sh\nnightlab (.*)\n```", text)]
    asked, tried, made, study, kept = commands
    run = CliRunner().invoke
    first = run(app, asked)
    assert (first.exit_code, "python train.py --lr {lr}" in first.output) == (2, True)
    second = run(app, tried)
    assert (second.exit_code, "--metric val_loss" in second.output) == (2, True)
    third = run(app, [*made, "--no-check"])
    assert third.exit_code == 0, third.output
    assert [*load(tmp_path / study[1]).spec.search.space] == ["lr", "layers", "warmup"]
    assert (study[0], kept[0]) == ("experiment", "finalize")
