"""Studies with a model as coder: killed at any moment, and replayed from a recording without the model."""

from __future__ import annotations

import json
from pathlib import Path

from nightlab.agents.chat.settings import ModelSettings, settings_from
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import read
from nightlab.graph.session import begin, work
from tests.agents.model.test_coding import FIXED, KNOBLESS, edit
from tests.conftest import MakeTemplate
from tests.graph.test_graphs import books, killed_and_resumed

ANSWERS = [
    edit("X = 0.1", "X = 0.2"),
    edit("X = 5", "X = 0.3"),  # sent back
    edit("X = 0.2", "X = oops"),
    edit("X = oops", "X = 0.4"),
    edit("X = 0.4", "X = 0.6"),
]


def start(make_template: MakeTemplate, tmp_path: Path, count: int, **settings: object) -> list[Path]:
    script = tmp_path / "script.jsonl"
    script.write_text("".join(f"{json.dumps({'answer': a})}\n" for a in ANSWERS))
    template = make_template(files={"template.toml": KNOBLESS, "experiment.py": FIXED})
    given, models = settings_from({"trials": 4, "models": {"coder": f"fake:{script}"}, **settings})
    return [begin(template, given, tmp_path / "studies", "experiment", models) for _ in range(count)]


def artifacts(folder: Path) -> list[tuple[str, str]]:
    study = read(folder)
    found = [(t.change.artifact, t.change.proposer) for t in study.ledger.trials()]
    study.close()
    return found


def test_a_kill_at_any_moment_asks_and_runs_nothing_twice(make_template: MakeTemplate, tmp_path: Path) -> None:
    plain, killed = start(make_template, tmp_path, 2)
    work(plain, lambda _event: None)
    killed_and_resumed(killed, (1.3, 1.6, 2.0))
    assert books(killed) == books(plain)
    assert artifacts(killed) == artifacts(plain)
    study = read(killed)
    calls = [(c.role, c.stage, c.attempt) for c in study.ledger.calls.all()]
    study.close()
    assert len(calls) == len(set(calls)) == len(ANSWERS)


def test_a_recorded_study_is_replayed_with_the_same_decisions(make_template: MakeTemplate, tmp_path: Path) -> None:
    (recorded,) = start(make_template, tmp_path, 1, record=True)
    work(recorded, lambda _event: None)
    (tmp_path / "script.jsonl").unlink()
    again = ModelSettings(replay=str(recorded))
    replayed = begin(recorded / "template", Settings(), tmp_path / "studies", "experiment", again)
    work(replayed, lambda _event: None)
    assert books(replayed) == books(recorded)
    assert artifacts(replayed) == artifacts(recorded)
