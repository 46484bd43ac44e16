"""The loop and the confirmation on the toy template, with real runs."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from scipy import stats

from nightlab.experiments.claim import confirmation
from nightlab.experiments.claim.caveats import notes
from nightlab.experiments.claim.parts import ablation
from nightlab.experiments.claim.parts.knobs import KNOB_SEEDS, ablate_knobs
from nightlab.experiments.claim.parts.sensitivity import neighbours, probe_sensitivity
from nightlab.experiments.claim.selection import choose, chosen
from nightlab.experiments.claim.statistics.inference import untested
from nightlab.experiments.claim.summary import experiment_summary
from nightlab.experiments.executors.local.local import local_runner
from nightlab.experiments.ledger.ledger import Settled
from nightlab.experiments.loop.decision import Verdict
from nightlab.experiments.loop.loop import CALIBRATION, Loop
from nightlab.experiments.loop.run_accounts import MAX_DEATHS, RunAccounts
from nightlab.experiments.records import BASELINE, Change, Knob
from nightlab.experiments.search.policy import incumbent
from nightlab.experiments.search.registry import make_policy
from nightlab.experiments.search.strategies import COMBINATION
from nightlab.experiments.study.errors import StudyError
from nightlab.experiments.study.settings import Settings, SettingsError
from nightlab.experiments.study.study import Study, create, reopen
from nightlab.experiments.template.loading import load
from tests.conftest import EVALUATE, EXPERIMENT, MakeTemplate

OpenStudy = Callable[[Path], Study]
OpenLoop = Callable[[Study], Loop]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def loop_of(stack: ExitStack, tmp_path: Path) -> Callable[..., Loop]:
    """A loop over a new study of a template's folder."""

    def make(folder: Path, **settings: object) -> Loop:
        study = stack.enter_context(reopen(create(load(folder), Settings(**settings), tmp_path / "studies")))  # type: ignore[arg-type]
        return over(stack, study)

    return make


def over(stack: ExitStack, study: Study) -> Loop:
    study.data.prepare()
    confirmation.preregister(study)
    runner = local_runner(
        study.template,
        inputs=study.inputs,
        private=study.private,
        scratch=study.folder / "scratch",
        workers=study.settings.workers,
    )
    stack.callback(runner.close)
    return Loop(RunAccounts(study, runner))


def move(loop: Loop, parent: int = BASELINE, **params: object) -> Change:
    before = loop.entries[parent].trial.change
    return Change(
        strategy="east",
        hypothesis="h",
        params={**before.params, **params},  # type: ignore[dict-item]
        artifact=before.artifact,
        parent=parent,
        proposer="test",
    )


def judged(loop: Loop, change: Change) -> object:
    number = len(loop.entries)
    loop.claim(number, change)
    while loop.open:
        loop.wait()
        for ready in loop.ready():
            loop.decide(ready)
    return loop.entries[number].trial.verdict


