# ruff: noqa: F811
"""Baselines at equal budget: they search with as many runs, and meet the best where the claim is tested."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from nightlab.experiments.claim import confirmation, rivals
from nightlab.experiments.claim.selection import choose
from nightlab.experiments.executors.local.local import local_runner
from nightlab.experiments.ledger.documents.claim import OPENING, HoldoutOpening
from nightlab.experiments.ledger.documents.rivals import Rival, RivalPlan, RivalProposal
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.run_accounts import RunAccounts, Stopped
from nightlab.experiments.records import BASELINE
from nightlab.experiments.study.settings import Settings, SettingsError
from nightlab.experiments.study.study import Study, create, reopen
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import TemplateError
from nightlab.graph.estimate import Probe, cost
from nightlab.graph.session import begin
from tests.conftest import MakeTemplate
from tests.experiments.loop.test_loop import judged, loop_of, move, over, stack  # noqa: F401

REFERENCE = {"[budget]": '[reference]\nname = "the usual place"\nparams = {x = 0.6}\n\n[budget]'}
NAMES = "random, tpe,reference"


def found(loop: Loop) -> RivalPlan:
    """A search of two trials and what its baselines came to, before the confirmation."""
    loop.baseline()
    if len(loop.entries) == 1:
        judged(loop, move(loop, x=0.5))
        judged(loop, move(loop, x=0.0))
    choose(loop)
    plan = rivals.find_rivals(loop, confirmation.preregister(loop.study), loop.study.settings.rivals)
    assert plan
    return plan


def test_each_search_has_as_many_runs_and_meets_the_best_on_the_seeds_of_the_claim(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = loop_of(make_template(REFERENCE), baselines=NAMES)
    ledger = loop.study.ledger
    plan = found(loop)
    assert (plan.rivals, plan.split, plan.pairs) == (("random", "tpe", "reference"), "holdout", 6)
    assert ledger.get(HoldoutOpening, OPENING) is None  # what is compared was fixed before
    budget = sum(run.subject != str(BASELINE) for run in ledger.runs(SEARCH))
    for name in ("random", "tpe"):
        rival = ledger.get(Rival, name)
        assert rival
        spent = [r for r in ledger.runs(f"rival-{name}") if r.subject != f"{name}-{BASELINE}"]
        assert budget - 8 <= len(spent) <= budget  # the rungs need whole replicates
        assert rival.proposed == sum(
            v.runs for e in loop.entries if e.trial.number and (v := e.trial.verdict) and v.runs
        )
        assert all("holdout" not in run.outcome.metrics for run in spent if run.outcome)
        if rival.number:
            assert ledger.get(RivalProposal, f"{name}/{rival.number}") == RivalProposal(params=rival.params)
    usual = ledger.get(Rival, "reference")
    assert usual
    assert dict(usual.params) == {"x": 0.6, "y": 0.9, "mood": "calm"}

    claim = confirmation.confirm(loop)
    rows = rivals.meet(loop)
    assert [row.rival.name for row in rows] == ["random", "tpe", "reference"]
    met = ledger.runs("rivals")
    assert {run.seed for run in met} == {run.seed for run in ledger.runs("confirm")}
    again = [run for run in met if run.subject == "best"]
    assert all(run.outcome and run.outcome.wall_s == 0 for run in again)  # taken over from the confirmation
    assert all(row.n == 6 and row.p_holm >= row.p_value for row in rows)
    reference = rows[-1]
    assert reference.effect == pytest.approx((0.6 - 0.7) ** 2 - (0.5 - 0.7) ** 2, abs=0.02)
    assert not reference.significant  # the reference is better than what this search found
    assert claim.best == 1
    assert rivals.meet(loop) == rows
    assert len(ledger.runs("rivals")) == len(met)


def test_a_search_that_was_stopped_goes_on_as_if_it_had_not_been(
    make_template: MakeTemplate, tmp_path: Path, stack: ExitStack
) -> None:
    folder = make_template()

    def study_at(place: str) -> Study:
        settings = Settings(baselines="random", confirm_seeds=2, key="00" * 16)
        return stack.enter_context(reopen(create(load(folder), settings, tmp_path / place)))

    whole = over(stack, study_at("whole"))
    found(whole)
    broken = over(stack, study_at("broken"))
    runs = whole.study.ledger.runs()
    left = iter(range(next(i for i, run in enumerate(runs) if run.phase == "rival-random") + 1))
    with pytest.raises(Stopped):
        found(Loop(_stopping(stack, broken.study, lambda: next(left, None) is None)))
    found(over(stack, broken.study))
    assert [(r.phase, r.subject, r.inputs) for r in broken.study.ledger.runs()] == [
        (r.phase, r.subject, r.inputs) for r in runs
    ]
    assert broken.study.ledger.all(Rival) == whole.study.ledger.all(Rival)


def _stopping(stack: ExitStack, study: Study, when: Callable[[], bool]) -> RunAccounts:
    place = {"inputs": study.inputs, "private": study.private, "scratch": study.folder / "scratch"}
    runner = local_runner(study.template, **place, workers=1)
    stack.callback(runner.close)
    return RunAccounts(study, runner, stopping=when)


def test_a_baseline_without_the_time_for_as_many_runs_is_left_out(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = loop_of(make_template(), baselines="random", hours=0.001)
    plan = found(loop)
    assert plan.rivals == ()
    assert loop.study.ledger.runs("rival-random") == []
    confirmation.confirm(loop)
    assert rivals.meet(loop) == []


@pytest.mark.parametrize("named", ["randomly", "random,greedy", "reference"])
def test_a_baseline_that_there_is_not_is_refused_before_the_study(
    make_template: MakeTemplate, tmp_path: Path, named: str
) -> None:
    with pytest.raises(SettingsError, match="baselines: "):
        begin(make_template(), Settings(baselines=named), tmp_path / "studies", "experiment")


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ("{z = 1}", "[reference.params.z]: 'z' is no knob; there are x, y, mood"),
        ("{x = 2.0}", "[reference.params.x]: must be from 0 to 1 (found 2.0)"),
        ('{mood = "blue"}', "[reference.params.mood]: must be one of ['calm', 'odd'] (found 'blue')"),
        ("{}", "[reference.params]: must be"),
        ('{x = 0.6}\ncite = "nobody"', "[reference.cite]: 'nobody' is no key in"),
    ],
)
def test_a_reference_that_no_trial_could_be_is_refused(make_template: MakeTemplate, params: str, told: str) -> None:
    body = {"[budget]": REFERENCE["[budget]"].replace("{x = 0.6}", params)}
    with pytest.raises(TemplateError) as refused:
        load(make_template(body))
    assert told in str(refused.value)


def test_what_a_study_would_take_counts_its_baselines(make_template: MakeTemplate, tmp_path: Path) -> None:
    probe = Probe(run_s=0.1, tried_s=0.1, start_s=0.0, draws_s=0.0, noisy=False)
    counts = {}
    for named in ("", "reference", "random", "random,reference"):
        settings = Settings(baselines=named, trials=5, seeds=1)
        with reopen(
            create(load(make_template(REFERENCE)), settings.filled(load(make_template())), tmp_path / "s")
        ) as study:
            counts[named] = cost(study, probe)["runs"][0]
    more = [counts[named] - counts[""] for named in ("reference", "random", "random,reference")]
    assert more == [6, 5 + 6, 5 + 6 + 6]  # each meets the best on six seeds
