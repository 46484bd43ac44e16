"""Formulas of effects, of which a positive one is better, and of how surely they were seen."""

from __future__ import annotations

from typing import Literal

from nightlab.experiments.claim.further import further_effect
from nightlab.experiments.claim.statistics.inference import holm
from nightlab.experiments.claim.statistics.pairing import Rule, score
from nightlab.experiments.claim.statistics.pairing import effect as paired_effect
from nightlab.experiments.claim.statistics.reliability import reliability
from nightlab.experiments.ledger.documents.claim import FurtherTest
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.records import Effect, Split
from nightlab.papers.facts.evidence import BASELINE, Evidence
from nightlab.papers.facts.formulas.groups import fitness, then, trial_mean
from nightlab.papers.facts.registry import Value, formula

Part = Literal["effect", "low", "high", "p", "n"]
Steady = Literal["worst", "runs", "wrong", "one_in"]


@formula("{part} best against baseline, {split}, paired in the confirmation", "the claim in the ledger")
def claimed(e: Evidence, part: Part, split: Split) -> Value:
    if not e.claim.tested:
        return Value(e.claim.p_value if part == "p" else getattr(e.claim, part))
    rows = [*e.runs_of("confirm", "baseline"), *e.runs_of("confirm", "best")]
    before = e.runs_of("search", str(BASELINE))
    found = paired_effect(e.template, rows, "baseline", "best", split, Rule.of(e.claim), before=before, items=e.items)
    return _part(_needed(found), part)


@formula("{part} best against baseline on further pairs, {split}, by the claim's test")
def replicated(e: Evidence, part: Part, split: Split) -> Value:
    rows = [r for r in e.runs if r.phase == "replication"]
    before = e.runs_of("search", str(BASELINE))
    found = paired_effect(e.template, rows, "baseline", "best", split, Rule.of(e.claim), before=before, items=e.items)
    return _part(_needed(found), part)


@formula("{part} {other} against {one} in the further test {kind}, {split}, paired")
def further(e: Evidence, part: Part, kind: str, one: str, other: str, split: Split) -> Value:  # noqa: ARG001
    rows, before = [r for r in e.runs if r.phase == kind], e.runs_of("search", str(BASELINE))
    return _part(_needed(further_effect(e.template, rows, _further(e, kind).plan, e.claim, before, e.items)), part)


def _further(e: Evidence, kind: str) -> FurtherTest:
    found = e.test(kind)
    if found is None:
        raise LookupError(f"there is no further test {kind!r}")
    return found


@formula("groups of items that the claim's test samples")
def sampled_items(e: Evidence) -> Value:
    return Value(e.claim.items, claimed(e, "n", e.claim.split).runs)


@formula(
    "{part} of the best's confirmation runs, {split}: objective of the worst, runs, those gone wrong, 1 / their bound"
)
def steadiness(e: Evidence, part: Steady, split: Split) -> Value:
    """How the best's runs went; `one_in`: one of so many going wrong is not excluded, at one-sided 95 %."""
    best, baseline = (e.runs_of("confirm", name) for name in ("best", "baseline"))
    further = [run for run in e.runs_of("confirm", "watch") if run.seed not in {r.seed for r in best}]
    before, after, more = ([score(e.template, run, split) for run in side] for side in (baseline, best, further))
    seen = reliability(before, after, more)
    if part == "worst":
        value = e.template.sign * _found(seen.worst)
    else:
        value = 1 / seen.not_excluded if part == "one_in" else getattr(seen, part)
    return Value(value, tuple(run.id for run in (*best, *further)))


def _found(worst: float | None) -> float:
    if worst is None:
        raise LookupError("no run of the best succeeded")
    return worst


