"""The offline writer's sections: each is rendered with every one of its conditions met and not met."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from jinja2 import nodes

from nightlab.agents.offline import wording
from nightlab.agents.offline.wording import FOLDER, HEADINGS, caption, passage
from nightlab.agents.offline.writing import CONTEXTS, text
from nightlab.agents.team import Answer, Brief, Request, StudySubmission
from nightlab.agents.telling.rendering import environment
from nightlab.experiments.claim.confirmation import NOTHING
from nightlab.experiments.claim.further import SIDES
from nightlab.experiments.ledger.documents.claim import (
    AblatedKnob,
    AblatedPart,
    FurtherPlan,
    FurtherTest,
    KnobStep,
    Replication,
)
from nightlab.experiments.ledger.documents.rivals import Rival, RivalEffect
from nightlab.experiments.ledger.ledger import Settled, Trial
from nightlab.experiments.records import Fact
from nightlab.experiments.template.contract import PublishedTable
from nightlab.experiments.template.ideas import HypothesisPart
from nightlab.papers.frames.frames import sayings
from nightlab.papers.frames.record import record
from nightlab.papers.manuscript.markup import literal

Seen = dict[tuple[str, str], set[bool]]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """How the conditions of the files came out, by file and line."""
    found: Seen = defaultdict(set)
    watched = environment.__wrapped__(FOLDER)
    parse = watched._parse

    def parsed(source: str, name: str, filename: str) -> nodes.Template:
        tree = parse(source, name, filename)
        for count, node in enumerate(tree.find_all((nodes.If, nodes.CondExpr))):
            place = f"line {node.lineno}, {count}"
            found[name, place] = set()
            where = [nodes.Const(name), nodes.Const(place)]
            node.test = nodes.Filter(node.test, "noted", where, [], None, None, lineno=node.lineno)
        return tree.set_environment(watched)

    def noted(value: object, name: str, place: str) -> object:
        found[name, place].add(bool(value))
        return value

    watched._parse = parsed
    watched.filters["noted"] = noted
    monkeypatch.setattr(wording, "environment", lambda folder: watched)
    return found


NONE: Mapping[str, Any] = {}
UNFOUND = {"significant": False, "p_value": 0.5}
UNTESTED = {"tested": False, "significant": False, "best": 0}


def number(id: str, value: float = 3) -> Fact:
    return Fact(id=id, value=value, text=str(value), formula="")


def brief_of(s: StudySubmission, **changes: Any) -> Brief:
    brief = Brief(
        evidence=s.evidence, analysis=s.analysis, idea=s.idea, references=s.references, team="By the offline team."
    )
    return replace(brief, **changes)


def changed(b: Brief, facts: Mapping[str, float] = NONE, claim: Mapping[str, Any] = NONE, **more: Any) -> Brief:
    """The brief with other evidence; facts and claim are added to what there is."""
    e = b.evidence
    known = {**e.facts, **{id: number(id, value) for id, value in facts.items()}}
    return replace(b, evidence=replace(e, facts=known, claim=replace(e.claim, **claim), **more))


FOUND = {**vars(NOTHING), "effect": 0.2, "low": 0.1, "high": 0.3, "significant": True, "n": 8}


def part(**body: Any) -> AblatedPart:
    """A part that helps, but for what is said of it."""
    row = {"key": "p", "trial": 1, "strategy": "optimizer", "knobs": ("momentum",), "p_holm": 0.01}
    return AblatedPart(**{**FOUND, **row, **body})


AHEAD = {"effect": -0.2, "low": -0.3, "high": -0.1, "significant": False}  # of a baseline: better than the best
RIVALS = ("random", "reference")
EXACT = {"low": 0.2, "high": 0.2, "alike": True}
ZERO = {"effect": 0.0, "low": 0.0, "high": 0.0, "alike": True, "significant": False}
OPEN = {"low": -0.1, "significant": False}
HARM = {"effect": -0.2, "low": -0.3, "high": -0.1, "significant": False}
PARTS = (
    (),
    (part(),),
    (part(knobs=()),),
    (part(), part(key="q", knobs=()), part(key="r", **OPEN), part(key="s", **HARM)),
    (part(**EXACT), part(key="q", **EXACT), part(key="r", **ZERO)),
    (part(**{**EXACT, "alike": False}, knobs=()), part(key="q", **EXACT)),
    (part(**OPEN), part(key="q", **OPEN)),
)
STEP = KnobStep(**{**FOUND, "n": 4}, key="momentum-up", knob="momentum", value=0.9)
OUTCOMES: tuple[Mapping[str, Any], ...] = ({"significant": True}, UNFOUND, UNTESTED)


def of_claims(b: Brief) -> Iterator[Brief]:
    """The outcomes, on all kinds of data, with ablations of all kinds."""
    same = {"low": b.evidence.claim.effect, "high": b.evidence.claim.effect}
    spreads = (NONE, {**same, "alike": True}, {**same, "alike": False})
    notes = (
        {},
        {"Holdout": "It is dev."},
        {"Origin": "Forked."},
        {"Shared data": "One file."},
        {"Both splits": "Some items."},
    )
    for outcome, spread, told in product(OUTCOMES[:2], spreads, notes):
        yield changed(b, claim={**outcome, **spread}, notes=told)
    alike = {**same, "alike": True, "significant": True}
    yield changed(b, claim=alike, ablation=(part(**EXACT),), runs=())  # a run for each trial is enough
    for more in ({"chosen": 0}, {"chosen": 1, "failed_runs": 1}, {"chosen": 0, "incumbent_failed": True}):
        yield changed(b, claim={**UNTESTED, **more}, ablation=())
    yield changed(b, claim={**UNFOUND, "failed_runs": 1, "incumbent_failed": True})
    for outcome, rows in product(OUTCOMES[:2], PARTS):
        yield changed(b, claim=outcome, ablation=rows)
    first, best = b.evidence.trials[0], b.evidence.claim.best
    alone = replace(first.change, params={**first.change.params, "momentum": 0.5})
    trials = tuple(replace(t, change=alone) if t.number == best else t for t in b.evidence.trials)
    for outcome in OUTCOMES[:2]:
        yield changed(b, claim=outcome, ablation=PARTS[1], trials=trials)
    for optimism, spread in product((-1.0, 1.0), spreads):
        yield changed(b, {"search.optimism": optimism}, {"significant": True, **spread})
    for n in (1, 2):  # trials below which all are kept, whatever the study's own search kept
        kept = tuple(kept_at(trial, n) for trial in b.evidence.trials)
        yield without(changed(b, claim={"significant": True}, trials=kept), "claim.relative", "search.optimism")
    same_runs = {f"{who}.{split}.stderr": 0.0 for who in ("baseline", "best") for split in ("dev", "holdout")}
    yield changed(b, same_runs)


def of_scopes(b: Brief) -> Iterator[Brief]:
    """What claims hold for, how their runs went, and why one is withheld."""
    facts = {"claim.items": 30, "claim.best.runs": 24, "claim.best.one_in": 8, "claim.worst": 0.3}
    facts |= {"setting.smallest": 0.1, "setting.power": 0.8}
    new = {
        "losses": True,
        "estimand": "typical",
        "level": 0.025,
        "p_value": 0.001,
        "items": 0,
        "draws": 0,
        "skewed": True,
    }
    scopes: dict[str, dict[str, Any]] = {
        "seeds": {},
        "seeds and items": {"items": 30},
        "seeds and data draws": {"draws": 12},
        "seeds, data draws and items": {"items": 30, "draws": 12},
        "this machine and these inputs": {"low": 0.2, "high": 0.2, "alike": True},
    }
    for kind, outcome in product(scopes.values(), OUTCOMES[:2]):
        yield changed(b, facts, {**new, **kind, **outcome})
    for failed, spread in product((0, 1), (NONE, EXACT)):
        yield changed(b, facts, {**new, "significant": True, "failed_runs": failed, **spread})
    old = {"losses": False, "estimand": "mean", "failed_runs": 1, "items": 0, "draws": 0}
    yield without(changed(b, claim={**old, "significant": True}), *facts)
    yield without(changed(b, claim={**old, **UNFOUND}), *facts)
    for why, spread in product(("", "constraint", "reliability"), (NONE, EXACT)):
        held = {"significant": False, "withheld": why, "broken": ("parameters on the dev split",)}
        yield changed(b, facts, {**new, **held, **spread})
    e = b.evidence
    watch = (*e.runs, replace(e.runs[-1], phase="confirm", subject="watch"))
    yield changed(b, facts, {**new, "significant": True}, runs=watch)
    yield changed(b, facts, {**new, "items": 30}, preregistration=replace(e.preregistration, test="paired t-test"))
    yield changed(b, preregistration=replace(e.preregistration, seeds=(1,)))
    for low, high in ((-0.1, 0.1), (-0.3, -0.1)):
        yield changed(b, facts, {**new, **UNFOUND, "low": low, "high": high})


def of_extensions(b: Brief) -> Iterator[Brief]:
    """Studies that were extended, after claims of all kinds."""
    facts = {id: f for id, f in b.evidence.facts.items() if id.startswith(("claim.", "best.", "baseline."))}
    earlier = {f"earlier.0.{id}": f.value for id, f in facts.items()} | {"earlier.0.trials": 8}
    settings = {"setting.trials.first": 8, "setting.trials.extension.1": 4}
    held = {"significant": False, "p_value": 0.001}
    for before, spread, now in product((*OUTCOMES, held), (NONE, EXACT), OUTCOMES):
        first = replace(b.evidence.claim, **{**spread, **before})
        yield changed(b, {**earlier, **settings}, {"split": "dev", "draws": 0, **now}, earlier=(first,))


def of_the_study(b: Brief) -> Iterator[Brief]:
    """How the study was made and what it reported."""
    e, t = b.evidence, b.evidence.template
    for level in ("S0", "S1", "S2", "S3"):
        yield changed(b, level=level)
    soft = t.spec.constraint[0].model_copy(update={"hard": False, "penalty": 1.0, "min": 1.0})
    raised = t.spec.objective.model_copy(update={"direction": "maximize", "interleaved": True})
    printed = t.spec.evaluate.model_copy(update={"entry": None, "parse": "stdout"})
    bounds = [soft, *(soft.model_copy(update={"hard": True, "penalty": fine}) for fine in (0.0, 1.0))]
    specs = [{"constraint": ()}, *({"constraint": (bound,)} for bound in bounds)]
    specs += [{"objective": raised, "data": None}, {"evaluate": printed}]
    before = {f"precedents.{what}": 2 for what in ("all", "before", "claimed", "chance")}
    exact = {"evaluate": t.spec.evaluate.model_copy(update={"exact": True})}
    problem = replace(t, spec=t.spec.model_copy(update=exact))
    yield changed(b, before, claim={**EXACT, "significant": True}, template=problem)
    specs.append(exact)
    calling = {"entry": None, "interactive": "judge:judge"}
    specs += [{"evaluate": t.spec.evaluate.model_copy(update=calling)}]
    silent = {"name": "", "told": ()}
    specs += [{"data": t.spec.data.model_copy(update=silent)}] if t.spec.data else []
    specs += [{"template": t.spec.template.model_copy(update={"method": ""})}]
    for declared in specs:
        other = replace(t, spec=t.spec.model_copy(update=declared))
        yield changed(b, claim={"significant": True}, template=other)
        yield changed(b, claim={"significant": True, "draws": 0, "items": 0}, template=other)
    yield changed(b, claim={"significant": True}, template=replace(t, doubts=("it runs in one process",)))
    for edits, knobs in product(({}, {1: ()}), ((), t.knobs)):
        yield changed(b, {"search.edits": 2}, OUTCOMES[1], edits=edits, template=replace(t, knobs=knobs))
    yield replace(changed(b, settings=replace(e.settings, rule="strict", workers=1)), modelled=True)
    notices = {"overseer.notices": 1, "overseer.gaming": 1}
    for count in (0, 2):
        yield changed(b, {"search.failed": count, "search.aside": count, **notices})
    yield changed(b, {"overseer.gap": 1, **notices})
    yield without(b, "setting.search_draws")
    yield changed(b, settings=replace(e.settings, key=""), idea_strategies=t.strategies[:1])
    yield changed(b, before)
    yield without(changed(b, notices), "overseer.gap")
    yield without(b, *(id for id in e.facts if id.startswith("overseer.")))
    yield changed(b, claim=UNTESTED, ablation=(), trials=e.trials[:1])
    yield changed(b, sizes={})
    yield changed(b, sizes={}, template=replace(t, spec=t.spec.model_copy(update={"data": None})))
    for n, rule in product((1, 2, len(e.trials)), ("paired", "strict")):
        kept = tuple(kept_at(trial, n) for trial in e.trials)
        yield changed(b, trials=kept, settings=replace(e.settings, rule=rule))


def of_the_search(b: Brief) -> Iterator[Brief]:
    """A search by two workers that kept something or nothing, and then a test on seeds, on draws, or none."""
    known = {"search.optimism": 1.0, "claim.best.runs": 24, "claim.best.one_in": 8, "claim.worst": 0.3}
    found = {"significant": True, "items": 0}
    two = replace(b.evidence.settings, workers=2)
    for n, outcome in product((1, 2), ({**found, "draws": 12}, {**found, "draws": 0}, UNTESTED)):
        kept = tuple(kept_at(trial, n) for trial in b.evidence.trials)
        parts = () if outcome is UNTESTED else b.evidence.ablation
        yield changed(b, known, outcome, trials=kept, settings=two, ablation=parts)


def kept_at(trial: Trial, below: int) -> Trial:
    """The trial, kept where its number is below a bound and reverted beyond it."""
    kind: Any = "baseline" if trial.number == 0 else "kept" if trial.number < below else "reverted"
    change = replace(trial.change, proposer="fake:a") if trial.number == 1 else trial.change  # by a model
    return replace(trial, change=change, verdict=Settled(kind=kind, reason="so", difference=1.0, incumbent=0))


def without(b: Brief, *ids: str) -> Brief:
    """The brief without some facts."""
    known = {id: fact for id, fact in b.evidence.facts.items() if id not in ids}
    return replace(b, evidence=replace(b.evidence, facts=known))


def of_answers(b: Brief) -> Iterator[Brief]:
    """Finalists that tie or do not, knobs that were set back alone, and hypotheses of one or more answers."""
    again = [id.split(".")[1] for id in b.evidence.facts if re.fullmatch(r"finalist\.\d+\.behind\.low", id)]
    for ties in range(3):
        ends = {f"finalist.{n}.behind.low": -1.0 if i < ties else 1.0 for i, n in enumerate(again)}
        yield changed(b, {**ends, **{f"finalist.{n}.behind.high": 2.0 for n in again}})
    yield changed(b, {"group.0.baseline.mean": 0.5}, settings=replace(b.evidence.settings, seeds=64))
    for rows in ((), (AblatedKnob(**FOUND, knob="momentum"),)):
        yield changed(b, {f"set_back.momentum.{p}": 1 for p in ("effect", "low", "high")}, set_back=rows)
    asked = (("improves",), ("improves", ""), ("several", "more momentum size"), ("helps momentum up",), ())
    for outcome, parts in product(OUTCOMES, asked):
        said = tuple(HypothesisPart(says=f"it is so by {by}", by=by) for by in parts)
        brief = changed(b, claim=outcome, ablation=() if outcome is UNTESTED else b.evidence.ablation)
        yield replace(brief, idea=b.idea.model_copy(update={"parts": said}))


def of_rivals(b: Brief) -> Iterator[Brief]:
    """Baselines at equal budget, and a value that was published, of a work that was found or was not."""
    t = b.evidence.template
    published = PublishedTable(value=0.2, metric="log loss", cite=b.references[0].key)
    for names, told in product((("random",), ("reference",), ("tpe", "reference")), (published, None)):
        rows = tuple(RivalEffect(**FOUND, rival=Rival(name=name, params={}), p_holm=0.01) for name in names)
        other = replace(t, spec=t.spec.model_copy(update={"published": told}))
        yield changed(b, {"published.value": 0.2}, rivals=rows, template=other)
    for outcome, behind in product(
        ({}, UNFOUND, UNTESTED), (AHEAD, {**AHEAD, "alike": True, "high": -0.2, "low": -0.2})
    ):
        rows = tuple(RivalEffect(**{**FOUND, **behind}, rival=Rival(name=n, params={}), p_holm=1.0) for n in RIVALS)
        yield changed(b, {}, rivals=rows, claim=outcome)
    unfound = replace(t, spec=t.spec.model_copy(update={"published": published.model_copy(update={"cite": "nobody"})}))
    yield changed(b, {"published.value": 0.2}, template=unfound)


def of_replications(b: Brief) -> Iterator[Brief]:
    """A claim on further pairs of runs, and what became of the panel's requests."""
    split = b.evidence.claim.split
    values = [f"replication.{x}.{split}.mean" for x in ("baseline", "best")]
    values += [f"replication.{x}" for x in ("effect", "low", "high", "p", "n")]
    for found, settings in product((FOUND, {**FOUND, **EXACT}, {**FOUND, **OPEN}), ("", "random")):
        told = changed(
            b,
            dict.fromkeys(values, 8.0),
            replication=Replication(**found, split=split),
            settings=replace(b.evidence.settings, baselines=settings),
            rivals=(RivalEffect(**FOUND, rival=Rival(name="random", params={}), p_holm=0.01),),
        )
        asked = [Request(kind="evidence", action=a, text="Do it.") for a in ("baseline", "replication")]
        asked.append(Request(kind="text", action="discussion", text="Say 42."))
        answers = [
            Answer(request=asked[0], kind="experiment", asked_by=("methodology",)),
            Answer(request=asked[1], kind="decline", reason="there is no time"),
            Answer(request=asked[1], kind="open", reason="no round was to come"),
            Answer(request=asked[2], kind="text"),
        ]
        yield replace(told, answers=answers)


