"""The formulas of a study's facts: its settings, its groups of runs, its effects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from nightlab.experiments.claim.further import further_effect
from nightlab.experiments.claim.precedents import chance
from nightlab.experiments.claim.statistics.inference import COVERAGE, holm, summarize
from nightlab.experiments.claim.statistics.pairing import Rule, score
from nightlab.experiments.claim.statistics.pairing import effect as paired_effect
from nightlab.experiments.claim.statistics.reliability import reliability
from nightlab.experiments.ledger.documents.claim import FurtherTest
from nightlab.experiments.ledger.ledger import Run, Trial
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.records import Effect, ParamValue, Split
from nightlab.papers.facts.evidence import BASELINE, Evidence, confirmed
from nightlab.papers.facts.registry import Value, formula

Statistic = Literal["mean", "stderr", "low", "high", "n"]
Part = Literal["effect", "low", "high", "p", "n"]
Steady = Literal["worst", "runs", "wrong", "one_in"]
SETTINGS, TEMPLATE, PLAN = "the study's settings", "template.toml", "the preregistration"


# Settings


@formula("{name} of the study", SETTINGS)
def study_setting(e: Evidence, name: str) -> Value:
    return Value(getattr(e.settings, name))


@formula("{key}", TEMPLATE)
def template_key(e: Evidence, key: str) -> Value:
    """A number of the template by its dotted key; parts that are numbers count the entries of a list from 0."""
    found: Any = e.template.spec
    for part in key.split("."):
        if isinstance(found, Mapping):
            found = found[part]
        elif isinstance(found, Sequence):
            found = found[int(part)]
        else:
            found = getattr(found, part)
    return Value(found)


@formula("preregistered number of the confirmation's pairs", PLAN)
def planned(e: Evidence) -> Value:
    return Value(len(e.preregistration.seeds))


@formula("preregistered: {key}", PLAN)
def preregistered(e: Evidence, key: str) -> Value:
    return Value(getattr(e.preregistration, key))


@formula("coverage of all intervals, but for those of a claim", "the protocol")
def coverage(e: Evidence) -> Value:  # noqa: ARG001
    return Value(100 * COVERAGE)


@formula("studies of the template beside this one, as it began: {what}", "the record of the study's start")
def precedents(e: Evidence, what: Literal["all", "before", "claimed", "chance"]) -> Value:
    """all: with this one. claimed: an improvement. chance: that luck alone leads one of all to a claim, in per cent."""
    found = e.precedents
    values = {"all": found.others + 1, "before": found.others, "claimed": found.claimed, "chance": 100 * chance(found)}
    return Value(values[what])


@formula("coverage of the interval of {which}, by the level of its test", PLAN)
def claim_coverage(e: Evidence, which: str, number: int = 0) -> Value:  # noqa: ARG001
    """number: of an earlier claim, which counts from 1; 0 is the present one."""
    return Value(100 * (e.earlier[number - 1] if number else e.claim).coverage)


@formula("knobs that {whose} may move", TEMPLATE)
def knobs(e: Evidence, whose: str) -> Value:
    reach = _strategies(e, whose)
    return Value(sum(k.strategy in reach for k in e.template.knobs))


@formula("strategies of {whose}", TEMPLATE)
def strategies(e: Evidence, whose: str) -> Value:
    return Value(len(_strategies(e, whose)))


def _strategies(e: Evidence, whose: str) -> tuple[str, ...]:
    return e.idea_strategies if whose == "the idea" else e.template.strategies


@formula("parameter {name} of trial {trial}", "the trial in the ledger")
def parameter(e: Evidence, trial: int, name: str) -> Value:
    return Value(float_or_int(e.trials[trial].change.params[name]))


@formula("rows that the template has counted of the data: {told}", "the data as laid out")
def data_size(e: Evidence, told: str) -> Value:
    return Value(e.sizes[told])


@formula("default of {name}", TEMPLATE)
def default(e: Evidence, name: str) -> Value:
    return Value(float_or_int(e.template.defaults[name]))


def runs_of_trials(e: Evidence, counted: Iterable[Trial]) -> tuple[int, ...]:
    """The runs that the search made of these trials, in their order."""
    return tuple(run.id for trial in counted for run in e.runs_of(SEARCH, str(trial.number)))


def _ids(rows: Iterable[Run]) -> tuple[int, ...]:
    return tuple(run.id for run in rows)


def float_or_int(value: ParamValue) -> float:
    if isinstance(value, str):
        raise ValueError(f"{value!r} is no number")
    return value


# Groups of runs


@formula("{statistic} seconds a run")
def seconds(e: Evidence, statistic: Statistic) -> Value:
    good = [
        (r.id, r.outcome.wall_s)
        for r in e.runs
        if r.phase != "rung" and r.outcome and r.outcome.status == "ok" and r.outcome.wall_s
    ]
    return _of(statistic, [s for _, s in good], [id for id, _ in good])


@formula("mean dev objective of trial {trial} on the search seeds of a verdict")
def trial_mean(e: Evidence, trial: int) -> Value:
    value = e.mean(trial)
    if value is None:
        raise LookupError(f"no run of trial {trial} in the search went well")
    return Value(value, tuple(run for run, _ in e.search_scores(trial)))


@formula("search runs of the best trial on the seeds of a verdict")
def replicates(e: Evidence) -> Value:
    used = e.search_scores(e.best.number)
    return Value(len(used), tuple(run for run, _ in used))


@formula("{statistic} {split} objective of the {subject} in the confirmation")
def fitness(e: Evidence, statistic: Statistic, subject: str, split: Split) -> Value:
    good = confirmed(e, subject)
    values = [e.template.fitness(dict(r.outcome.metrics[split])) for r in good if r.outcome]
    return _of(statistic, values, [r.id for r in good])


@formula("{statistic} {split} {metric} of the {subject} in the confirmation")
def measured(e: Evidence, statistic: Statistic, subject: str, split: Split, metric: str) -> Value:
    good = confirmed(e, subject)
    return _of(statistic, [r.outcome.metrics[split][metric] for r in good if r.outcome], [r.id for r in good])


@formula("{statistic} objective of the {subject}, earlier claim {number}, {split}")
def earlier_fitness(e: Evidence, statistic: Statistic, subject: str, split: Split, number: int) -> Value:
    return fitness(_then(e, number), statistic, subject, split)


def _of(statistic: Statistic, values: Sequence[float], used: Sequence[int]) -> Value:
    return Value(getattr(summarize(values), statistic), tuple(used))


# Effects; positive is better


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


@formula("{statistic} {split} objective of the {subject} in the replication")
def replicated_fitness(e: Evidence, statistic: Statistic, subject: str, split: Split) -> Value:
    good = [(r.id, v) for r in e.runs_of("replication", subject) if (v := e.fitness(r, split)) is not None]
    return _of(statistic, [v for _, v in good], [id for id, _ in good])


@formula("{part} {other} against {one} in the further test {kind}, {split}, paired")
def further(e: Evidence, part: Part, kind: str, one: str, other: str, split: Split) -> Value:  # noqa: ARG001
    rows, before = [r for r in e.runs if r.phase == kind], e.runs_of("search", str(BASELINE))
    return _part(_needed(further_effect(e.template, rows, _further(e, kind).plan, e.claim, before, e.items)), part)


@formula("{statistic} {split} objective of {subject} in the further test {kind}")
def further_fitness(e: Evidence, statistic: Statistic, subject: str, kind: str, split: Split) -> Value:
    good = [(r.id, v) for r in e.runs_of(kind, subject) if (v := e.fitness(r, split)) is not None]
    return _of(statistic, [v for _, v in good], [id for id, _ in good])


@formula("the baseline's mean {metric} on dev in the search, which bounds the stress test")
def stress_bound(e: Evidence, metric: str) -> Value:
    good = [r for r in e.runs_of(SEARCH, str(BASELINE)) if r.outcome and r.outcome.status == "ok"]
    return _of("mean", [r.outcome.metrics["dev"][metric] for r in good if r.outcome], [r.id for r in good])


def _further(e: Evidence, kind: str) -> FurtherTest:
    found = e.test(kind)
    if found is None:
        raise LookupError(f"there is no further test {kind!r}")
    return found


@formula("confirmation runs that failed")
def failed_confirmations(e: Evidence) -> Value:
    rows = [r for r in e.runs if r.phase == "confirm"]
    return Value(sum(r.outcome is None or r.outcome.status != "ok" for r in rows), tuple(r.id for r in rows))


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
    return claimed(_then(e, number), part, split)


def _then(e: Evidence, number: int) -> Evidence:
    """The evidence of an earlier claim, which counts from 1: the runs of its own confirmation for the present ones."""
    phase = "earlier.confirm" if number == 1 else f"confirm {number - 1}"
    rows = tuple(replace(r, phase="confirm") for r in e.runs if r.phase == phase)
    rows += tuple(r for r in e.runs if r.phase == "search")
    return replace(e, claim=e.earlier[number - 1], runs=rows)


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


@formula("{statistic} {split} objective of {subject} beside the baselines at equal budget")
def rival_fitness(e: Evidence, statistic: Statistic, subject: str, split: Split) -> Value:
    good = [(r.id, v) for r in e.runs_of("rivals", subject) if (v := e.fitness(r, split)) is not None]
    return _of(statistic, [v for _, v in good], [id for id, _ in good])


@formula("runs of the search and the selection, without the baseline's")
def searching_runs(e: Evidence) -> Value:
    found = _ids(r for r in e.runs if r.phase == SEARCH and r.subject != str(BASELINE))
    return Value(len(found), found)


def _against_rival(e: Evidence, rival: str, split: Split) -> Effect:
    """How much better the best is than a baseline at equal budget, on the seeds of the confirmation."""
    rows, before = [r for r in e.runs if r.phase == "rivals"], e.runs_of("search", str(BASELINE))
    rule = Rule.of(e.claim).of_parts
    return _needed(paired_effect(e.template, rows, rival, "best", split, rule, before=before, items=e.items))


@formula("{step}: the knob's value one step away from the best", "the step in the ledger")
def step_value(e: Evidence, step: str) -> Value:
    return Value(float_or_int(next(row.value for row in e.sensitivity if row.key == step)))


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
