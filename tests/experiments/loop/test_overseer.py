"""The overseer: what it notices, and that it does so once, in order, and without false alarms."""

from __future__ import annotations

import base64
import inspect
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from nightlab.experiments.ledger.ledger import Settled, Trial
from nightlab.experiments.loop import decision, overseer
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.overseer import (
    AGAIN,
    ALIKE,
    CARRIED,
    MOST_TOLD,
    PARK_AFTER,
    PARKED,
    STAGNANT,
    UNREAD,
    Overseer,
    gap,
    suspicious,
)
from nightlab.experiments.loop.run_accounts import RunAccounts
from nightlab.experiments.records import Change, Effect, RunOutcome, Status, VerdictKind
from nightlab.experiments.template.artifact.artifact import added
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import Template
from tests.conftest import EXPERIMENT, MakeTemplate
from tests.experiments.loop.test_loop import judged, loop_of, move, stack

__all__ = ["loop_of", "stack"]  # fixtures


@pytest.fixture
def template(make_template: MakeTemplate) -> Template:
    soft = {
        "penalty = 10.0": 'penalty = 10.0\n\n[[constraint]]\nmetric = "cost"\nmax = 1.0\nhard = false\npenalty = 0.1'
    }
    return load(make_template(soft))


def watcher(template: Template) -> Overseer:
    return Overseer(template, ("east", "north", "mood"))


def settled(
    number: int, kind: VerdictKind = "reverted", cause: str = "", strategy: str = "east", reason: str = "r"
) -> Trial:
    change = Change(strategy=strategy, hypothesis="h", params={"x": number}, artifact="a", parent=0, proposer="test")
    return Trial(number=number, change=change, verdict=Settled(kind=kind, cause=cause, reason=reason, numbers={}))


def ran(height: float, *, cost: float = 0.5, wall_s: float = 0.1, status: Status = "ok") -> RunOutcome:
    return RunOutcome(status=status, metrics={"dev": {"height": height, "cost": cost}}, wall_s=wall_s)


def test_stagnation_is_told_each_dozen_and_then_no_more(template: Template) -> None:
    overseer = watcher(template)
    for n in range(1, STAGNANT * (MOST_TOLD + 2)):
        overseer.watch(settled(n), [ran(n)], [ran(0)])
    assert [n.trial for n in overseer.notices] == [STAGNANT * i for i in range(1, MOST_TOLD + 1)]
    assert {(n.concern, n.action) for n in overseer.notices} == {("stagnation", "widen")}
    assert overseer.watch(settled(90, "kept"), [ran(-1)], [ran(0)]) == []
    for n in range(91, 91 + STAGNANT):
        overseer.watch(settled(n), [ran(n)], [ran(0)])
    assert overseer.notices[-1].trial == 90 + STAGNANT


def test_parameters_that_change_nothing_are_told_once(template: Template) -> None:
    runs = [ran(1), ran(2)]
    for others, told in (([ran(1), ran(2)], 1), ([ran(1, wall_s=9.0), ran(2)], 1), ([ran(1), ran(2, cost=0.4)], 0)):
        overseer = watcher(template)
        overseer.watch(settled(0, "baseline"), runs, runs)
        for n in range(1, 2 * UNREAD):
            overseer.watch(settled(n), others[: 1 + n % 2], runs)
        found = [n for n in overseer.notices if n.key.endswith("/unread")]
        assert len(found) == told
        if found:
            assert found[0].trial == UNREAD
            assert found[0].sentence.startswith("The parameters seem to be unread, or without effect: ")


def test_an_edit_that_changes_nothing_says_nothing_of_parameters(template: Template) -> None:
    overseer = watcher(template)
    overseer.watch(settled(0, "baseline"), [ran(1)], [ran(1)])
    for n in range(1, 2 * UNREAD):
        trial = settled(n)
        overseer.watch(replace(trial, change=replace(trial.change, artifact="b")), [ran(1)], [ran(1)])
    assert overseer.notices == []


def test_a_strategy_that_only_fails_rests_and_comes_back(template: Template) -> None:
    overseer = watcher(template)
    overseer.watch(settled(1), [ran(1)], [ran(0)])
    for n in range(2, 2 + PARK_AFTER):
        assert overseer.parked() == frozenset()
        overseer.watch(settled(n, "failed", "crash", "north", f"line {n}"), [], [ran(0)])
    assert overseer.parked() == {"north"}
    assert [(n.action, n.strategy) for n in overseer.notices] == [("park", "north")]
    for n in range(10, 10 + PARKED):
        assert overseer.parked() == {"north"}
        overseer.watch(settled(n), [ran(n)], [ran(0)])
    assert overseer.parked() == frozenset()


