# ruff: noqa: F811
"""Further tests beside a claim: a second search, the baseline's bound, a second task, further draws of the data."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from nightlab.experiments.claim import confirmation, further
from nightlab.experiments.claim.selection import choose
from nightlab.experiments.executors.local.local import local_runner
from nightlab.experiments.ledger.documents.claim import FurtherHindered, FurtherPlan, FurtherTest
from nightlab.experiments.ledger.documents.study import DrawHashes
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.loop.draws import Draws
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.run_accounts import RunAccounts
from nightlab.experiments.records import Draw, Level, Runner, RunOutcome, RunRequest
from nightlab.experiments.study.data.preparation import run_prepare
from nightlab.experiments.template.loading import load
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
    runs = loop.study.ledger.runs(SEARCH)
    assert runs[-1].outcome
    more = replace(runs[-1].outcome, metrics={"dev": {**runs[-1].outcome.metrics["dev"], "sometimes": 1.0}})
    rare = [*runs[:-1], replace(runs[-1], outcome=more)]  # a metric that not each run of a trial has
    assert further.tightened(loop.template, rare, 1) == further.tightened(loop.template, runs, 1)
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
    assert loop.study.ledger.all(DrawHashes).keys() == {"second/0"}  # on one draw, since the template does not redraw
    assert loop.study.ledger.get(FurtherTest, "second") == found


class ByFormula:
    """A runner without a sandbox: a valley whose offset is that of the private data."""

    level: Level = "none"
    workers = 2

    def __init__(self, private: Path) -> None:
        self.offset = json.loads((private / "offset.json").read_text())

    def submit(self, request: RunRequest) -> Future[RunOutcome]:
        x, y = (float(request.params[name]) for name in "xy")
        height = (x - 0.7) ** 2 + (y - 0.2) ** 2 + (request.seed % 997) / 1e5
        metrics = {s: {"height": height + self.offset[s], "cost": x + y} for s in request.splits}
        done = Future[RunOutcome]()
        done.set_result(RunOutcome(status="ok", metrics=metrics, level="none", wall_s=0.01))
        return done

    def started(self, future: Future[RunOutcome]) -> bool:
        return True

    def close(self) -> None:
        pass


def drawing(name: str, low: float) -> str:
    """A preparation whose offsets lie above this one, by their seed."""
    told = PREPARE.replace("def prepare", f"def {name}")
    return told.replace('"holdout": 0.5', f'"holdout": {low} + seed % 99991 / 1e6')


def quick(make_template: MakeTemplate, loop_of: Callable[..., Loop], prepare: str, toml: dict[str, str]) -> Loop:
    """A claimed improvement on data by this preparation."""
    study = loop_of(make_template(toml, {"prepare.py": prepare})).study
    draws = Draws(study, lambda _, private: ByFormula(private))
    return claimed(Loop(RunAccounts(study, ByFormula(study.private), draws=draws)), {"x": 0.6, "y": 0.2})


def offsets(loop: Loop, phase: str) -> dict[int, set[float]]:
    """The offsets of the data that each pair of a phase ran on, as far as they tell draws apart."""
    found: dict[int, set[float]] = {}
    for run in loop.study.ledger.runs(phase):
        assert run.outcome
        height = run.outcome.metrics["holdout"]["height"] - run.outcome.metrics["dev"]["height"]
        found.setdefault(run.replicate, set()).add(round(height, 6))
    return found


REDRAWN = {GIVEN: f"{NAMED[GIVEN]}\nredraw = true"}


def test_where_the_template_redraws_each_pair_has_a_draw_of_its_own(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    prepare = f"{drawing('prepare', 0.5)}\n\n{drawing('other', 7.5)}"
    loop = quick(make_template, loop_of, prepare, REDRAWN)
    study, pairs = loop.study, loop.study.confirmations
    assert further.second_task(loop)
    assert further.further_draws(loop)
    drawn = {phase: offsets(loop, phase) for phase in ("confirm", "second", "draws")}
    for found in drawn.values():
        assert {len(sides) for sides in found.values()} == {1}  # baseline and best on the same draw
        assert len(set.union(*found.values())) == pairs
    assert len(set.union(*(set.union(*found.values()) for found in drawn.values()))) == 3 * pairs
    assert min(set.union(*drawn["second"].values())) > 7
    recorded = study.ledger.all(DrawHashes).keys()
    assert {f"second/{n}" for n in range(pairs)} <= recorded
    assert {f"draw/{n}" for n in (*range(pairs), *range(4 * pairs, 5 * pairs))} <= recorded


def test_one_draw_of_other_data_is_tested_where_the_claim_is_on_one_alone(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = quick(make_template, loop_of, drawing("prepare", 0.5), {})
    confirmed = loop.study.ledger.runs("confirm")
    claim = loop.study.claim
    assert claim
    assert further.uncovered(loop.template, claim, confirmed)
    assert further.further_draws(loop)
    (other,) = set.union(*offsets(loop, "draws").values())
    (own,) = set.union(*offsets(loop, "confirm").values())
    assert other != own
    told = facts_of(restored(loop.study, snapshot(loop.study)))
    assert {"draws.effect", "draws.baseline.holdout.mean", "draws.best.holdout.mean"} <= told.keys()


def test_data_that_a_resume_cannot_lay_out_again_are_told(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    clock = "    (inputs / 'clock').write_text(str(__import__('time').time_ns()))\n"
    loop = quick(make_template, loop_of, f"{drawing('prepare', 0.5)}\n{clock}", {})
    loop.study.data.draw(Draw(number=0))
    loop.study.data.forget_draws()  # as at the end of a session
    for _ in range(2):
        assert further.further_draws(loop) is None
        found = loop.study.ledger.get(FurtherHindered, "draws")
        assert found
        assert found.why == "other data"


def test_over_draws_further_ones_are_of_use_where_one_went_against_the_claim(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = quick(make_template, loop_of, drawing("prepare", 0.5), {GIVEN: f"{GIVEN}\nredraw = true"})
    claim, runs = loop.study.claim, loop.study.ledger.runs("confirm")
    assert claim
    assert not further.uncovered(loop.template, claim, runs)
    swapped = {"baseline": "best", "best": "baseline"}
    against = [replace(r, subject=swapped[r.subject]) if r.replicate == 3 else r for r in runs]
    assert further.uncovered(loop.template, claim, against)


@pytest.mark.parametrize(
    ("prepare", "make", "why", "error"),
    [
        (f"{PREPARE}\n\ndef other(inputs, private, seed):\n    raise OSError('no letters')\n", further.second_task,
         "preparation", "no letters"),
        (f"{PREPARE}\n\ndef other(inputs, private, seed):\n    prepare(inputs, private, seed)\n", further.second_task,
         "same data", ""),
        (f"{PREPARE}    _ = seed\n\n{OTHER}", further.further_draws, "same data", ""),
    ],
)  # fmt: skip
def test_data_that_cannot_be_had_are_told_and_take_no_other_s_place(
    make_template: MakeTemplate,
    loop_of: Callable[..., Loop],
    prepare: str,
    make: Callable[[Loop], FurtherTest | None],
    why: str,
    error: str,
) -> None:
    loop = quick(make_template, loop_of, prepare, NAMED)
    assert make(loop) is None
    kind = "second" if make is further.second_task else "draws"
    found = loop.study.ledger.get(FurtherHindered, kind)
    assert found
    assert found.why == why
    assert error in found.error
    assert loop.study.ledger.get(FurtherPlan, kind) is None
    assert not loop.study.ledger.runs(kind)
    assert snapshot(loop.study).hindered == {kind: found}


def test_no_second_task_is_none(make_template: MakeTemplate, tmp_path: Path) -> None:
    template = load(make_template())
    with pytest.raises(TemplateError, match=r"template.toml: \[data\]: no second task is named"):
        run_prepare(template, str(template.folder), [(tmp_path, tmp_path, 1)], second=True)


def test_a_second_task_needs_its_name(make_template: MakeTemplate, loop_of: Callable[..., Loop]) -> None:
    unnamed = {GIVEN: f'{GIVEN}\nsecond = "prepare:other"'}
    with pytest.raises(TemplateError, match="second and second_name go together"):
        loop_of(make_template(unnamed, {"prepare.py": SECOND}))