@formula("improvement of the mean, best against baseline / mean of the baseline")
def relative(e: Evidence) -> Value:
    before = fitness(e, "mean", "baseline", e.claim.split)
    if e.best.number == BASELINE:
        return Value(0.0, before.runs)
    after = fitness(e, "mean", "best", e.claim.split)
    gain = e.template.sign * (after.value - before.value)
    return Value(100 * gain / abs(before.value), (*before.runs, *after.runs))


@formula("how much larger the best trial's gain was on the search runs of a verdict than in the confirmation, dev")
def optimism(e: Evidence) -> Value:
    seen, first = trial_mean(e, e.best.number), trial_mean(e, BASELINE)
    fresh, since = fitness(e, "mean", "best", "dev"), fitness(e, "mean", "baseline", "dev")
    value = e.template.sign * ((seen.value - first.value) - (fresh.value - since.value))
    return Value(value, (*seen.runs, *first.runs, *fresh.runs, *since.runs))


@formula("{part} best against baseline, earlier claim {number}, {split}")
def earlier_claimed(e: Evidence, part: Part, split: Split, number: int) -> Value:
    return claimed(then(e, number), part, split)


@formula("{part} best against itself {component}, dev, paired; p after Holm")
def ablated(e: Evidence, part: Part, component: str) -> Value:
    found = _against_best(e, "ablate", component)
    if part != "p":
        return _part(found, part)
    keys = [row.key for row in e.ablation]
    adjusted = holm([_against_best(e, "ablate", key).p_value for key in keys], Rule.of(e.claim).looks)
    return Value(adjusted[keys.index(component)], found.runs)


@formula("{part} best against itself with {knob} at its default, dev, paired")
def set_back(e: Evidence, part: Part, knob: str) -> Value:
    return _part(_against_best(e, "knobs", knob), part)


@formula("{part} best against itself with {step}, dev, paired")
def stepped(e: Evidence, part: Part, step: str) -> Value:
    return _part(_against_best(e, "sensitivity", step), part)


@formula("{part} best against {rival}, a baseline at equal budget, {split}, paired; p after Holm")
def rivalled(e: Evidence, part: Part, rival: str, split: Split) -> Value:
    found = _against_rival(e, rival, split)
    if part != "p":
        return _part(found, part)
    names = [row.rival.name for row in e.rivals]
    adjusted = holm([_against_rival(e, name, split).p_value for name in names])
    return Value(adjusted[names.index(rival)], found.runs)


def _against_rival(e: Evidence, rival: str, split: Split) -> Effect:
    """How much better the best is than a baseline at equal budget, on the seeds of the confirmation."""
    rows, before = [r for r in e.runs if r.phase == "rivals"], e.runs_of("search", str(BASELINE))
    rule = Rule.of(e.claim).of_parts
    return _needed(paired_effect(e.template, rows, rival, "best", split, rule, before=before, items=e.items))


@formula("most seeds on which a part of the {phase} and the best both ran")
def seeds(e: Evidence, phase: Literal["ablation", "set_back", "sensitivity"]) -> Value:
    name, key = {"ablation": ("ablate", "key"), "set_back": ("knobs", "knob")}.get(phase, (phase, "key"))
    most = max((_against_best(e, name, getattr(row, key)) for row in getattr(e, phase)), key=lambda effect: effect.n)
    return _part(most, "n")


def _against_best(e: Evidence, phase: str, variant: str) -> Effect:
    """What the best loses in a variant of it, on the seeds of the confirmation on which both ran."""
    best = "baseline" if e.best.number == BASELINE else "best"
    rows: list[Run] = [*e.runs_of(phase, variant), *e.runs_of("confirm", best)]
    return _needed(paired_effect(e.template, rows, variant, best, "dev", Rule.of(e.claim).of_parts))


def _needed(effect: Effect | None) -> Effect:
    if effect is None:
        raise LookupError("fewer than two pairs of runs")
    return effect


def _part(effect: Effect, part: Part) -> Value:
    return Value(effect.p_value if part == "p" else getattr(effect, part), effect.runs)