def test_never_all_strategies_rest(template: Template) -> None:
    overseer = watcher(template)
    overseer.watch(settled(1), [ran(1)], [ran(0)])
    for strategy in ("east", "north", "mood"):
        for n in range(PARK_AFTER):
            overseer.watch(settled(n + 2, "failed", "timeout", strategy), [], [ran(0)])
    assert overseer.parked() == frozenset()


@pytest.mark.parametrize("strategies", [("east",), ("east", "north", "mood")])
def test_the_search_ends_when_all_first_trials_fail_alike(template: Template, strategies: Sequence[str]) -> None:
    overseer = watcher(template)
    for n in range(1, ALIKE + 1):
        assert not overseer.stop
        trial = settled(n, "failed", "crash", strategies[n % len(strategies)], "ModuleNotFoundError: torch")
        overseer.watch(trial, [], [ran(0)])
    assert "ModuleNotFoundError: torch" in overseer.stop
    assert overseer.notices[-1].action == "stop"


@pytest.mark.parametrize("different", [1, 3, ALIKE])
def test_one_that_fails_otherwise_or_not_at_all_lets_the_search_go_on(template: Template, different: int) -> None:
    overseer = watcher(template)
    for n in range(1, 3 * ALIKE):
        reason = "another" if n == different else "boom"
        overseer.watch(settled(n, "failed", "crash", f"s{n}", reason), [], [ran(0)])
    assert not overseer.stop


@pytest.mark.parametrize(("cause", "told"), [("duplicate", "repeated an earlier trial"), ("timeout", "time limit")])
def test_waste_is_told(template: Template, cause: str, told: str) -> None:
    overseer = watcher(template)
    for n in range(1, 20):
        overseer.watch(settled(n, "failed", cause) if n % 2 else settled(n), [] if n % 2 else [ran(n)], [ran(0)])
    assert [n.concern for n in overseer.notices if told in n.sentence] == ["waste"]


def test_changes_that_change_nothing_are_waste(template: Template) -> None:
    overseer = watcher(template)
    for n in range(1, STAGNANT):
        overseer.watch(settled(n), [ran(1.0)], [ran(0)])
    assert [n.sentence for n in overseer.notices] == ["10 of the last 11 trials changed nothing in the result."]


def test_a_change_whose_files_carry_much_is_told(template: Template) -> None:
    sizes = {"plain": CARRIED, "heavy": CARRIED + 1, "more": 2 * CARRIED + 1}
    overseer = Overseer(template, ("east",), lambda artifact, base: {"baseline": sizes[artifact]}[base])

    def notices(number: int, artifact: str, kind: VerdictKind) -> list[str]:
        trial = settled(number, kind)
        trial = replace(trial, change=replace(trial.change, artifact=artifact))
        return [n.sentence for n in overseer.watch(trial, [ran(number)], [ran(0)])]

    assert notices(0, "baseline", "baseline") == []
    assert notices(1, "plain", "kept") == []
    assert notices(2, "heavy", "reverted") == []
    (told,) = notices(3, "heavy", "kept")
    assert "have 4.0 kB that the baseline's have not" in told
    assert notices(4, "heavy", "kept") == []
    assert notices(5, "more", "kept") == []  # little more than what was told
    sizes["more"] += 1
    assert "have 8.0 kB" in notices(6, "more", "kept")[0]


def test_weights_in_the_code_count_and_a_long_edit_does_not() -> None:
    """What is taken out for them makes no room."""
    base = {"experiment.py": EXPERIMENT.encode(), "other.py": inspect.getsource(decision).encode()}
    carried = f"WEIGHTS = {base64.b85encode(random.Random(0).randbytes(4500))!r}\n".encode()
    edit = "".join(inspect.getsource(overseer).splitlines(keepends=True)[:150]).encode()
    moved = {"experiment.py": base["other.py"], "other.py": base["experiment.py"]}
    assert added(moved, base) < 20
    assert 1000 < added({**base, "experiment.py": base["experiment.py"] + edit}, base) < CARRIED
    for files in ({**base, "more.py": carried}, {"experiment.py": carried}):
        assert added(files, base) > CARRIED