def test_better_is_kept_worse_costs_one_run_and_a_constraint_binds(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = loop_of(make_template())
    assert loop.baseline().kind == "baseline"
    assert len(loop.study.ledger.runs()) == CALIBRATION
    better = judged(loop, move(loop, x=0.5))
    assert better.kind == "kept"  # type: ignore[attr-defined]
    assert loop.incumbent == 1
    worse = judged(loop, move(loop, 1, x=0.0))
    assert worse.kind == "reverted"  # type: ignore[attr-defined]
    assert len(loop.scores(2)) == 1
    over_cost = judged(loop, move(loop, 1, x=0.7))
    assert (over_cost.kind, over_cost.cause) == ("reverted", "constraint")  # type: ignore[attr-defined]
    assert "cost = 1.6 violates the constraint max = 1.5" in over_cost.reason  # type: ignore[attr-defined]
    assert loop.incumbent == 1


def test_the_search_builds_on_the_loop_s_incumbent_when_verdicts_come_out_of_order(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    slow = EXPERIMENT.replace(
        "    noise =", "    if params['mood'] == 'odd':\n        import time; time.sleep(0.6)\n    noise ="
    )
    loop = loop_of(make_template({"seeds = 2": "seeds = 1"}, {"experiment.py": slow}), workers=2)
    loop.baseline()
    order = []
    for x, number in ((0.5, 1), (0.65, 3)):
        loop.claim(number, move(loop, x=x, y=0.8, mood="odd"))
        loop.claim(number + 1, move(loop, x=x - 0.2, y=0.8))
        while loop.open:
            loop.wait()
            for ready in loop.ready():
                if isinstance(loop.decide(ready), Settled):
                    order.append(ready)
                    assert incumbent(loop.tried()).number == loop.incumbent
    assert order == [2, 1, 4, 3]
    assert loop.verdict(1).kind == loop.verdict(2).kind == "kept"  # type: ignore[union-attr]
    assert loop.incumbent in (1, 3)
    again = Loop(RunAccounts(loop.study, loop.accounts.runner))
    assert incumbent(again.tried()).number == again.incumbent == loop.incumbent
    assert list(again.tried()) == list(loop.tried())


def test_the_same_change_again_is_a_duplicate_and_is_not_run(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = loop_of(make_template())
    loop.baseline()
    judged(loop, move(loop, x=0.5))
    runs = len(loop.study.ledger.runs())
    again = judged(loop, move(loop, x=0.5))
    assert (again.kind, again.cause, again.reason) == (  # type: ignore[attr-defined]
        "failed",
        "duplicate",
        "the same files and parameters as trial 1",
    )
    assert len(loop.study.ledger.runs()) == runs


@pytest.mark.parametrize(
    ("body", "cause", "told"),
    [
        ("raise RuntimeError('boom')", "crash", "boom"),
        ("raise RuntimeError('boom\\nand more')", "crash", "RuntimeError: boom"),
        ("return", "invalid", ""),
        ("(out / 'answer.json').write_text('{\"height\": NaN, \"cost\": 0.1}')", "invalid", "height"),
        ("import time; time.sleep(60)", "timeout", ""),
    ],
)
def test_an_experiment_that_misbehaves_is_a_failed_trial(
    make_template: MakeTemplate, loop_of: Callable[..., Loop], body: str, cause: str, told: str
) -> None:
    code = EXPERIMENT.replace(
        "    noise =", f"    if params['mood'] == 'odd':\n        {body}\n        return\n    noise ="
    )
    loop = loop_of(make_template({"timeout_s = 5": "timeout_s = 1"}, {"experiment.py": code}))
    loop.baseline()
    verdict = judged(loop, move(loop, mood="odd"))
    assert (verdict.kind, verdict.cause) == ("failed", cause)  # type: ignore[attr-defined]
    assert told in verdict.reason  # type: ignore[attr-defined]
    assert loop.tried()[1].score is None
    assert judged(loop, move(loop, x=0.5)).kind == "kept"  # type: ignore[attr-defined]


def test_a_baseline_that_does_not_run_ends_the_study_with_what_it_said(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = loop_of(make_template(files={"experiment.py": "def run(params, inputs, out, seed):\n    1 / 0\n"}))
    with pytest.raises(StudyError, match=r"baseline of template 'toy' does not run \(crash\)[^$]*ZeroDivisionError"):
        loop.baseline()
    assert len(loop.study.ledger.runs()) == 1
    told = experiment_summary(loop.study)
    assert [told[kind] for kind in ("trials", "kept", "reverted", "failed")] == [0, 0, 0, 0]


def test_a_new_loop_over_the_same_ledger_goes_on(
    make_template: MakeTemplate, loop_of: Callable[..., Loop], stack: ExitStack
) -> None:
    first = loop_of(make_template())
    first.baseline()
    judged(first, move(first, x=0.5))
    first.claim(2, move(first, 1, y=0.3))
    second = Loop(RunAccounts(first.study, first.accounts.runner))
    assert second.incumbent == 1
    assert second.open == [2]
    assert second.tried() == first.tried()
    assert second.noise.sd == pytest.approx(first.noise.sd)
    while second.open:
        second.wait()
        for ready in second.ready():
            second.decide(ready)
    assert second.incumbent == 2
    assert len(second.study.ledger.trials()) == 3


@pytest.mark.parametrize("death", ["broken", "killed"])
def test_a_run_that_was_there_at_every_death_is_given_up(
    death: str, make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = loop_of(make_template())
    loop.baseline()
    loop.claim(1, move(loop, x=0.5))
    run = loop.study.ledger.claim_run("search", "1", 0, loop.study.seeds.of("search", 0))
    for i in range(MAX_DEATHS[death]):
        assert loop.study.ledger.unsettled_runs() == [run]
        if death == "broken":  # the machine was started anew meanwhile
            loop.study.ledger.once("opened", f"before {i}", {"at": 0.0, "boot": f"another {i}"})
        accounts = RunAccounts(loop.study, loop.accounts.runner)
    again = Loop(accounts)
    again.wait()
    verdict = again.decide(1)
    assert isinstance(verdict, Settled)
    assert (verdict.kind, verdict.cause) == ("failed", "crash")
    assert f"stopped {MAX_DEATHS[death]} times while this run was in progress" in verdict.reason


def test_a_selection_that_was_cut_off_goes_on_as_it_would_have(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    first = loop_of(make_template())
    first.baseline()
    judged(first, move(first, x=0.6))
    judged(first, move(first, 1, y=0.3))
    for subject, replicate in (("0", 8), ("2", 2), ("2", 3), ("1", 2)):  # claimed, and then the kill
        first.study.ledger.claim_run("search", subject, replicate, first.study.seeds.of("search", replicate))
    again = Loop(RunAccounts(first.study, first.accounts.runner))
    assert again.noise.sd == pytest.approx(first.noise.sd)
    assert choose(again) == choose(first)
    assert all(run.outcome is not None for run in first.study.ledger.runs())


def test_a_deterministic_template_costs_no_replicates(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    prepare = "def prepare(inputs, private, seed):\n    (inputs / 'noise').write_text('0')\n"
    prepare += "    (private / 'offset.json').write_text('{\"dev\": 0, \"holdout\": 0}')\n"
    loop = loop_of(make_template(files={"prepare.py": prepare}))
    loop.baseline()
    assert loop.deterministic
    assert judged(loop, move(loop, x=0.5)).kind == "kept"  # type: ignore[attr-defined]
    assert len(loop.scores(1)) == 2  # what is kept must repeat itself too
    assert judged(loop, move(loop, 1, x=0.6)).kind == "kept"  # type: ignore[attr-defined]
    assert judged(loop, move(loop, 2, x=0.0)).kind == "reverted"  # type: ignore[attr-defined]
    assert len(loop.scores(3)) == 1


def test_confirmation_opens_the_holdout_once(
    make_template: MakeTemplate, loop_of: Callable[..., Loop], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = loop_of(make_template())
    loop.baseline()
    judged(loop, move(loop, x=0.6))
    claim = confirmation.confirm(loop)
    assert claim.significant
    assert claim.split == "holdout"
    assert claim.effect == pytest.approx(0.6**2 - 0.1**2, abs=0.02)
    assert claim.low < claim.effect < claim.high
    holdout = [r for r in loop.study.ledger.runs() if r.outcome and "holdout" in r.outcome.metrics]
    assert {r.phase for r in holdout} == {"confirm"}
    search = {r.seed for r in loop.study.ledger.runs("search")}
    assert search.isdisjoint(r.seed for r in holdout)
    assert confirmation.confirm(loop) == claim
    judged(loop, move(loop, 1, y=0.3))
    assert confirmation.confirm(loop).best == 1  # what was chosen stays chosen
    monkeypatch.setattr(confirmation, "choose", lambda _: 2)
    with pytest.raises(StudyError, match="opened for trial 1 and is opened once per study"):
        confirmation.confirm(loop)
    assert "refused for trial 2" in loop.study.ledger.documents("holdout")


def test_a_better_trial_that_was_reverted_is_found_again(
    make_template: MakeTemplate, loop_of: Callable[..., Loop], monkeypatch: pytest.MonkeyPatch
) -> None:
    loop = loop_of(make_template())
    loop.baseline()
    unlucky = Verdict(kind="reverted", reason="bad luck", difference=0.0, threshold=0.0)
    with monkeypatch.context() as patched:
        patched.setattr("nightlab.experiments.loop.judgement.judge", lambda *_args, **_kwargs: unlucky)
        judged(loop, move(loop, x=0.6))
        judged(loop, move(loop, x=0.0))
    assert loop.incumbent == BASELINE
    assert choose(loop) == chosen(loop) == 1
    assert confirmation.confirm(loop).significant
    assert [r.trial for r in ablation.ablate(loop)] == [1]


def test_ablation_and_sensitivity_find_what_matters(make_template: MakeTemplate, loop_of: Callable[..., Loop]) -> None:
    loop = loop_of(make_template(), workers=2)
    loop.baseline()
    judged(loop, move(loop, x=0.6))
    judged(loop, move(loop, 1, y=0.3))
    confirmation.confirm(loop)
    rows = {r.trial: r for r in ablation.ablate(loop)}
    assert rows[1].knobs == ("x",)
    assert rows[1].effect == pytest.approx(0.6**2 - 0.1**2, abs=0.02)
    assert rows[2].effect == pytest.approx(0.7**2 - 0.1**2, abs=0.02)
    assert all(r.significant and r.p_holm >= r.p_value for r in rows.values())
    assert ablate_knobs(loop) == []  # each knob is a part of its own
    near = {
        (r.knob, r.value if isinstance(r.value, str) else round(r.value, 6)): r.effect for r in probe_sensitivity(loop)
    }
    assert near["x", 0.5] == pytest.approx(0.03, abs=0.02)
    assert near["x", 0.7] < 0.01
    assert ("mood", "odd") in near


def test_knobs_that_share_a_part_are_set_back_one_by_one(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    folder = make_template({'strategy = "north"': 'strategy = "east"'})
    loop = loop_of(folder, workers=2)
    loop.baseline()
    judged(loop, move(loop, x=0.6, y=0.3))
    confirmation.confirm(loop)
    (whole,) = ablation.ablate(loop)
    assert set(whole.knobs) == {"x", "y"}
    alone = {row.knob: row for row in ablate_knobs(loop)}
    assert alone["x"].effect == pytest.approx(0.6**2 - 0.1**2, abs=0.03)
    assert alone["y"].effect == pytest.approx(0.7**2 - 0.1**2, abs=0.03)
    assert all(row.n == KNOB_SEEDS for row in alone.values())
    assert {r.subject for r in loop.study.ledger.runs("knobs")} == {"x", "y"}
    again = len(loop.study.ledger.runs())
    assert {row.knob: row for row in ablate_knobs(loop)} == alone
    assert len(loop.study.ledger.runs()) == again


def test_an_outcome_is_taken_over_where_all_that_it_depends_on_is_the_same(
    make_template: MakeTemplate, loop_of: Callable[..., Loop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The best without its only change is the baseline, which the confirmation ran on the same seeds."""
    loop = loop_of(make_template())
    loop.baseline()
    judged(loop, move(loop, x=0.6))
    confirmation.confirm(loop)
    monkeypatch.setattr(loop.accounts.runner, "submit", lambda request: pytest.fail("nothing is left to run"))
    (row,) = ablation.ablate(loop)
    assert row.n == 6
    before = {r.seed: r.outcome for r in loop.study.ledger.runs("confirm") if r.subject == "baseline"}
    assert all(
        r.outcome and r.outcome.metrics.items() <= before[r.seed].metrics.items()
        for r in loop.study.ledger.runs("ablate")
    )


def test_a_study_in_which_nothing_was_kept_claims_nothing(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = loop_of(make_template())
    loop.baseline()
    judged(loop, move(loop, x=0.0))
    claim = confirmation.confirm(loop)
    assert (claim.best, claim.significant, claim.effect) == (BASELINE, False, 0.0)
    assert ablation.ablate(loop) == []


@pytest.mark.parametrize("second", [False, True])
def test_a_kept_trial_that_fails_on_further_seeds_is_not_confirmed_and_that_is_told(
    make_template: MakeTemplate, loop_of: Callable[..., Loop], second: bool
) -> None:
    seeds = [loop_of(make_template()).study.seeds.of("search", i) for i in range(3)]
    code = EXPERIMENT.replace(
        "    noise =",
        f"    if params['x'] == 0.6 and seed not in {seeds}:\n        raise OSError('not here')\n    noise =",
    )
    loop = loop_of(make_template(files={"experiment.py": code}), seeds=3)
    loop.baseline()
    assert judged(loop, move(loop, x=0.6)).kind == "kept"  # type: ignore[attr-defined]
    if second:
        assert judged(loop, move(loop, x=0.55)).kind == "reverted"  # type: ignore[attr-defined]
    claim = confirmation.confirm(loop)
    assert (claim.best, claim.tested) == ((2, True) if second else (BASELINE, False))
    if second:
        assert "Reliability" in notes(loop.study)
    else:
        assert "failed when it was run again on further seeds" in untested(claim)


def test_neighbours_stay_in_range_and_differ() -> None:
    step = Knob(name="n", type="int", strategy="s", default=3, low=1, high=4)
    assert neighbours(step, 4) == {"down": 3}
    assert neighbours(Knob(name="n", type="int", strategy="s", default=3, low=0, high=40), 40) == {"down": 36}
    log = Knob(name="r", type="float", strategy="s", default=0.01, low=1e-4, high=1.0, log=True)
    assert neighbours(log, 0.01)["up"] == pytest.approx(0.01 * 10**0.4, rel=1e-3)
    choice = Knob(name="c", type="choice", strategy="s", default="a", choices=("a", "b"))
    assert neighbours(choice, "b") == {"other": "a"}


def test_a_timing_is_measured_beside_the_incumbent_in_turns(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = loop_of(
        make_template({'direction = "minimize"': 'direction = "minimize"\ninterleaved = true'}), workers=2, seeds=3
    )
    assert loop.study.settings.workers == 1
    loop.baseline()
    assert judged(loop, move(loop, x=0.6)).kind == "kept"  # type: ignore[attr-defined]
    assert judged(loop, move(loop, 1, x=0.0)).kind == "reverted"  # type: ignore[attr-defined]
    runs = [r for r in loop.study.ledger.runs() if r.subject in ("1", "2")]
    assert [(r.phase, r.subject, r.replicate) for r in runs] == [
        ("beside", "1", 0),
        ("search", "1", 0),
        ("search", "1", 1),
        ("beside", "1", 1),
        ("beside", "1", 2),
        ("search", "1", 2),
        ("beside", "2", 0),
        ("search", "2", 0),
    ]
    assert len({r.seed for r in runs if r.replicate == 0}) == 1
    assert not [r for r in runs if r.outcome is None or "the outcome of run" in r.outcome.output]  # no cache
    again = Loop(RunAccounts(loop.study, loop.accounts.runner))
    partners = [[o and o.metrics for o in each.entries[1].partners] for each in (again, loop)]
    assert (again.incumbent, partners[0]) == (1, partners[1])


def test_free_slots_take_the_replicates_that_are_still_asked_for(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = loop_of(make_template(), seeds=4, workers=2)
    loop.baseline()
    loop.claim(1, move(loop, x=0.6))
    steps = []
    while loop.open:
        loop.wait()
        for ready in loop.ready():
            loop.decide(ready)
            steps.append(loop.entries[ready].wanted)
    assert steps == [3, 4, 4]
    assert loop.verdict(1).kind == "kept"  # type: ignore[union-attr]


def test_every_verdict_has_a_sentence_and_its_numbers(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    code = EXPERIMENT.replace("    noise =", "    if params['mood'] == 'odd':\n        1 / 0\n    noise =")
    both = {"penalty = 10.0": 'penalty = 10.0\n\n[[constraint]]\nmetric = "cost"\nmax = 1.4'}
    loop = loop_of(make_template(both, {"experiment.py": code}))
    loop.baseline()
    judged(loop, move(loop, x=0.4))
    judged(loop, move(loop, mood="odd"))
    judged(loop, move(loop, mood="odd"))
    judged(loop, move(loop, x=0.9))
    found = {t.number: t.verdict for t in loop.study.ledger.trials() if t.verdict}
    assert all(v.reason and (v.numbers or v.difference is not None or v.twin) for v in found.values())
    assert (found[2].cause, found[2].numbers["replicate"]) == ("crash", 0.0)
    assert found[3].twin == 2
    broken = {"cost beyond max = 1.4": pytest.approx(0.4), "cost beyond max = 1.5": pytest.approx(0.3)}
    assert dict(found[4].numbers) == broken
    assert "max = 1.4" in found[4].reason
    assert "max = 1.5" in found[4].reason


def test_an_unknown_rule_is_refused() -> None:
    with pytest.raises(SettingsError, match="rule = 'loose' is no rule of verdicts; there are paired, strict"):
        Settings(rule="loose")


def test_a_violated_hard_constraint_is_never_kept_however_good_it_looks(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    """The evaluator pays for cost; the constraint does not."""
    paid = EVALUATE.replace('answer["height"]', 'answer["height"] - 100 * answer["cost"]')
    loop, rng = loop_of(make_template(files={"evaluate.py": paid})), random.Random(4)
    loop.baseline()
    for _ in range(12):
        verdict = judged(loop, move(loop, x=rng.random(), y=rng.random()))
        costs = [o.metrics["dev"]["cost"] for o in loop.entries[-1].outcomes if o]
        assert (max(costs) > 1.5) == (verdict.cause == "constraint")  # type: ignore[attr-defined]
        best = loop.entries[loop.incumbent].outcomes
        assert all(o is None or o.metrics["dev"]["cost"] <= 1.5 for o in best)
    broken = [t.number for t in loop.history() if t.verdict and t.verdict.cause == "constraint"]
    assert broken
    assert choose(loop) not in broken


def test_the_ablation_is_the_test_of_its_runs_with_the_correction_done_by_hand(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = loop_of(make_template())
    loop.baseline()
    judged(loop, move(loop, x=0.6))
    judged(loop, move(loop, 1, y=0.75))
    monitored = loop.incumbent
    confirmation.confirm(loop)
    rows = ablation.ablate(loop)
    assert (monitored, len(rows)) == (2, 2)
    runs = loop.study.ledger.runs()

    def heights(phase: str, subject: str) -> dict[int, float]:
        own = [r for r in runs if (r.phase, r.subject) == (phase, subject)]
        return {r.seed: r.outcome.metrics["dev"]["height"] for r in own if r.outcome}

    best = heights("confirm", "best")
    raw = []
    for row in rows:
        without = heights("ablate", row.key)
        lost = [without[s] - best[s] for s in best if s in without]
        found = stats.ttest_ind(lost, [0.0] * len(lost), equal_var=False, trim=0.2, alternative="greater")
        assert row.p_value == pytest.approx(found.pvalue, rel=1e-6)
        raw.append(found.pvalue)
    small, large = sorted(raw)
    by_hand = [min(1.0, 2 * 2 * small), max(min(1.0, 2 * 2 * small), min(1.0, 2 * large))]  # Holm, for two looks
    assert sorted(r.p_holm for r in rows) == pytest.approx(by_hand, rel=1e-6)
    assert all(r.significant == (r.p_holm < 0.05) for r in rows)


def test_changes_that_were_found_apart_are_tried_together_and_judged_alike(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = loop_of(make_template())
    loop.baseline()
    assert judged(loop, move(loop, x=0.6)).kind == "kept"  # type: ignore[attr-defined]
    assert judged(loop, move(loop, y=0.55)).kind == "reverted"  # type: ignore[attr-defined]  # good, and not as good
    proposals = (
        make_policy("greedy", knobs=loop.template.knobs, strategies=loop.template.strategies, seed=seed).propose(
            loop.tried(), 3
        )
        for seed in range(50)
    )
    together = next(p for p in proposals if p.strategy == COMBINATION)
    assert (together.parent, together.params) == (1, {"x": 0.6, "y": 0.55, "mood": "calm"})
    change = Change(
        strategy=together.strategy,
        hypothesis="h",
        params=together.params,
        artifact=loop.entries[1].trial.change.artifact,
        parent=together.parent,
        proposer=together.sampler,
    )
    verdict = judged(loop, change)
    assert verdict.kind == "kept"  # type: ignore[attr-defined]
    assert verdict.numbers["replicates"] == 2  # type: ignore[attr-defined]
    assert loop.incumbent == 3