def of_further(b: Brief) -> Iterator[Brief]:
    """A second search, a tighter bound, a second task and further draws, each with each outcome, on all data."""
    split, t = b.evidence.claim.split, b.evidence.template
    assert t.spec.data
    once = replace(t, spec=t.spec.model_copy(update={"data": t.spec.data.model_copy(update={"redraw": False})}))
    outcomes = (FOUND, {**FOUND, **EXACT}, {**FOUND, **OPEN}, {**FOUND, "low": -3.0, "high": -1.0})
    for found, best, p in product(outcomes, (0, b.evidence.claim.best), (0.0001, 0.5)):
        tests, values = [], {"stress.bound": 2.0}
        for kind, sides in SIDES.items():
            plan = FurtherPlan(kind=kind, split=split, pairs=8, level=0.05, trial=1, metric="cost", policy="gp")
            tests.append(FurtherTest(**found, plan=plan))
            values |= {f"{kind}.{side}.{split}.mean": 8.0 for side in sides}
            values |= {f"{kind}.{x}": 8.0 for x in ("effect", "low", "high", "n")} | {f"{kind}.p": p}
        for template, draws in ((t, 10), (once, 0)):
            claim = {"best": best, "draws": draws, "items": draws, "significant": p < 0.05}
            yield changed(b, values, claim, further=tuple(tests), template=template)


