"""Executors behind their seam: the contract, a study on one from outside, runs that outlive a session, the judge."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path

import pytest

import nightlab
from nightlab.experiments.executors.executor import Executor, Order, Place
from nightlab.experiments.executors.local.isolation.sandbox import IsolationError
from nightlab.experiments.executors.local.local import LocalExecutor
from nightlab.experiments.executors.registry import UnknownExecutor, register, runs_at
from nightlab.experiments.executors.runs import Runs
from nightlab.experiments.ledger.documents.search import RunHandle
from nightlab.experiments.loop.handles import LedgerHandles
from nightlab.experiments.loop.run_accounts import Job, RunAccounts
from nightlab.experiments.records import Change
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import Study, create, read, reopen
from nightlab.experiments.template.loading import load
from tests.conftest import EXPERIMENT, MakeTemplate
from tests.experiments.executors.contract import ExecutorContract
from tests.experiments.executors.plain import PlainExecutor


class TestLocalExecutor(ExecutorContract):
    def make(self, place: Place) -> Executor:
        return LocalExecutor.at(place)


class TestExecutorFromOutside(ExecutorContract):
    def make(self, place: Place) -> Executor:
        return PlainExecutor(place, place.private.parent / "jobs")


@pytest.fixture
def jobs(tmp_path: Path) -> Path:
    """The folder of an executor that is registered for this test, under its name."""
    folder = tmp_path / "jobs"
    register(str(folder), lambda place: PlainExecutor(place, folder))
    return folder


def test_a_study_runs_on_an_executor_from_outside(make_template: MakeTemplate, jobs: Path, tmp_path: Path) -> None:
    result = nightlab.experiment(
        make_template(), out=tmp_path / "studies", trials=1, seeds=1, confirm_seeds=2, executor=str(jobs)
    )
    with closing(read(Path(result["study"]))) as study:
        runs = study.ledger.runs()
        handles = study.ledger.all(RunHandle)
    assert (result["trials"], result["failed"]) == (1, 0)
    outcomes = [run.outcome for run in runs if run.outcome]
    assert {(o.status, o.trust, o.level) for o in outcomes} == {("ok", "verified", "S0")}
    assert len(list(jobs.iterdir())) == len(handles) == len({run.inputs for run in runs})


def submitted(study: Study, name: str) -> tuple[Runs, RunAccounts]:
    """A session that has claimed and submitted the baseline's first run."""
    place = Place(
        template=study.template,
        inputs=study.inputs,
        private=study.private,
        scratch=study.folder / "scratch",
    )
    runs = runs_at(name, place, LedgerHandles(study.ledger, name))
    accounts = RunAccounts(study, runs)
    change = Change(
        strategy="baseline",
        hypothesis="h",
        params=study.template.defaults,
        artifact=study.baseline_artifact,
        parent=None,
        proposer="test",
    )
    accounts.start(Job(phase="search", subject="0", replicate=0, change=change))
    return runs, accounts


def test_a_run_that_outlives_its_session_is_found_again_and_not_run_twice(
    make_template: MakeTemplate, jobs: Path, tmp_path: Path
) -> None:
    slow = EXPERIMENT.replace("    noise", "    import time; time.sleep(1)\n    noise", 1)
    folder = create(load(make_template(files={"experiment.py": slow})), Settings(), tmp_path / "studies")
    with reopen(folder) as study:
        study.data.prepare()
        runs, _ = submitted(study, str(jobs))
        while not study.ledger.all(RunHandle):
            time.sleep(0.01)
        runs.close()
        assert [run.outcome for run in study.ledger.runs()] == [None]
    with reopen(folder) as study:
        runs, accounts = submitted(study, str(jobs))
        (settled,) = accounts.collect()
        runs.close()
        assert settled.outcome is not None
        assert settled.outcome.status == "ok", settled.outcome.error
        assert len(study.ledger.runs()) == 1
    assert len(list(jobs.iterdir())) == 1


def test_a_run_that_was_lost_is_submitted_again(make_template: MakeTemplate, jobs: Path, tmp_path: Path) -> None:
    with reopen(create(load(make_template()), Settings(), tmp_path / "studies")) as study:
        study.data.prepare()
        runs, _ = submitted(study, str(jobs))
        while not study.ledger.all(RunHandle):
            time.sleep(0.01)
        runs.close()
        jobs.rename(tmp_path / "gone")  # at once, while the job still writes
        runs, accounts = submitted(study, str(jobs))
        (settled,) = accounts.collect()
        runs.close()
        assert settled.outcome is not None
        assert settled.outcome.status == "ok", settled.outcome.error
        assert len(study.ledger.all(RunHandle)) == 2


def test_an_executor_cannot_judge(make_template: MakeTemplate, jobs: Path, tmp_path: Path) -> None:
    """Scores that it tells are left out; the evaluator at home has the word, and the executor sees no private file."""
    with reopen(create(load(make_template()), Settings(), tmp_path / "studies")) as study:
        study.data.prepare()
        runs, accounts = submitted(study, str(jobs))
        (settled,) = accounts.collect()
        runs.close()
    assert settled.outcome is not None
    answer = json.loads(next(jobs.glob("*/out/answer.json")).read_text())
    assert settled.outcome.metrics["dev"]["height"] == answer["height"]
    assert not any(b"holdout" in path.read_bytes() for path in jobs.rglob("*") if path.is_file())


def test_equal_orders_have_equal_keys_wherever_their_files_lie(tmp_path: Path) -> None:
    for name in ("one", "two", "other"):
        (tmp_path / name / "below").mkdir(parents=True)
        (tmp_path / name / "below" / "a.py").write_text(name if name == "other" else "same")
    one, two, other = (
        Order(setting="s", files=tmp_path / name, params=params, seed=1)
        for name, params in (("one", {"a": 1, "b": 2}), ("two", {"b": 2, "a": 1}), ("other", {"a": 1, "b": 2}))
    )
    assert one.key == two.key != other.key


def test_executors_are_chosen_by_name_and_must_isolate_enough(
    make_template: MakeTemplate, jobs: Path, tmp_path: Path
) -> None:
    with pytest.raises(UnknownExecutor, match=r"'cloud' is no executor; there are .*local"):
        nightlab.experiment(make_template(), out=tmp_path / "none", executor="cloud")
    assert not (tmp_path / "none").exists()
    with pytest.raises(ValueError, match="there is an executor 'local' already"):
        register("local", lambda place: PlainExecutor(place, jobs))
    with pytest.raises(IsolationError, match="isolates at level S0, and S3 is needed"):
        nightlab.experiment(make_template(), out=tmp_path / "some", executor=str(jobs), isolation="S3")
