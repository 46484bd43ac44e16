"""What a fact is computed by: named functions of the evidence's rows, so that any fact can be computed again.

Each gives a value with exactly the runs that entered it. A room above registers further ones for the facts that it
adds, by `formula`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

from nightlab.experiments.claim.statistics.inference import COVERAGE, holm, summarize
from nightlab.experiments.claim.statistics.pairing import Rule, score
from nightlab.experiments.claim.statistics.pairing import effect as paired_effect
from nightlab.experiments.claim.statistics.reliability import reliability
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.records import Effect, Fact, ParamValue, Split
from nightlab.papers.facts.evidence import BASELINE, Evidence, confirmed


@dataclass(frozen=True)
class Value:
    """A number and the runs of the ledger that it comes from."""

    value: float
    runs: tuple[int, ...] = ()


Compute = Callable[..., Value]
C = TypeVar("C", bound=Compute)
Statistic = Literal["mean", "stderr", "low", "high", "n"]
Part = Literal["effect", "low", "high", "p", "n"]
Steady = Literal["worst", "runs", "wrong", "one_in"]


@dataclass(frozen=True)
class Formula:
    """A registered function of the evidence, and the sentence that tells a reader what it computes."""

    compute: Compute
    sentence: str  # {argument} stands for an argument's value


FORMULAS: dict[str, Formula] = {}
_STATISTICS: Mapping[str, str] = {
    "mean": "mean of",
    "stderr": "standard error of",
    "low": "lower end of the t-interval of",
    "high": "upper end of the t-interval of",
    "n": "number of",
    "effect": "mean difference,",
    "p": "p value,",
}


def formula(sentence: str) -> Callable[[C], C]:
    """Register a function of the evidence under its own name."""

    def register(compute: C) -> C:
        if compute.__name__ in FORMULAS:
            raise ValueError(f"there is a formula {compute.__name__!r} already")
        FORMULAS[compute.__name__] = Formula(compute, sentence)
        return compute

    return register


def computed(evidence: Evidence, name: str, arguments: Mapping[str, ParamValue]) -> Value:
    """The value of a formula. Raises LookupError where there is none of this name."""
    if name not in FORMULAS:
        raise LookupError(f"there is no formula {name!r}")
    return FORMULAS[name].compute(evidence, **arguments)


def meaning(fact: Fact) -> str:
    """How a fact is computed, as a phrase; what no formula of this version is, as it stands in the fact."""
    if fact.formula not in FORMULAS:
        return fact.formula
    words = {name: _STATISTICS.get(str(value), value) for name, value in fact.arguments.items()}
    return " ".join(FORMULAS[fact.formula].sentence.format(**words).split())


# Settings


@formula("{name} of the study")
def study_setting(e: Evidence, name: str) -> Value:
    return Value(getattr(e.settings, name))


@formula("template.toml: {key}")
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


@formula("preregistered number of the confirmation's pairs")
def planned(e: Evidence) -> Value:
    return Value(len(e.preregistration.seeds))


@formula("preregistered {key} of the test")
def preregistered(e: Evidence, key: str) -> Value:
    return Value(getattr(e.preregistration, key))


@formula("coverage of all intervals")
def coverage(e: Evidence) -> Value:  # noqa: ARG001
    return Value(100 * COVERAGE)


@formula("knobs that {whose} may move")
def knobs(e: Evidence, whose: str) -> Value:
    reach = _strategies(e, whose)
    return Value(sum(k.strategy in reach for k in e.template.knobs))


@formula("strategies of {whose}")
def strategies(e: Evidence, whose: str) -> Value:
    return Value(len(_strategies(e, whose)))


def _strategies(e: Evidence, whose: str) -> tuple[str, ...]:
    return e.idea_strategies if whose == "the idea" else e.template.strategies


@formula("parameter {name} of trial {trial}")
def parameter(e: Evidence, trial: int, name: str) -> Value:
    return Value(float_or_int(e.trials[trial].change.params[name]))


@formula("default of {name} in template.toml")
def default(e: Evidence, name: str) -> Value:
    return Value(float_or_int(e.template.defaults[name]))


def float_or_int(value: ParamValue) -> float:
    if isinstance(value, str):
        raise ValueError(f"{value!r} is no number")
    return value


# Counts


@formula("trials that extension {number} added")
def extension(e: Evidence, number: str) -> Value:
    return Value(e.extensions[number])


@formula("budget of trials before extension {number}")
def trials_before(e: Evidence, number: int) -> Value:
    """The trials that the study had been asked for before its extension of a number, which counts from 1."""
    return Value(e.settings.trials - sum(n for key, n in e.extensions.items() if int(key) >= number))


@formula("settled trials without the baseline")
def settled(e: Evidence) -> Value:
    return Value(sum(t.verdict is not None for t in e.trials) - 1)


@formula("trials with the verdict {verdict}")
def trials(e: Evidence, verdict: str) -> Value:
    return Value(sum(t.verdict is not None and t.verdict.kind == verdict for t in e.trials))


@formula("trials that failed: {cause}")
def failures(e: Evidence, cause: str) -> Value:
    verdicts = [t.verdict for t in e.trials if t.verdict]
    return Value(sum((v.kind, v.cause) == ("failed", cause) for v in verdicts))


@formula("trials whose parent is neither the baseline nor a kept trial")
def trials_aside(e: Evidence) -> Value:
    stood = {t.number for t in e.trials if t.verdict and t.verdict.kind in ("baseline", "kept")}
    return Value(sum(t.change.parent is not None and t.change.parent not in stood for t in e.trials))


@formula("runs of the phase {phase}")
def runs(e: Evidence, phase: str) -> Value:
    return Value(sum(r.phase == phase for r in e.runs))


@formula("runs of all phases")
def all_runs(e: Evidence) -> Value:
    return Value(len(e.runs))


@formula("trials that changed files")
def edited_trials(e: Evidence) -> Value:
    return Value(len(e.edits))


@formula("lines that trial {trial} {side} in files")
def edited_lines(e: Evidence, trial: int, side: Literal["added", "removed"]) -> Value:
    return Value(sum(getattr(diff, side) for diff in e.edits[trial]))


@formula("notices of the overseer")
def notices(e: Evidence) -> Value:
    return Value(len(e.notices))


@formula("notices of the overseer on signs of gaming")
def notices_of_gaming(e: Evidence) -> Value:
    return Value(sum(n.concern == "gaming" for n in e.notices.values()))


@formula("the gain on dev lies above that on the holdout, intervals apart")
def gap_noticed(e: Evidence) -> Value:
    return Value(float("gap" in e.notices))


# Groups of runs


@formula("{statistic} seconds a run")
def seconds(e: Evidence, statistic: Statistic) -> Value:
    good = [
        (r.id, r.outcome.wall_s)
        for r in e.runs
        if r.phase != "rung" and r.outcome and r.outcome.status == "ok" and r.outcome.wall_s
    ]
    return _of(statistic, [s for _, s in good], [id for id, _ in good])


@formula("mean dev fitness of trial {trial} on the search seeds of a verdict")
def trial_mean(e: Evidence, trial: int) -> Value:
    value = e.mean(trial)
    if value is None:
        raise LookupError(f"no run of trial {trial} in the search went well")
    return Value(value, tuple(run for run, _ in e.search_scores(trial)))


@formula("search runs of the best trial on the seeds of a verdict")
def replicates(e: Evidence) -> Value:
    return Value(len(e.search_scores(e.best.number)))


@formula("{statistic} {split} fitness of the {subject}, fresh seeds")
def fitness(e: Evidence, statistic: Statistic, subject: str, split: Split) -> Value:
    good = confirmed(e, subject)
    values = [e.template.fitness(dict(r.outcome.metrics[split])) for r in good if r.outcome]
    return _of(statistic, values, [r.id for r in good])


@formula("{statistic} {split} {metric} of the {subject}, fresh seeds")
def measured(e: Evidence, statistic: Statistic, subject: str, split: Split, metric: str) -> Value:
    good = confirmed(e, subject)
    return _of(statistic, [r.outcome.metrics[split][metric] for r in good if r.outcome], [r.id for r in good])


@formula("{statistic} fitness of the {subject}, earlier claim {number}, {split}")
def earlier_fitness(e: Evidence, statistic: Statistic, subject: str, split: Split, number: int) -> Value:
    return fitness(_then(e, number), statistic, subject, split)


def _of(statistic: Statistic, values: Sequence[float], used: Sequence[int]) -> Value:
    return Value(getattr(summarize(values), statistic), tuple(used))


# Effects; positive is better


@formula("{part} best against baseline, {split}, paired on fresh seeds")
def claimed(e: Evidence, part: Part, split: Split) -> Value:
    if not e.claim.tested:
        return Value(e.claim.p_value if part == "p" else getattr(e.claim, part))
    rows = [*e.runs_of("confirm", "baseline"), *e.runs_of("confirm", "best")]
    before = e.runs_of("search", str(BASELINE))
    found = paired_effect(e.template, rows, "baseline", "best", split, Rule.of(e.claim), before=before, items=e.items)
    return _part(_needed(found), part)


@formula("confirmation runs that failed; their seeds are left out")
def failed_confirmations(e: Evidence) -> Value:
    rows = [r for r in e.runs if r.phase == "confirm"]
    return Value(sum(r.outcome is None or r.outcome.status != "ok" for r in rows))


@formula("groups of items that the claim's test samples")
def sampled_items(e: Evidence) -> Value:
    return Value(e.claim.items)


@formula(
    "{part} of the best's confirmation runs, {split}: fitness of the worst, runs, those gone wrong, 1 / their bound"
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


@formula("effect of the claim / mean of the baseline")
def relative(e: Evidence) -> Value:
    split = e.claim.split
    effect, before = claimed(e, "effect", split), fitness(e, "mean", "baseline", split)
    return Value(100 * effect.value / abs(before.value), effect.runs)


@formula("how much larger the best trial's gain was on the search seeds of a verdict than on fresh seeds, dev")
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


@formula("{part} best against itself with {step}, dev, paired")
def stepped(e: Evidence, part: Part, step: str) -> Value:
    return _part(_against_best(e, "sensitivity", step), part)


@formula("{step}: the knob's value one step away from the best")
def step_value(e: Evidence, step: str) -> Value:
    return Value(float_or_int(next(row.value for row in e.sensitivity if row.key == step)))


@formula("seeds of the {phase}")
def seeds(e: Evidence, phase: Literal["ablation", "sensitivity"]) -> Value:
    return Value(max(row.n for row in getattr(e, phase)))


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