def test_a_loop_counts_what_its_files_add(make_template: MakeTemplate, loop_of: Callable[..., Loop]) -> None:
    loop = loop_of(make_template(), seeds=1)
    loop.baseline()
    grown = loop.study.artifacts.add({"experiment.py": f"{EXPERIMENT}\nMORE = {2**200}\n".encode()})
    base = loop.entries[0].trial.change.artifact
    assert loop.overseer.added(base, base) < 20 < loop.overseer.added(grown, base)


def test_the_price_of_a_gain_is_told(template: Template) -> None:
    overseer = watcher(template)
    assert overseer.watch(settled(1, "kept"), [ran(1, wall_s=0.9)], [ran(2, wall_s=0.01)]) == []  # nobody waits for it
    assert overseer.watch(settled(2, "kept"), [ran(1, wall_s=2.9)], [ran(2, wall_s=1.0)]) == []
    (slow,) = overseer.watch(settled(3, "kept"), [ran(1, wall_s=4.0)], [ran(2, wall_s=1.0)])
    assert "4.0 times as long" in slow.sentence
    (soft,) = overseer.watch(settled(4, "kept"), [ran(1, cost=1.25)], [ran(2, cost=1.125)])
    assert "violates the constraint on cost by 0.25 instead of 0.125" in soft.sentence
    assert overseer.watch(settled(5, "kept"), [ran(1, cost=1.1)], [ran(2, cost=1.2)]) == []


def test_equal_runs_are_odd_only_where_others_differ() -> None:
    noisy, still = [ran(float(i)) for i in range(8)], [ran(1.0)] * 8
    assert suspicious([ran(0.5)] * 3, noisy)
    assert not suspicious([ran(0.5)], noisy)
    assert not suspicious([ran(0.5), ran(0.5), ran(0.6)], noisy)
    assert not suspicious([ran(0.5)] * 3, still)
    assert not suspicious([ran(0.5)] * 3, [*noisy, noisy[0]])  # a coarse metric: ties are natural


def test_a_gain_that_stays_behind_on_the_holdout_is_told() -> None:
    def effect(low: float, of: float, high: float) -> Effect:
        return Effect(effect=of, low=low, high=high, p_value=0.01, significant=True, n=8, test="t")

    dev = effect(0.8, 1.0, 1.2)
    assert "0.1 on the holdout" in gap(dev, effect(-0.1, 0.1, 0.3))
    assert gap(dev, effect(0.4, 0.7, 1.0)) == ""
    assert gap(dev, effect(1.5, 1.6, 1.7)) == ""


def test_copied_results_are_run_again_before_they_count(
    make_template: MakeTemplate, loop_of: Callable[..., Loop], tmp_path: Path
) -> None:
    code = EXPERIMENT.replace("    (out", "    if params['mood'] == 'odd':\n        height = -1.0\n    (out")
    loop = loop_of(make_template(files={"experiment.py": code}), seeds=2)
    loop.baseline()
    verdict = judged(loop, move(loop, mood="odd"))
    assert (verdict.kind, verdict.suspected) == ("kept", True)  # type: ignore[attr-defined]
    assert len(loop.entries[1].outcomes) == 2 + AGAIN
    (told,) = loop.study.ledger.documents("notice").values()
    assert (told["concern"], told["action"], told["trial"]) == ("gaming", "run again", 1)
    again = Loop(RunAccounts(loop.study, loop.accounts.runner))
    assert again.overseer.notices == loop.overseer.notices
    assert len(again.study.ledger.documents("notice")) == 1


def test_a_template_on_which_every_change_fails_ends_early_with_the_reason(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    code = EXPERIMENT.replace(
        "    noise =", "    if params['x'] != 0.1:\n        raise OSError('no disk')\n    noise ="
    )
    loop = loop_of(make_template(files={"experiment.py": code}), trials=50)
    loop.baseline()
    for i in range(ALIKE):
        assert loop.exhausted() == ""
        judged(loop, move(loop, x=0.2 + i / 100))
    assert "failed alike (crash: OSError: no disk)" in loop.exhausted()
    assert "failed alike" in Loop(RunAccounts(loop.study, loop.accounts.runner)).exhausted()