def of_words(b: Brief) -> Iterator[Brief]:
    """What sensitivity, idea, literature, panel and models add."""
    for worst in (STEP, replace(STEP, low=-0.1), replace(STEP, value="relu", effect=-0.2, high=-0.1)):
        yield changed(b, sensitivity=(worst,))
    full = {"nearest": b.references[-1].key, "risks": "A risk.", "expected_effect": "Much."}
    for more in (full, dict.fromkeys(full, "")):
        yield replace(b, idea=b.idea.model_copy(update=more))
    boast = b.idea.model_copy(update={"key": "nobody-s", "title": "A recipe that is twice as good"})
    for significant in (True, False):  # whatever the study came to
        yield replace(changed(b, claim={"significant": significant}), idea=boast)
    told = replace(b.references[0], abstract="Shows that it is so.", keywords=b.evidence.template.strategies[:1])
    other = replace(told, key="other", abstract="It is so.")
    apart = replace(told, key="apart", keywords=())
    for found in ((), (told,), (other,), (told, other, apart)):
        yield replace(b, references=found)
    conclusions = {"reading": "It is so.", "threats": "*One.* So.", "picture": "A picture.", "failures": "Some failed."}
    yield replace(b, model="fake:x", analysis=replace(b.analysis, conclusions=conclusions))


