"""What was chosen by which numbers, what became of the hypothesis, and what each knob is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from nightlab.agents.offline.outcome import finalists, groups, hypothesis, importance, recipe
from nightlab.agents.team import Idea, StudySubmission
from nightlab.experiments.claim.confirmation import NOTHING
from nightlab.experiments.ledger.documents.claim import AblatedKnob, AblatedPart
from nightlab.experiments.study.items import ItemStore
from nightlab.experiments.template.artifact.diffs import changed
from nightlab.experiments.template.ideas import HypothesisPart
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.facts.facts import Facts
from nightlab.papers.facts.registry import record
from nightlab.papers.manuscript.manuscript import facts_used
from tests.agents.offline.test_sections import brief_of

HELPS = {**vars(NOTHING), "effect": 0.2, "low": 0.1, "high": 0.3, "significant": True, "n": 8}
SMALL = {**HELPS, "effect": 0.05, "low": 0.01, "high": 0.09}
OPEN = {**HELPS, "effect": 0.02, "low": -0.1, "high": 0.14, "significant": False}
HARMS = {**HELPS, "effect": -0.2, "low": -0.3, "high": -0.1, "significant": False}


def part(strategy: str, body: dict[str, Any], *knobs: str) -> AblatedPart:
    return AblatedPart(**body, key=f"without-1-{strategy}", trial=1, strategy=strategy, knobs=knobs, p_holm=0.01)


CLAIMS: list[tuple[str, dict[str, Any], str]] = [
    ("improves", {"tested": True, "significant": True}, "supported"),
    ("improves", {"tested": True, "significant": False, "high": 9.0}, "open"),
    ("improves", {"tested": True, "significant": False, "high": 0.0}, "refuted"),
    ("improves", {"tested": False, "significant": False, "best": 0}, "not tested"),
]
PARTS = [
    ("several", (part("optimizer", HELPS), part("architecture", SMALL)), "supported"),
    ("several", (part("optimizer", HELPS), part("optimizer", SMALL)), "refuted"),
    ("several", (part("optimizer", HELPS), part("architecture", OPEN)), "open"),
    ("several", (), "not tested"),
    ("helps optimizer", (part("optimizer", HELPS),), "supported"),
    ("helps optimizer", (part("optimizer", HARMS), part("optimizer", HELPS)), "supported"),
    ("helps optimizer", (part("optimizer", HARMS),), "refuted"),
    ("helps optimizer", (part("optimizer", OPEN),), "open"),
    ("helps optimizer", (part("architecture", HELPS),), "not tested"),
    ("helps momentum", (part("optimizer", HELPS, "momentum"),), "supported"),
    ("helps momentum", (part("optimizer", HELPS, "momentum", "averaging"),), "not tested"),
    ("more optimizer architecture", (part("optimizer", HELPS), part("architecture", SMALL)), "supported"),
    ("more architecture optimizer", (part("optimizer", HELPS), part("architecture", SMALL)), "refuted"),
    ("more optimizer architecture", (part("optimizer", HELPS), part("architecture", OPEN)), "open"),
    ("more optimizer architecture", (part("optimizer", HELPS),), "not tested"),
    ("", (part("optimizer", HELPS),), "not tested"),
]


def answer(s: StudySubmission, e: Evidence, by: str) -> str:
    b = brief_of(s)
    idea = b.idea.model_copy(update={"parts": (HypothesisPart(says="it is so", by=by),)})
    (found,) = hypothesis.answers(replace(b, evidence=e, idea=idea))
    return found.verdict


@pytest.mark.parametrize(("by", "claim", "verdict"), CLAIMS)
def test_an_improvement_is_answered_by_the_claim(
    submission: StudySubmission, by: str, claim: dict[str, Any], verdict: str
) -> None:
    e = submission.evidence
    assert answer(submission, replace(e, claim=replace(e.claim, **claim)), by) == verdict


@pytest.mark.parametrize(("by", "rows", "verdict"), PARTS)
def test_a_part_is_answered_by_what_was_taken_out(
    submission: StudySubmission, by: str, rows: tuple[AblatedPart, ...], verdict: str
) -> None:
    e = submission.evidence
    claimed = replace(e, claim=replace(e.claim, significant=True), ablation=rows, set_back=())
    assert answer(submission, claimed, by) == verdict


def test_nothing_contributes_to_a_gain_that_is_not_claimed(submission: StudySubmission) -> None:
    e = submission.evidence
    unclaimed = replace(e, claim=replace(e.claim, significant=False), ablation=PARTS[0][1])
    assert answer(submission, unclaimed, "several") == "open"


def test_where_none_was_chosen_the_finalists_stand_beside_the_baseline(submission: StudySubmission) -> None:
    e = submission.evidence
    none = replace(e, claim=replace(e.claim, chosen=0, best=0, tested=False, significant=False))
    facts = Facts(none)
    finalists.add(facts)
    table = finalists.table(replace(none, facts={**e.facts, **facts}))
    assert table is not None
    assert "behind the baseline" in table.caption
    assert "chosen" not in {row[-1] for row in table.rows}
    for row in table.rows:
        behind = facts[f"finalist.{row[0].strip('`T')}.behind.effect"].value
        assert (behind < 0) or row[-1] != "ahead"


def test_a_knob_is_answered_alone_and_an_idea_without_parts_by_its_strategies(submission: StudySubmission) -> None:
    alone = replace(submission.evidence, ablation=(), set_back=(AblatedKnob(**HELPS, knob="shift"),))
    assert answer(submission, alone, "helps shift") == "supported"
    assert answer(submission, alone, "more shift dropout") == "not tested"


def with_best(e: Evidence, **params: Any) -> Evidence:
    """The evidence, with other values of some knobs in the best."""
    moved = replace(e.best, change=replace(e.best.change, params={**e.best.change.params, **params}))
    return replace(e, trials=[moved if t.number == moved.number else t for t in e.trials])


@pytest.mark.parametrize(
    ("shift", "way", "verdict"),
    [
        (0.4, "up", "supported"),
        (0.4, "down", "not tested"),
        (0.0, "up", "not tested"),
        (0.4, "0.4|0.9", "supported"),
        (0.4, "0.9", "not tested"),
        (0.0, "0.0", "not tested"),
    ],
)
def test_a_knob_that_should_move_one_way_is_answered_where_it_has(
    submission: StudySubmission, shift: float, way: str, verdict: str
) -> None:
    alone = replace(submission.evidence, ablation=(), set_back=(AblatedKnob(**HELPS, knob="shift"),))
    assert answer(submission, with_best(alone, shift=shift), f"helps shift {way}") == verdict


@pytest.mark.parametrize(("value", "verdict"), [("up", "supported"), ("flat", "not tested")])
def test_a_choice_may_be_called_up(submission: StudySubmission, value: str, verdict: str) -> None:
    alone = replace(submission.evidence, ablation=(), set_back=(AblatedKnob(**HELPS, knob="optimizer"),))
    assert answer(submission, with_best(alone, optimizer=value), "helps optimizer up") == verdict


def test_a_strategy_of_the_same_name_is_no_answer_for_a_knob(submission: StudySubmission) -> None:
    e = replace(submission.evidence, ablation=(part("optimizer", HELPS, "optimizer", "momentum"),), set_back=())
    other = with_best(e, optimizer="adam")
    assert answer(submission, other, "helps optimizer") == "supported"
    assert answer(submission, other, "helps optimizer adam|rmsprop") == "not tested"
    alone = replace(other, set_back=(AblatedKnob(**HELPS, knob="optimizer"),))
    assert answer(submission, alone, "helps optimizer adam|rmsprop") == "supported"
    assert answer(submission, alone, "helps optimizer rmsprop") == "not tested"
    bare = Idea(key="k", title="t", question="q?", hypothesis="h", strategies=("optimizer", "architecture"))
    found = hypothesis.answers(replace(brief_of(submission), evidence=alone, idea=bare))
    assert [a.says for a in found] == [
        "The log loss improves",
        "The optimizer contributes",
        "The architecture contributes",
    ]


def test_the_finalists_are_shown_with_all_their_runs_and_ties_are_named(submission: StudySubmission) -> None:
    e = submission.evidence
    shown = finalists.table(e)
    assert shown is not None
    assert shown.rows[0][-1] == ("chosen" if finalists.chosen(e) else shown.rows[0][-1])
    for row in shown.rows:
        number = int(row[0].strip("`T"))
        runs = [r for r in e.runs_of("search", str(number)) if e.fitness(r) is not None]
        mean = e.facts[f"finalist.{number}.mean"]
        assert mean.value == pytest.approx(sum(e.fitness(r) or 0 for r in runs) / len(runs))
        assert set(mean.runs) == {r.id for r in runs}
        assert len(runs) > e.settings.seeds
        if row[-1] in ("tie", "behind", "ahead"):
            low, high = (e.facts[f"finalist.{number}.behind.{end}"].value for end in ("low", "high"))
            assert row[-1] == ("tie" if low <= 0 <= high else "behind" if low > 0 else "ahead")
    assert finalists.table(replace(e, settings=replace(e.settings, seeds=64))) is None


def test_the_kept_changes_have_their_values_and_the_winner_is_among_them(submission: StudySubmission) -> None:
    e = submission.evidence
    rows = {int(row[0].strip("`T")): row for row in recipe.kept(e).rows}
    assert e.best.number in rows
    for number, row in rows.items():
        met = e.trials[number].verdict.incumbent if e.trials[number].verdict else None  # type: ignore[union-attr]
        for name, (old, new) in (
            changed(e.trials[number].change.params, e.trials[met].change.params).items() if met is not None else ()
        ):
            for at, value in ((met, old), (number, new)):
                if isinstance(value, str):
                    assert f"`{value}`" in row[2]
                else:
                    assert e.facts[f"value.{at}.{name}"].value == value
                    assert f"{{fact:value.{at}.{name}}}" in row[2]


def test_the_recipe_has_every_knob_and_marks_what_differs(submission: StudySubmission) -> None:
    e = replace(submission.evidence, set_back=(), ablation=(part("optimizer", HELPS, "momentum"),))
    moved = changed(e.best.change.params, e.trials[0].change.params)
    rows = recipe.table(e).rows
    assert [row[0].strip("*").replace(" ", "_") for row in rows] == [k.name for k in e.template.knobs]
    assert {row[0].strip("*").replace(" ", "_") for row in rows if row[0].startswith("*")} == set(moved)
    if "momentum" in moved:
        assert next(row for row in rows if "momentum" in row[0])[3] == "{fact:ablation.without-1-optimizer.effect}"


@dataclass(frozen=True)
class Regrouped:
    """The items of a study under other groups."""

    items: ItemStore
    names: tuple[object, ...]

    def of(self, run: int, split: Any, metric: str) -> tuple[Any, Any] | None:
        found = self.items.of(run, split, metric)
        return found and (found[0], np.array([self.names[i % len(self.names)] for i in range(len(found[0]))]))


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("left", "right"), ["`left`", "`right`"]),
        ((0, 1, 2), [f"{{fact:group.{i}.name}}" for i in range(3)]),
        (("one",), []),
        (tuple(range(13)), []),
        (("class3", "class4"), []),
    ],
)
def test_results_stand_by_group_where_these_are_few(
    submission: StudySubmission, names: tuple[object, ...], shown: list[str]
) -> None:
    e = submission.evidence
    assert e.items is not None
    e = replace(e, items=Regrouped(e.items, names))  # type: ignore[arg-type]
    facts = Facts(e)
    groups.add(facts)
    table = groups.table(replace(e, facts={**e.facts, **facts}))
    assert [row[0] for row in table.rows] == shown if table else shown == []
    for fact in facts.values():
        assert fact.runs or fact.id.endswith(".name")
    if shown:
        whole = e.facts[f"baseline.{e.claim.split}.mean"].value
        means = [facts[f"group.{i}.baseline.mean"].value for i in range(len(shown))]
        assert min(means) <= whole <= max(means)


def test_every_number_of_text_tables_and_figures_leads_to_runs_or_to_its_record(submission: StudySubmission) -> None:
    facts = submission.evidence.facts
    printed = facts_used(submission.manuscript)
    assert len(printed) > 100
    assert [id for id in printed if not facts[id].runs and not record(facts[id])] == []
    measured = ("claim.", "best.", "baseline.", "trial.", "search.", "runs.", "importance.", "ablation.", "finalist.")
    none = {id for id in printed if id.startswith("search.") and facts[id].value == 0}  # a count of no trials
    assert [id for id in printed if id.startswith(measured) and not facts[id].runs and id not in {*SET, *none}] == []


SET = ("importance.forests",)  # by the protocol


def test_no_single_trial_decides_an_importance(submission: StudySubmission) -> None:
    e = submission.evidence
    worst = max(importance.scored(e), key=lambda row: row[1])[0].number
    far = []
    for run in e.runs:
        if run.phase == "search" and run.subject == str(worst) and run.outcome and run.outcome.metrics:
            dev = {**run.outcome.metrics["dev"], "log_loss": 1e6}
            run = replace(run, outcome=replace(run.outcome, metrics={**run.outcome.metrics, "dev": dev}))
        far.append(run)
    shares = importance.importances(e, 0)
    assert shares
    assert importance.importances(replace(e, runs=tuple(far)), 0) == shares
    facts = Facts(e)
    importance.add(facts, 0)
    for knob in shares:
        low, mid, high = (facts[f"importance.{knob}{end}"].value for end in (".low", "", ".high"))
        assert low <= mid <= high
        assert facts[f"importance.{knob}"].runs
