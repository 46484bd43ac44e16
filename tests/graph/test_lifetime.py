"""A study's life: stopped between runs, out of hours, extended, forked, estimated."""

from __future__ import annotations

import io
import json
import platform
import re
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

import nightlab
from nightlab.agents.chat.settings import ROLES, ModelSettings, model_settings, settings_from
from nightlab.agents.model import context
from nightlab.experiments.claim.caveats import notes
from nightlab.experiments.claim.confirmation import preregister
from nightlab.experiments.claim.summary import experiment_summary
from nightlab.experiments.ledger.documents.study import Forked
from nightlab.experiments.ledger.ledger import Settled
from nightlab.experiments.records import Change, RunOutcome
from nightlab.experiments.study.errors import NoTrial, StudyError
from nightlab.experiments.study.fork import ForkError
from nightlab.experiments.study.settings import Settings, SettingsError
from nightlab.experiments.study.study import Study, read, reopen
from nightlab.graph import session
from nightlab.graph.estimate import _probe, estimate, keyless
from nightlab.papers.facts.evidence import Evidence, restored, snapshot
from nightlab.papers.facts.facts import facts_of
from nightlab.papers.manuscript.manuscript import read as read_manuscript
from nightlab.telling.report import print_outcome, print_scores, rounds
from tests.conftest import EVALUATE, EXPERIMENT, MakeTemplate

STILL = (
    "def prepare(inputs, private, seed):\n    (inputs / 'noise').write_text('0')\n"
    "    (private / 'offset.json').write_text('{\"dev\": 0, \"holdout\": 0}')\n"
)


def nobody(_event: dict[str, Any]) -> None:
    pass


def collect(study: Study) -> Evidence:
    """The evidence of a study as it is now, with its facts."""
    bare = restored(study, snapshot(study))
    return replace(bare, facts=facts_of(bare))


def stages(folder: Path) -> list[str]:
    """Work on a study to its end; the stages that were announced."""
    heard: list[dict[str, Any]] = []
    session.work(folder, heard.append)
    return [event["stage"] for event in heard if "stage" in event]


def test_an_extension_goes_on_and_makes_a_claim_of_its_own(make_template: MakeTemplate, tmp_path: Path) -> None:
    settings = Settings(trials=3, seed=1)
    apart = STILL.replace('"holdout": 0', '"holdout": 0.5')
    assert apart != STILL
    folder = session.begin(make_template(files={"prepare.py": apart}), settings, tmp_path, "experiment")
    with pytest.raises(StudyError, match="is not finished"):
        session.extend(folder, 2)
    assert stages(folder)[:2] == ["baseline", "confirm"]  # nothing is run again where there is no noise
    with closing(read(folder)) as study:
        first = experiment_summary(study)["claim"]
        plan = study.ledger.document("preregistration", "claim")
    session.extend(folder, 2)
    assert "baseline" not in stages(folder)
    with reopen(folder) as study:
        summary, again = experiment_summary(study), preregister(study)
        assert summary["trials"] == 5
        assert (first["split"], summary["claim"]["split"]) == ("holdout", "dev")
        assert not set(plan["seeds"]) & set(again.seeds)
        assert study.ledger.document("claim", "claim")["effect"] == first["effect"]
        assert set(study.ledger.documents("holdout")) == {"opening", "refused for extension 1"}
        written = [row for row in study.ledger.stamps(0, float("inf")) if row]
        assert written == sorted(written)
        evidence = collect(study)
        assert "Extension" in evidence.notes
        assert "the development split, which the search has seen" in context.outcome(evidence)
        assert summary["earlier_claims"] == [first]
        later = [r for r in study.ledger.runs("confirm 1") if r.outcome]
        assert later
        assert all(set(r.outcome.metrics) == {"dev"} for r in later if r.outcome)
        told = io.StringIO()
        print_outcome(study, Console(file=told, width=200))
    assert re.search(r"claim \(trial \d+ over the baseline, holdout, 6 fresh seeds\)", told.getvalue())
    assert re.search(r"claim of extension 1 \(trial \d+ over the baseline, dev, 6 fresh seeds\)", told.getvalue())
    assert "fresh seeds of the development split, which the search has seen" in told.getvalue()


def test_where_nothing_leads_no_confirmation_of_it_is_announced(make_template: MakeTemplate, tmp_path: Path) -> None:
    flat = EXPERIMENT.replace('(params["x"] - 0.7) ** 2 + (params["y"] - 0.2) ** 2 + noise', "0.5")
    assert flat != EXPERIMENT
    folder = session.begin(make_template(files={"experiment.py": flat}), Settings(trials=2), tmp_path, "experiment")
    assert stages(folder) == ["baseline", "measure"]


