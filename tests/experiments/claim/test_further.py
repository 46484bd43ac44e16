# ruff: noqa: F811
"""Further tests beside a claim: a second search, the baseline's bound, a second task."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from nightlab.experiments.claim import confirmation, further
from nightlab.experiments.claim.selection import choose
from nightlab.experiments.executors.local.local import local_runner
from nightlab.experiments.ledger.documents.claim import FurtherPlan, FurtherTest
from nightlab.experiments.ledger.documents.study import DrawHashes
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.loop.draws import Draws
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.run_accounts import RunAccounts
from nightlab.experiments.records import Runner
from nightlab.experiments.template.template import TemplateError
from nightlab.papers.facts.evidence import restored, snapshot
from nightlab.papers.facts.facts import facts_of
from tests.conftest import PREPARE, MakeTemplate
from tests.experiments.loop.test_loop import judged, loop_of, move, over, stack  # noqa: F401

OTHER = PREPARE.replace("def prepare", "def other").replace('"0.01"', '"0.02"').replace("0.5", "7.5")
SECOND = f"{PREPARE}\n\n{OTHER}"
GIVEN = 'prepare = "prepare:prepare"'
NAMED = {GIVEN: f'{GIVEN}\nsecond = "prepare:other"\nsecond_name = "A valley elsewhere"'}
CHEAP = {"default = 0.9": "default = 0.3"}


def claimed(loop: Loop, *moves: dict[str, float]) -> Loop:
    """A search of these trials and its claim."""
    loop.baseline()
    for values in moves:
        judged(loop, move(loop, **values))
    choose(loop)
    confirmation.confirm(loop)
    return loop


def phases(loop: Loop) -> dict[str, set[str]]:
    """The subjects of each phase."""
    found: dict[str, set[str]] = {}
    for run in loop.study.ledger.runs():
        found.setdefault(run.phase, set()).add(run.subject)
    return found


def test_a_second_search_has_as_many_runs_and_meets_the_best(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = claimed(loop_of(make_template()), {"x": 0.5}, {"x": 0.6})
    found = further.search_once_more(loop)
    assert found
    assert phases(loop)["again"] == {"again", "best"}
    budget = sum(run.subject != "0" for run in loop.study.ledger.runs(SEARCH))
    spent = [run for run in loop.study.ledger.runs("rival-again") if run.subject != "again-0"]
    assert 0 < len(spent) <= budget
    assert loop.study.ledger.get(FurtherPlan, "again") == found.plan
    assert further.search_once_more(loop) == found  # from the ledger
    told = facts_of(restored(loop.study, snapshot(loop.study)))
    assert told["again.effect"].value == pytest.approx(found.effect)
    assert {"again.best.holdout.mean", "again.again.holdout.mean"} <= told.keys()


def test_at_the_baseline_s_bound_the_best_trial_that_keeps_to_it_is_tested(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    moves = {"x": 0.6, "y": 0.2}, {"x": 0.3, "y": 0.1}, {"x": 0.05, "y": 0.3}
    loop = claimed(loop_of(make_template(CHEAP)), *moves)
    found = further.stress(loop)
    assert found
    assert (found.plan.metric, found.plan.trial) == ("cost", 2)
    assert found.plan.bound == pytest.approx(0.4)
    assert found.effect == pytest.approx(0.2, abs=0.05)  # from 0.37 to 0.17
    told = facts_of(restored(loop.study, snapshot(loop.study)))
    assert told["stress.bound"].value == pytest.approx(0.4)
    assert told["stress.p"].value == pytest.approx(found.p_value)


def test_where_the_best_uses_no_more_than_the_baseline_there_is_nothing_to_test(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = claimed(loop_of(make_template()), {"x": 0.6, "y": 0.2})
    assert further.stress(loop) is None
    assert "stress" not in phases(loop)


def test_the_second_task_has_data_of_its_own(
    make_template: MakeTemplate, loop_of: Callable[..., Loop], stack: ExitStack
) -> None:
    study = loop_of(make_template(NAMED, {"prepare.py": SECOND})).study

    def start(inputs: Path, private: Path) -> Runner:
        scratch = study.folder / "scratch-second"
        return local_runner(study.template, inputs=inputs, private=private, scratch=scratch, workers=1)

    draws, own = Draws(study, start), start(study.inputs, study.private)
    stack.callback(own.close)
    stack.callback(draws.close)
    loop = claimed(Loop(RunAccounts(study, own, draws=draws)), {"x": 0.6, "y": 0.2})
    found = further.second_task(loop)
    assert found
    assert phases(loop)["second"] == {"baseline", "best"}
    runs = [run for run in loop.study.ledger.runs("second") if run.outcome]
    assert all(run.outcome and 7 < run.outcome.metrics["holdout"]["height"] < 9 for run in runs)  # by its own answers
    assert found.effect == pytest.approx(0.84, abs=0.1)
    assert loop.study.ledger.get(DrawHashes, "second/task")
    assert loop.study.ledger.get(FurtherTest, "second") == found


def test_a_second_task_needs_its_name(make_template: MakeTemplate, loop_of: Callable[..., Loop]) -> None:
    unnamed = {GIVEN: f'{GIVEN}\nsecond = "prepare:other"'}
    with pytest.raises(TemplateError, match="second and second_name go together"):
        loop_of(make_template(unnamed, {"prepare.py": SECOND}))