KINDS = (
    of_claims,
    of_scopes,
    of_extensions,
    of_the_study,
    of_the_search,
    of_answers,
    of_rivals,
    of_replications,
    of_further,
    of_words,
)


def test_every_branch_of_every_section_reads(submission: StudySubmission, seen: Seen) -> None:
    base = brief_of(submission)
    for brief in (b for kind in KINDS for b in kind(base)):
        for name in CONTEXTS:
            if has(brief, name):
                reads(name, text(name, brief))
    assert {name.removesuffix(".jinja") for name, _ in seen} >= set(CONTEXTS) - {"code", "trials"}
    assert {place: came for place, came in seen.items() if came != {True, False}} == {}


def has(b: Brief, name: str) -> bool:
    """Whether a brief has what a section tells of."""
    e = b.evidence
    there = {"sensitivity": e.sensitivity, "replication": e.replication, **{kind: e.test(kind) for kind in SIDES}}
    return bool(there.get(name, True))


def reads(name: str, source: str) -> None:
    """Whether a text is whole: no gaps, nothing glued together, and every paragraph ends."""
    assert not re.search(r"\s[.,;:)]|[ ]{2}|[.,;:]{2}|[a-z][.;:][A-Z]|\bNone\b|\{\{|%\}|\( | \)", source), source
    for block in source.split("\n\n"):
        assert name == "title" or re.search(r"[.:}]”?$", block), block


