"""The page about one's own script: its commands do what it says, in its order."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nightlab.cli import app
from nightlab.experiments.ledger.ledger import Settled
from nightlab.experiments.records import Change, RunOutcome
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import create, reopen
from nightlab.experiments.template.loading import load
from tests.experiments.finalize.test_finalize import plain_git

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
    program = tmp_path / "mine"
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        plain_git(program, *words)
    folder = kept_by_hand(tmp_path / study[1])
    last = run(app, ["finalize", str(folder), *kept[2:]])
    assert last.exit_code == 0, last.output
    new = plain_git(program, "show", f"{kept[3]}:train.py")
    assert new == script.replace('"--lr", type=float, default=0.1', '"--lr", type=float, default=0.3').strip()
    assert (program / "train.py").read_text() == script


def kept_by_hand(template: Path) -> Path:
    """A study of an adopted template that kept another lr; no path of this machine stands in its template."""
    assert str(template.parent) not in (template / "template.toml").read_text(encoding="utf-8")
    folder = create(load(template), Settings(), template.parent / "studies", mode="experiment")
    with reopen(folder) as study:
        for number, (kind, lr) in enumerate([("baseline", 0.1), ("kept", 0.3)]):
            params = {**study.template.defaults, "lr": lr}
            parent = 0 if number else None
            change = Change(
                strategy="lr",
                hypothesis="It helps.",
                params=params,
                artifact=study.baseline_artifact,
                parent=parent,
                proposer="test",
            )
            study.ledger.claim(number, change)
            run = study.ledger.claim_run("search", str(number), 0, 0)
            outcome = RunOutcome(status="ok", metrics={"dev": {"val_loss": 0.3 - number / 10}})
            study.ledger.settle_run(run.id, outcome)
            study.ledger.settle(number, Settled(kind=kind, reason="r", elapsed_s=1.0))  # type: ignore[arg-type]
    return folder