def test_the_paper_of_an_extended_study_tells_both_claims_and_the_split_of_each(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    settings = Settings(trials=3, seed=1, rounds=0)
    folder = session.begin(make_template(), settings, tmp_path, "pipeline")
    session.work(folder, nobody)
    first = json.loads((folder / "paper" / "manuscript.json").read_text())["abstract"]
    session.extend(folder, 5)
    session.work(folder, nobody)
    paper = read_manuscript(folder / "paper" / "manuscript.json")
    with closing(read(folder)) as study:
        before, since = (study.ledger.document("claim", key) for key in ("claim", "claim 1"))
        assert before["tested"]
        assert since["tested"]
        found = study.ledger.document("findings", str(study.first_round))
        assert [f for f in found if f["severity"] == "error"] == []
        facts = collect(study).facts
        confirmed = {r.id for r in study.ledger.runs("confirm")}
        told = io.StringIO()
        print_scores(study, Console(file=told, width=100))
        assert [r.get("extension") for r in rounds(study)] == [None, 1]
        reviews = study.ledger.documents("review")
    asked = {name: facts[f"setting.trials{name}"].value for name in ("", ".first", ".extension.1")}
    assert asked == {"": 8, ".first": 3, ".extension.1": 5}
    assert "extended" not in first
    assert "extension 1:" in told.getvalue()
    key = "earlier.0.claim"
    parts = {"effect": "effect", "low": "low", "high": "high", "p": "p_value", "n": "n"}
    assert {part: facts[f"{key}.{part}"].value for part in parts} == {k: before[name] for k, name in parts.items()}
    assert set(facts[f"{key}.effect"].runs) == confirmed
    results = next(s.body for s in paper.sections if s.key == "results")
    for text in (paper.abstract, results):
        assert f"trial `T{before['best']}`" in text
        assert "a sealed holdout that the search never saw" in text
        for part in parts:
            assert f"{{fact:{key}.{part}}}" in text
            assert f"{{fact:claim.{part}}}" in text or (part == "p" and text is paper.abstract)
    assert "the development split, which the search has seen" in paper.abstract
    table = next(t for t in paper.tables if t.key == "claims")
    assert [row[2] for row in table.rows] == ["holdout", "dev"]
    assert "no sealed holdout" not in str(reviews)


def test_a_fork_starts_from_a_trial(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = session.begin(
        make_template(files={"prepare.py": STILL}), Settings(trials=3, seed=1), tmp_path, "experiment"
    )
    session.work(folder, nobody)
    with closing(read(folder)) as study:
        parent = study.ledger.trials()[1].change
    with pytest.raises(NoTrial, match="has no trial 9; its trials are 0 to 3"):
        session.fork(folder, 9, tmp_path / "forks")
    assert estimate(lambda out: session.fork(folder, 1, out, for_good=False, trials=2))["trials"] == 2
    with closing(read(folder)) as study:
        assert not study.ledger.all(Forked)  # an estimate takes nothing of its level
    with pytest.raises(SettingsError, match="trails is not a known key"):
        nightlab.fork(folder, 1, trails=2)
    child = nightlab.fork(folder, 1, out=tmp_path / "forks", trials=2)
    with closing(read(child)) as study:
        trials = study.ledger.trials()
        assert dict(trials[0].change.params) == dict(parent.params)
        assert trials[0].change.artifact == parent.artifact
        assert len(trials) == 3
        assert study.ledger.document("study", "fork")["study"] == folder.name
        assert "Origin" in collect(study).notes
    for wrong in ("+2", 2.5, -2, 0, True):
        with pytest.raises(SettingsError, match="must be a whole number"):
            nightlab.resume(child, trials=wrong)  # type: ignore[arg-type]
    nightlab.resume(child, trials=1)
    assert len(nightlab.trials(child)) == 4


def test_a_trial_that_failed_is_no_start(make_template: MakeTemplate, tmp_path: Path) -> None:
    broken = EXPERIMENT.replace("seed):", "seed):\n    if params['x'] != 0.1:\n        raise ValueError('no')", 1)
    folder = nightlab.experiment(make_template(files={"experiment.py": broken}), out=tmp_path, trials=2)["study"]
    failed = next(row["trial"] for row in nightlab.trials(folder) if row["verdict"] == "failed")
    with pytest.raises(ForkError, match=f"trial {failed} failed"):
        nightlab.fork(folder, failed, out=tmp_path)


def test_a_fork_does_not_open_the_holdout_that_its_parent_has_opened(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    settings = Settings(trials=3, seed=1, rounds=0)
    parent = session.begin(make_template(), settings, tmp_path, "pipeline")
    session.work(parent, nobody)
    child = session.fork(parent, 0, tmp_path / "forks")
    session.work(child, nobody)
    grandchild = session.fork(child, 0, tmp_path / "more")
    other = session.fork(parent, 0, tmp_path / "others", seed=2)
    for folder, shut in ((parent, False), (child, True), (grandchild, True), (other, False)):
        with closing(read(folder)) as study:
            assert study.shut == shut
    with closing(read(child)) as study:
        assert study.ledger.document("claim", "claim")["split"] == "dev"
        assert list(study.ledger.documents("holdout")) == ["refused for a fork"]
        assert (study.claim.level, study.claim.coverage) == (0.05 / 8, 1 - 0.05 / 4)  # the interval goes with the level
        assert study.claim.low == pytest.approx(study.claim.bound)
        assert {"dev"} == {split for run in study.ledger.runs("confirm") for split in run.outcome.metrics}
    text = (child / "paper" / "paper.tex").read_text(encoding="utf-8")
    assert "stayed shut" in text
    assert "is the trial of an earlier study that this one was forked from" in " ".join(text.split())
    for untrue in ("sealed holdout", "as its author left it", "the template as it is"):
        assert untrue not in text
    session.extend(child, 1)
    with closing(read(child)) as study:
        assert "opened in the study that this one was forked from and stayed shut" in notes(study)["Extension"]


def test_a_fork_may_have_other_models(make_template: MakeTemplate, tmp_path: Path) -> None:
    script = tmp_path / "nobody.jsonl"
    script.write_text('{"answer": "no", "repeat": true}\n')
    calling = {"writer": {"base_url": "http://127.0.0.1:9/v1", "temperature": 0.5}}
    given, asked = ModelSettings(models={"writer": f"fake:{script}"}, parameters=calling), Settings(trials=1, seed=1)
    folder = session.begin(make_template(files={"prepare.py": STILL}), asked, tmp_path, "experiment", given)
    session.work(folder, nobody)

    def forked(**changed: Any) -> ModelSettings:
        with closing(read(session.fork(folder, 0, tmp_path / "forks", **changed))) as study:
            return model_settings(study.ledger)

    same = forked(seeds=2)
    assert (dict(same.models), dict(same.parameters)) == (dict(given.models), calling)
    more = forked(models={"reviewer": f"fake:{script}"})
    assert set(more.models) == {"writer", "reviewer"}
    moved = forked(base_url="http://127.0.0.1:10/v1")
    assert moved.parameters["writer"] == {"base_url": "http://127.0.0.1:10/v1", "temperature": 0.5}
    other = forked(model=f"fake:{script}")
    assert (other.model, dict(other.models), dict(other.parameters)) == (f"fake:{script}", {}, {})
    assert other.base_url == ""  # the writer's address was that of its own model


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_fork_with_another_model_calls_the_study_s_address(
    make_template: MakeTemplate, tmp_path: Path, everywhere: bool
) -> None:
    script, local = tmp_path / "nobody.jsonl", "http://127.0.0.1:9/v1"
    script.write_text('{"answer": "no", "repeat": true}\n')
    where: Any = {"parameters": {role: {"base_url": local} for role in ROLES}} if everywhere else {"base_url": local}
    given, asked = ModelSettings(model="openai:small", **where), Settings(trials=1, seed=1)
    folder = session.begin(make_template(files={"prepare.py": STILL}), asked, tmp_path, "experiment", given)
    with reopen(folder) as study:
        change: Any = {
            "strategy": "baseline",
            "hypothesis": "",
            "params": study.template.defaults,
            "proposer": "baseline",
        }
        study.ledger.claim(0, Change(**change, artifact=study.baseline_artifact, parent=None))
        study.ledger.settle(0, Settled(kind="baseline", reason="the baseline", numbers={}))
    for changed, address in (({}, local), ({"base_url": "http://127.0.0.1:10/v1"}, "http://127.0.0.1:10/v1")):
        forked = session.fork(folder, 0, tmp_path / "forks", model="openai:large", **changed)
        with closing(read(forked)) as study:
            called = model_settings(study.ledger)
        assert (called.model, called.base_url) == ("openai:large", address)


def test_hours_that_end_leave_a_confirmed_claim_and_say_what_was_cut(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    settings = Settings(trials=500, seed=1, hours=0.001, rounds=0)  # 3.6 seconds
    folder = session.begin(make_template(), settings, tmp_path, "pipeline")
    started = time.monotonic()
    session.work(folder, nobody)
    assert time.monotonic() - started < 100
    assert (folder / "paper" / "paper.pdf").is_file()
    with closing(read(folder)) as study:
        summary = experiment_summary(study)
        assert summary["trials"] < 500
        claim = study.ledger.document("claim", "claim")
        assert claim is not None
        assert claim["best"] == 0 or study.ledger.documents("budget")


def confirmation(folder: Path) -> list[RunOutcome | None]:
    """What came of each run of the confirmation up to now; None while it goes on."""
    with closing(read(folder)) as study:
        return [run.outcome for run in study.ledger.runs("confirm")]


def test_ctrl_c_stops_a_confirmation_between_two_runs(make_template: MakeTemplate, tmp_path: Path) -> None:
    slow = EXPERIMENT.replace("    noise", "    import time; time.sleep(0.4)\n    noise", 1)
    folder = make_template({"confirm_seeds = 6": "confirm_seeds = 40"}, {"experiment.py": slow, "prepare.py": STILL})
    study = session.begin(folder, Settings(trials=2, seed=1, seeds=1), tmp_path, "experiment")
    command = [sys.executable, "-m", "nightlab.cli", "resume", str(study), "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stderr
    for line in process.stderr:
        if "confirming" in line:
            break
    until = time.monotonic() + 60
    while not any(confirmation(study)) and time.monotonic() < until:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)  # 80 runs would take longer
    assert process.returncode == 130
    assert "goes on" in json.loads(out.splitlines()[-1])["error"]
    outcomes = confirmation(study)
    assert 0 < len(outcomes) < 80
    assert outcomes.count(None) <= 1  # what was queued


def test_an_estimate_starts_no_study(make_template: MakeTemplate, tmp_path: Path) -> None:
    noisy, quiet = make_template(), make_template(files={"prepare.py": STILL})

    def told_of(template: Path, **settings: Any) -> dict[str, Any]:
        asked, models = settings_from({"trials": 30, **settings})
        return estimate(lambda out: keyless(template, asked, out, "pipeline", models))

    told = told_of(noisy, model="openai:gpt-4.1-mini")
    low, high = told["time_s"]
    assert 0 < low <= high <= told["limit_s"]
    assert told["runs"][0] > 30
    versions = 3  # of the paper, with two rounds of revision
    asked = {
        "ideator": 2 * 2,
        "coder": 30,
        "analyst": 1 + versions,
        "writer": 5 * versions,
        "reviewer": (3 * 2 + 1) * versions + 3 * 2 * (versions - 1),  # and comparisons with the version before
    }
    roles = {role: told_of(quiet, models={role: "openai:gpt-4.1-mini"})["calls"] for role in asked}
    assert roles == asked
    assert told["calls"] == sum(asked.values())
    still = told_of(quiet, rounds=0)
    assert still["runs"][0] == 8 + 30 + 12  # the baseline's, one a trial, the confirmation's: nothing is run again
    assert told["runs"][0] == still["runs"][0] + 3 * (8 + 30) // 2  # the selection's, in proportion to the search's
    assert told["runs"][1] > still["runs"][1]
    assert told["usd"] > 0
    assert not list(tmp_path.glob("studies*"))


def test_an_estimate_counts_that_the_baseline_s_runs_try_the_evaluator(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    slow = EVALUATE.replace("split):\n", "split):\n    import time; time.sleep(0.2)\n")
    with reopen(keyless(make_template(files={"evaluate.py": slow}), Settings(), tmp_path, "experiment")) as study:
        probe = _probe(study)
    assert probe.tried_s > probe.run_s + 0.15


HEAPS = """
import ctypes, os, sys, tempfile, threading
from nightlab.heap import share_heap

def heaps():
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    with tempfile.NamedTemporaryFile() as told:
        file = ctypes.c_void_p(libc.fopen(told.name.encode(), b"w"))
        libc.malloc_info(0, file)
        libc.fclose(file)
        return told.read().count(b"<heap nr=")

before = heaps()
if sys.argv[1] == "shared":
    share_heap()
meet = threading.Barrier(4)

def allocate():
    bytearray(50_000)
    meet.wait()

threads = [threading.Thread(target=allocate) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(heaps() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has a heap for each thread")
def test_the_threads_of_a_study_share_one_heap() -> None:
    def more(mode: str) -> int:
        return int(subprocess.check_output([sys.executable, "-c", HEAPS, mode]))

    assert more("shared") == 0
    assert more("apart") > 0  # else the first line shows nothing