SAMPLED = ("sampled",)
HANGS_ON = {  # the words of captions and passages, by their files
    "captions": {
        "progress": ("banded", "thinned", "best", "fined"),
        "confirmation": ("sure",),
        "ablation-intervals": ("sure",),
        "importance": SAMPLED,
        "response": ("crowded",),
        "sensitivity-intervals": ("sure",),
        "learning": (),
        "main": ("verified", "doubts"),
        "claims": (),
        "ablation-table": ("sure",),
        "all-trials": ("fined", "sampled"),
        "knobs": (),
        "kept": ("unkept_best", "sampled"),
        "recipe": ("tried", "sure"),
        "finalists": ("chosen",),
        "groups": (),
        "rivals": ("searched", "sure"),
        "hypothesis": ("divided",),
        "listing": ("more",),
        "view": ("banded", "alone"),
    },
    "passages": {"importance": ("apart",), "learning": (), "failures": (), "views": ()},
}
NAMED: Mapping[str, Any] = {
    "recipe": {"best": 3},
    "groups": {"plain_metric": "log loss"},
    "listing": {"trial": 3},
    "view": {"title": "Digits", "sides": ["baseline"], "whose": ["what the judge gives"], "figure": "digits"},
    "views": {"keys": ["view-digits"], "refs": ["{ref:view-digits}"]},
    "failures": {"causes": ["{fact:search.failed.crash} by crash"]},
}


