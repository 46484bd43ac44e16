"""Both graphs end to end on the toy template: real runs, real SQLite, real LaTeX."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from langgraph.runtime import RunControl

import nightlab
from nightlab.agents.team import MetaReview
from nightlab.experiments.claim.summary import experiment_summary
from nightlab.experiments.study.errors import StudyError
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import read
from nightlab.graph import session
from nightlab.graph.checkpoints import EVERY, KEPT
from nightlab.graph.session import Interrupted, begin, work
from nightlab.papers.audit.finding import Findings
from nightlab.papers.latex import engine
from nightlab.verification.verify import verify
from tests.conftest import MakeTemplate
from tests.papers.sample import pdf_text


def timeless(numbers: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in numbers.items() if name not in ("wall_s", "cpu_s", "memory_mb")}


def books(folder: Path) -> list[object]:
    """Trials, verdicts and metrics of a study, without what a clock decides."""
    study = read(folder)
    trials = [
        (t.number, dict(t.change.params), t.verdict and (t.verdict.kind, t.verdict.reason, timeless(t.verdict.numbers)))
        for t in study.ledger.trials()
    ]
    runs = [
        (r.phase, r.subject, r.replicate, r.seed, r.outcome and dict(r.outcome.metrics)) for r in study.ledger.runs()
    ]
    claim = study.ledger.document("claim", "claim")
    study.close()
    return [trials, runs, claim]


def start(template: Path, tmp_path: Path, mode: str = "experiment", **settings: object) -> Path:
    return begin(template, Settings(**settings), tmp_path / "studies", mode)  # type: ignore[arg-type]


def test_the_experiment_runs_alone_and_improves(make_template: MakeTemplate, tmp_path: Path) -> None:
    result = nightlab.experiment(make_template(), out=tmp_path, trials=14, workers=2)
    assert result["trials"] == 14
    assert result["kept"] + result["reverted"] + result["failed"] == 14
    assert result["best"]["mean"] < result["baseline"]["mean"]
    assert result["claim"]["significant"]
    assert result["claim"]["split"] == "holdout"
    assert result["claim"]["n"] == 6
    assert result["busy_s"] >= 0
    assert result["diversity"]["mean"] > 0
    json.dumps(result)
    with closing(sqlite3.connect(Path(result["study"]) / "graph.db")) as db:
        rows, size = db.execute("SELECT count(*), max(length(checkpoint)) FROM checkpoints").fetchone()
    assert rows <= KEPT + EVERY
    assert size < 10_000


def test_the_same_seed_gives_the_same_books(make_template: MakeTemplate, tmp_path: Path) -> None:
    template = make_template()
    folders = [start(template, tmp_path, seed=5, trials=6) for _ in range(2)]
    for folder in folders:
        work(folder, lambda _event: None)
    assert books(folders[0]) == books(folders[1])
    other = start(template, tmp_path, seed=6, trials=6)
    work(other, lambda _event: None)
    assert books(other) != books(folders[0])


def test_a_drain_saves_and_a_resume_repeats_nothing(make_template: MakeTemplate, tmp_path: Path) -> None:
    template = make_template()
    plain, broken = (start(template, tmp_path, seed=5, trials=6) for _ in range(2))
    work(plain, lambda _event: None)
    control = RunControl()
    heard: list[int] = []

    def stop_at_three(event: dict[str, object]) -> None:
        if "trial" in event:
            heard.append(int(str(event["trial"])))
        if event.get("trial") == 3:
            control.request_drain("test")

    with pytest.raises(Interrupted):
        work(broken, stop_at_three, control)
    assert heard == [0, 1, 2, 3]
    work(broken, lambda event: heard.append(int(str(event["trial"]))) if "trial" in event else None)
    assert heard == [0, 1, 2, 3, 4, 5, 6]
    assert books(broken) == books(plain)


@pytest.mark.parametrize("mode", ["experiment", pytest.param("pipeline", marks=pytest.mark.long)])
def test_a_long_study_goes_through_the_graph_in_legs(
    mode: str, make_template: MakeTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = make_template()
    whole, parts = (start(template, tmp_path / of, mode, seed=5, trials=3, rounds=1) for of in ("whole", "parts"))
    heard: dict[Path, list[dict[str, object]]] = {whole: [], parts: []}
    work(whole, heard[whole].append)
    legs: list[bool] = []
    one_leg = session._ended

    def counted(*args: Any) -> bool:
        legs.append(one_leg(*args))
        return legs[-1]

    monkeypatch.setattr(session, "EVENTS_A_PASS", 4)
    monkeypatch.setattr(session, "_ended", counted)
    work(parts, heard[parts].append)
    assert len(legs) > 2
    assert legs == [False] * (len(legs) - 1) + [True]
    for folder, events in heard.items():
        for event in events:
            for clock in ("elapsed_s", "at", "number"):
                event.pop(clock, None)
        heard[folder] = [event for event in events if "done" not in event]  # runs that end together are told together
    assert heard[parts] == heard[whole]
    assert [event["settled"] for event in heard[whole] if "trial" in event] == list(range(4))
    assert books(parts) == books(whole)


WORK = "import sys, nightlab; nightlab.resume(sys.argv[1])"


def killed_and_resumed(folder: Path, moments: Sequence[float]) -> None:
    """Work on a study with a kill of the process group after so many seconds each, then to its end."""
    for patience in moments:
        process = subprocess.Popen([sys.executable, "-c", WORK, str(folder)], start_new_session=True)
        time.sleep(patience)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    work(folder, lambda _event: None)


def test_a_kill_at_any_moment_loses_and_doubles_nothing(make_template: MakeTemplate, tmp_path: Path) -> None:
    template = make_template()
    plain, killed = (start(template, tmp_path, seed=5, trials=6) for _ in range(2))
    work(plain, lambda _event: None)
    killed_and_resumed(killed, (1.2, 1.5, 1.9, 2.4))
    assert books(killed) == books(plain)


def test_two_resumes_at_once_are_refused(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = start(make_template(), tmp_path, trials=2)

    def resume_too(event: dict[str, object]) -> None:
        if event.get("trial") == 1:
            with pytest.raises(StudyError, match="another nightlab"):
                work(folder, lambda _event: None)
            seen.append(1)

    seen: list[int] = []
    work(folder, resume_too)
    assert seen == [1]


@pytest.fixture
def paper(digits: Path) -> Path:
    return digits


def text_of(paper: Path) -> str:
    return (paper / "paper" / "paper.tex").read_text(encoding="utf-8")


def test_the_pipeline_ends_with_a_reviewed_paper(paper: Path) -> None:
    place = paper / "paper"
    assert (place / "paper.pdf").read_bytes().startswith(b"%PDF-")
    done = json.loads((place / "compiled.json").read_text())
    assert done["pages"] >= 5
    assert done["findings"] == []
    log = (place / "paper.log").read_text(encoding="utf-8", errors="replace")
    assert "undefined" not in log
    assert "Overfull" not in log
    for round_folder in (place / "rounds").iterdir():
        assert {"manuscript.json", "paper.tex", "evidence.json"} <= {p.name for p in round_folder.iterdir()}


def test_each_round_of_a_revision_is_free_of_errors(paper: Path) -> None:
    with closing(read(paper)) as study:
        rounds, found = study.ledger.all(MetaReview), study.ledger.all(Findings)
    assert len(rounds) == 2
    assert any(answer.kind == "experiment" for answer in rounds["0"].answers)
    assert {key.partition(".")[0] for key in found} == {"0", "1"}
    assert [f for each in found.values() for f in each.root if f.severity == "error"] == []
    assert [meta.errors for meta in rounds.values()] == [0, 0]


def test_page_one_names_the_last_review_with_evidence_and_figures(paper: Path) -> None:
    link, ledger, evidence, figures = re.findall(r"\\sealed\{(\d+)\}" + r"\{([0-9a-f]{64})\}" * 3, text_of(paper))[0]
    with closing(read(paper)) as study:
        assert study.ledger.faults() == []
        named = [found for found in study.ledger.links() if found.number == int(link)]
        last = study.ledger.linked(MetaReview, list(study.ledger.all(MetaReview))[-1])
    assert [found.hash for found in named] == [ledger]
    assert named == [last]
    sums = "cd paper && sha256sum evidence.json && sha256sum figures/* | sha256sum"
    told = subprocess.run(["bash", "-c", sums], cwd=paper, env={"LC_ALL": "C"}, capture_output=True, text=True).stdout
    assert told.split()[::2] == [evidence, figures]
    assert ledger[:40] in pdf_text(paper / "paper" / "paper.pdf").partition("\f")[0]


def test_a_paper_on_digits_verifies(paper: Path) -> None:
    assert list(verify(paper)) == []


def test_the_paper_has_its_sections_figures_and_references(paper: Path) -> None:
    text = text_of(paper)
    for heading in ("Introduction", "Related work", "Method", "Results", "Ablation", "Limitations", "Conclusion"):
        assert f"{{{heading}}}" in text
    assert text.count(r"\begin{figure}") >= 3
    assert len(re.findall(r"\\bibitem", text)) >= 12
    assert not re.search(r"\?\?|TODO|\{fact:|\{cite:|\{ref:", text)


def test_every_number_of_the_prose_is_a_fact_of_the_evidence(paper: Path) -> None:
    from nightlab.papers.manuscript.manuscript import facts_used
    from nightlab.papers.manuscript.manuscript import read as read_manuscript

    facts = {f["id"]: f for f in json.loads((paper / "paper" / "evidence.json").read_text(encoding="utf-8"))}
    used = facts_used(read_manuscript(paper / "paper" / "manuscript.json"))
    assert len(used) > 50
    assert set(used) <= set(facts)
    study = read(paper)
    known = {r.id for r in study.ledger.runs()}
    assert all(set(f["runs"]) <= known for f in facts.values())
    claim = study.ledger.document("claim", "claim")
    study.close()
    assert facts["claim.effect"]["value"] == claim["effect"]


def test_reviews_are_on_the_form_and_the_round_is_told(paper: Path) -> None:
    reviews = nightlab.scores(paper)
    assert len(reviews) >= 3
    assert {r.reviewer for r in reviews} == {"methodology", "literature", "clarity"}
    for file in (paper / "reviews").iterdir():
        body = json.loads(file.read_text(encoding="utf-8"))
        assert body["decision"] in ("accept", "reject")
        assert len(body["reviews"]) == 3


def test_without_an_engine_the_study_is_kept_and_resume_makes_the_pdf(
    make_template: MakeTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(engine, "_wheel", lambda: None)
        patched.setenv("PATH", "/nonexistent")
        folder = nightlab.run(make_template(), out=tmp_path, trials=3, rounds=0)
        assert (folder / "paper" / "paper.tex").is_file()
        assert not (folder / "paper" / "paper.pdf").exists()
    nightlab.resume(folder)
    assert (folder / "paper" / "paper.pdf").is_file()
    study = read(folder)
    assert experiment_summary(study)["trials"] == 3
    study.close()


def test_a_negative_result_makes_an_honest_negative_paper(make_template: MakeTemplate, tmp_path: Path) -> None:
    """The default is the best point of the valley, so nothing can be found."""
    best = {"default = 0.1": "default = 0.7", "default = 0.9": "default = 0.2"}
    folder = nightlab.run(make_template(best), out=tmp_path, trials=5, rounds=1)
    text = text_of(folder)
    assert "No confirmed improvement" in text
    assert "negative result" in text
    assert "marked as reported" not in text
    assert not [w for r in nightlab.scores(folder) for w in r.weaknesses if "improvement" in w]  # the sign is no fault


def test_a_study_whose_judge_was_altered_is_not_gone_on_with(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = start(make_template(), tmp_path, trials=30)
    control = RunControl()

    def hear(event: dict[str, object]) -> None:
        if event.get("trial") == 2:
            control.request_drain("enough")

    with pytest.raises(Interrupted):
        work(folder, hear, control)
    noise = folder / "data" / "inputs" / "noise"
    noise.chmod(0o644)
    noise.write_text(noise.read_text() + " ")
    with pytest.raises(StudyError, match=r"inputs changed \(noise\) since the study began"):
        work(folder, lambda _event: None)


def test_a_judge_that_is_altered_during_a_run_stops_the_study(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = start(make_template(), tmp_path, trials=30)

    def hear(event: dict[str, object]) -> None:
        if event.get("trial") == 2:
            (folder / "template" / "evaluate.py").write_text("def evaluate(*_): return {'height': -1.0}")

    with pytest.raises(StudyError, match=r"the evaluator changed while experiments ran: .*evaluate\.py"):
        work(folder, hear)
    study = read(folder)
    assert [r.outcome.status for r in study.ledger.runs() if r.outcome][-1] == "tampered"
    study.close()
