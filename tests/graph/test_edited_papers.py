"""A template without knobs and a scripted coder: the paper tells the edits, and its audit has no objection."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import nightlab
from nightlab.agents.chat.settings import ModelSettings
from nightlab.experiments.executors.local.isolation import sandbox
from nightlab.experiments.records import Level
from nightlab.experiments.study.fork import fork
from nightlab.experiments.study.settings import Settings, SettingsError
from nightlab.experiments.study.study import read, reopen
from nightlab.experiments.template.loading import load
from nightlab.graph import session
from nightlab.graph.session import begin
from tests.agents.model.test_coding import FIXED, KNOBLESS, edit
from tests.conftest import MakeTemplate
from tests.papers.sample import pdf_text


def test_a_paper_of_edits(make_template: MakeTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [edit("X = 0.1", "X = 0.6"), edit("Y = 0.9", "Y = 1 / 0"), edit("Y = 1 / 0", "Y = 0.3")]
    script = tmp_path / "script.jsonl"
    script.write_text("".join(f"{json.dumps({'answer': answer})}\n" for answer in answers))
    template = make_template(files={"template.toml": KNOBLESS, "experiment.py": FIXED})
    folder = nightlab.run(template, out=tmp_path, trials=3, rounds=1, models={"coder": f"fake:{script}"})
    study = read(folder)
    found = [f for body in study.ledger.documents("findings").values() for f in body]
    text = (study.paper / "paper.tex").read_text(encoding="utf-8")
    assert study.ledger.document("claim", "claim")["significant"]
    for trial, edited in ((0, False), (1, True)):
        with reopen(fork(study, trial, Settings(), tmp_path / "forks")) as forked:
            assert forked.ledger.document("study", "fork")["edited"] is edited
    with monkeypatch.context() as patched:
        patched.setattr(sandbox, "probe", lambda: "S1")
        knobs, alone = load(make_template()), Settings()
        with pytest.raises(sandbox.IsolationError, match="S3 is needed for code that a model wrote"):
            session._check(knobs, alone, ModelSettings(), edited=True)
        session._check(knobs, alone, ModelSettings(), edited=False)
    with pytest.raises(SettingsError, match="declares no knobs"):  # and no model could edit its files
        session.fork(folder, 1, tmp_path / "refused", model="")
    assert not (tmp_path / "refused").exists()
    study.close()
    assert [f for f in found if f["severity"] == "error"] == []
    assert (folder / "paper" / "paper.pdf").is_file()
    assert "+X = 0.6" in (folder / "paper" / "changes" / "trial-1.diff").read_text()
    repaired = (folder / "paper" / "changes" / "trial-3.diff").read_text()
    assert "-Y = 0.9\n+Y = 0.3" in repaired
    assert re.search(r"lines? added", text)
    printed = pdf_text(folder / "paper" / "paper.pdf")
    assert "Listing 1. The edit of trial T1." in printed
    assert "X = 0.6" in printed.partition("Listing 1.")[2]
    assert "changed files of the experiment itself" in text
    assert "0 declared knobs" not in text
    assert "nothing could be searched" not in text


@pytest.mark.parametrize("level", ["S0", "S1", "S2"])
def test_what_a_model_wrote_needs_isolation_unless_the_risk_is_accepted(
    make_template: MakeTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: str
) -> None:
    monkeypatch.setattr(sandbox, "probe", lambda: level)
    (tmp_path / "script.jsonl").write_text("")
    studies, template = tmp_path / "studies", make_template()
    script = f"fake:{tmp_path}/script.jsonl"
    accepted: Level = "S2" if level == "S2" else "S0"
    refused = {"S3": (Settings(), ModelSettings(model=script))}
    if level != "S2":
        refused["S2"] = (Settings(isolation="S1"), ModelSettings(models={"coder": script}))
    for needed, (settings, models) in refused.items():
        told = rf"{needed} is needed for code that a model wrote.*accept .* with --isolation {accepted}"
        with pytest.raises(sandbox.IsolationError, match=told):
            begin(template, settings, studies, "experiment", models)
        assert not studies.exists()
    begin(template, Settings(isolation=accepted), studies, "experiment", ModelSettings(model=script))
    begin(template, Settings(), studies, "experiment", ModelSettings(models={"writer": script}))