def test_every_caption_and_passage_reads(submission: StudySubmission, seen: Seen) -> None:
    e = changed(brief_of(submission), {"sensitivity.seeds": 8}).evidence
    for file, flags in HANGS_ON.items():
        macros = re.findall(r"{% macro (\w+)\(", (FOLDER / f"{file}.jinja").read_text(encoding="utf-8"))
        assert {name.replace("-", "_") for name in flags} == set(macros) - {"penalised", "uncorrected"}
        for name, on in flags.items():
            for values in product((False, True), repeat=len(on)):
                if name == "view" and not any(values):  # a layer is one or the other
                    continue
                given = (
                    {"tried": ["8 seeds"] if values[0] else [], "sure": values[1]}
                    if name == "recipe"
                    else dict(zip(on, values, strict=True))
                )
                more = {"top": ["size (most)"]} if (file, name) == ("passages", "importance") else NAMED.get(name, {})
                told = (caption if file == "captions" else passage)(name, e, **given, **more)
                reads(name, told)
                assert file == "passages" or "\n" not in told
    assert {place: came for place, came in seen.items() if came != {True, False}} == {}


def test_pairs_are_named_after_what_they_are_on(submission: StudySubmission) -> None:
    base = brief_of(submission)
    e = base.evidence
    for claim, noun in (({"draws": 12}, "fresh draws"), ({"draws": 0}, "fresh seeds")):
        brief = changed(base, {"claim.items": 30, "claim.best.runs": 24}, claim)
        told = text("abstract", brief) + text("method", brief)
        assert {noun} == set(re.findall(r"fresh (?:seeds|draws)", told))
        assert noun in sayings(record(brief.evidence))["setting confirm seeds"][0]
    assert e.facts["setting.confirm_seeds"].value == len(e.preregistration.seeds)


