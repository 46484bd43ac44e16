"""What is done once more: runs of a study, and a recorded study as a replay."""

from __future__ import annotations

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from nightlab.agents.chat.settings import settings_from
from nightlab.experiments.study.study import read
from nightlab.graph.session import begin, work
from nightlab.verification.replay import differences
from nightlab.verification.reproduce import reproduced
from nightlab.verification.verify import verify
from tests.tamper.alterations import relink, unguarded


def test_runs_repeat_to_the_bit(study: Path) -> None:
    assert list(verify(study, reproduce=3)) == []


def test_a_run_that_gives_something_else_is_found(study: Path, tmp_path: Path) -> None:
    """Though everything else was made to agree with it."""
    shutil.copytree(study, to := tmp_path / "study")
    with unguarded(to) as db:
        db.execute("""UPDATE outcomes SET metrics = replace(metrics, '"height":0.', '"height":0.1')""")
        relink(db)
    found = list(reproduced(to, 2))
    assert [(f.kind, f.severity) for f in found] == [("reproduce", "error")] * 2
    assert "to the bit" in found[0].text


def test_on_another_processor_the_noise_is_the_measure(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, to := tmp_path / "study")
    with unguarded(to) as db:
        db.execute("UPDATE documents SET body = replace(body, 'processor', 'other') WHERE kind = 'environment'")
        db.create_function("moved", 1, moved)
        db.execute("UPDATE outcomes SET metrics = moved(metrics)")
        relink(db)
    found = list(reproduced(to, 3))
    assert {f.severity for f in found} == {"warning"}
    assert {f.text.partition(",")[0] for f in found} == {"not to the bit"}


def moved(metrics: str) -> str:
    """A run's metrics as another processor may have them: a noisy one by the noise, the other one by rounding."""
    tables = json.loads(metrics)
    return json.dumps({s: {"height": t["height"] + 1e-6, "cost": t["cost"] * (1 + 1e-13)} for s, t in tables.items()})


def replay(recording: Path, place: Path) -> Path:
    settings, models = settings_from({"replay": str(recording)})
    folder = begin(recording / "template", settings, place, "pipeline", models)
    work(folder, lambda _event: None)
    return folder


def differing(folder: Path) -> list[str]:
    with closing(read(folder)) as study:
        return list(differences(study))


def test_a_replay_is_as_its_recording_and_not_as_one_whose_texts_were_altered(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, recording := tmp_path / "recording")
    again = replay(recording, tmp_path)
    assert differing(again) == []
    with unguarded(recording) as db:
        db.execute("UPDATE documents SET body = replace(body, 'alleys', 'ollows') WHERE kind = 'prose'")
        relink(db)
    assert any("a model's text" in told for told in differing(again))


@pytest.mark.long
def test_a_replay_of_a_forged_answer_is_not_as_its_recording(study: Path, tmp_path: Path) -> None:
    shutil.copytree(study, to := tmp_path / "forged")
    with unguarded(to) as db:
        db.execute("UPDATE answers SET text = replace(text, 'valleys', 'hollows')")
        relink(db)
    assert any("limitations" in told or "critique" in told for told in differing(replay(to, tmp_path)))
