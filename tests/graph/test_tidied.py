"""A finished study of which somebody removed something: its paper, its reviews, its checkpoints, what it wrote last."""

from __future__ import annotations

import logging
import shutil
from contextlib import closing
from pathlib import Path

import pytest

import nightlab
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import read
from nightlab.graph.checkpoints import checkpoints
from nightlab.graph.session import begin, work
from nightlab.graph.state import ExperimentInput
from tests.conftest import MakeTemplate


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_paper_and_its_reviews_are_written_again(make_template: MakeTemplate, tmp_path: Path) -> None:
    """Slow: it compiles the paper three times."""
    folder = make_template({"confirm_seeds = 6": "confirm_seeds = 2"})
    study = nightlab.run(folder, out=tmp_path, trials=1, rounds=0, workers=1)
    before, reviews = files(study / "paper"), (study / "reviews" / "round-0.json").read_text()
    evidence = (study / "paper" / "evidence.json").read_text()

    (study / "paper" / "paper.pdf").unlink()
    (figure,) = sorted((study / "paper" / "rounds" / "0" / "figures").glob("*.pdf"))[:1]
    figure.unlink()
    shutil.rmtree(study / "reviews")
    nightlab.resume(study)
    assert files(study / "paper") == before
    assert (study / "reviews" / "round-0.json").read_text() == reviews

    shutil.rmtree(study / "paper")
    (study / "graph.db").unlink()
    nightlab.resume(study)
    assert files(study / "paper") == before
    assert (study / "paper" / "paper.pdf").read_bytes().startswith(b"%PDF-")
    assert (study / "paper" / "evidence.json").read_text() == evidence
    with closing(read(study)) as opened:
        assert len(opened.ledger.trials()) == 2


def test_what_the_ledger_lost_is_done_again(
    make_template: MakeTemplate, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As where study.db-wal is removed after a kill: graph.db knows of trials that the ledger does not."""
    template = make_template({"confirm_seeds = 6": "confirm_seeds = 2"})
    study = begin(template, Settings(trials=2, workers=1), tmp_path, "experiment")
    shutil.copyfile(study / "study.db", tmp_path / "as-it-was")
    work(study, lambda _event: None)
    for end in ("-wal", "-shm"):
        (study / f"study.db{end}").unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "as-it-was", study / "study.db")
    with caplog.at_level(logging.WARNING):
        nightlab.resume(study)
    assert "lost what it wrote last" in caplog.text
    with closing(read(study)) as opened:
        assert [trial.verdict is not None for trial in opened.ledger.trials()] == [True] * 3
        assert opened.finished


def test_what_a_resume_starts_with_is_read_from_its_checkpoint_as_it_was(tmp_path: Path) -> None:
    with checkpoints(tmp_path / "graph.db") as saver:
        given = ExperimentInput(idea="heights")
        assert saver.serde.loads_typed(saver.serde.dumps_typed(given)) == given