def test_the_method_says_what_was_written_down(submission: StudySubmission) -> None:
    base = brief_of(submission)
    plan = base.evidence.preregistration
    assert "metric, test, level" in text("method", base)
    assert "further pairs" not in text("method", base)
    assert "further pairs ran" in text("method", changed(base, preregistration=replace(plan, seeds=(1,))))
    other = changed(base, {"claim.items": 30}, {"items": 30}, preregistration=replace(plan, test="paired t-test"))
    assert "metric, level" in text("method", other)


def test_a_baseline_that_is_better_is_told_where_the_outcome_is(submission: StudySubmission) -> None:
    base = brief_of(submission)
    for body, better in ((AHEAD, True), ({**AHEAD, "high": 0.1}, False), (FOUND, False)):
        row = RivalEffect(**{**FOUND, **body}, rival=Rival(name="random", params={}), p_holm=1.0)
        brief = changed(base, rivals=(row,))
        for name in ("abstract", "results", "conclusion"):
            assert ("is worse than what a random search found" in text(name, brief)) == better, name


def test_a_neighbour_is_a_lead_only_by_more_than_the_smallest_effect(submission: StudySubmission) -> None:
    base = brief_of(submission)
    for least, told in ((0.1, True), (0.3, False)):
        plan = replace(base.evidence.preregistration, min_effect=least)
        brief = changed(base, sensitivity=(replace(STEP, effect=-0.2, high=-0.1),), preregistration=plan)
        assert ("look better than the best itself" in text("sensitivity", brief)) == told


def test_a_file_for_each_section_and_a_section_for_each_file() -> None:
    assert {f.stem for f in FOLDER.glob("*.jinja")} == set(CONTEXTS) | {"phrases", "captions", "passages"}
    assert set(HEADINGS) == set(CONTEXTS) - {"title", "abstract"}


def test_an_idea_s_words_are_quoted_and_its_promises_are_no_title(submission: StudySubmission) -> None:
    told = {"title": "A breakthrough for digits", "question": "Is it best?", "hypothesis": "it wins", "proposer": "a-b"}
    b = brief_of(submission)
    b = replace(b, idea=b.idea.model_copy(update=told))
    assert "breakthrough" not in text("title", b)
    assert "is quoted from the model a-b" in text("introduction", b)
    for name, words in (("abstract", "Is it best?"), ("introduction", "Is it best?"), ("conclusion", "it wins.")):
        assert f"“{words}”" in text(name, b)
    work = replace(b.references[0], abstract="Shows that it wins.", keywords=b.evidence.template.strategies[:1])
    assert f"{{cite:{work.key}}}: “shows that it wins”" in text("related", replace(b, references=(work,)))


def test_a_work_is_cited_with_its_record_s_words_or_title_and_never_in_a_group(submission: StudySubmission) -> None:
    b = brief_of(submission)
    known = {r.key: r for r in b.references}
    bare = tuple(replace(r, abstract="In this work, much is shown.") for r in b.references)
    for brief in (changed(b, claim={"significant": True}), changed(b, claim=UNFOUND), replace(b, references=bare)):
        cited = 0
        for name in CONTEXTS:
            body = text(name, brief) if has(brief, name) else ""
            for mark in re.finditer(r"{cite:([^}]*)}", body):
                cited += 1
                work = known[mark[1]]  # one key, not several
                quoted = re.match(r": “(.+?)”", body[mark.end() :])
                says = quoted and quoted[1].casefold() in work.abstract.casefold()
                assert says or body[: mark.start()].endswith(f"*{literal(work.title)}* "), mark
        assert cited >= 12


def test_the_data_set_is_named_cited_and_counted(submission: StudySubmission) -> None:
    b = changed(brief_of(submission))
    told = text("setup", b)
    assert "*Optical Recognition of Handwritten Digits* {cite:alpaydin1998optical}" in told
    assert {id: f.value for id, f in b.evidence.facts.items() if id.startswith("data.")} == {
        "data.training_images": 400,
        "data.images_in_the_development_split": 600,
        "data.images_in_the_holdout": 797,
    }
    assert "{fact:data.training_images} training images" in told
    assert "Training lasts 40 epochs" in told
    unnamed = replace(b.evidence.template, spec=b.evidence.template.spec.model_copy(update={"data": None}))
    assert "data set" not in text("setup", changed(b, template=unnamed, sizes={}))
