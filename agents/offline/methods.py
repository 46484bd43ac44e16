"""The sections that say what was done: method and experimental set-up."""

from __future__ import annotations

from nightlab.agents.team import Brief
from nightlab.agents.telling.disclosure import shown
from nightlab.agents.telling.words import listed, many, words
from nightlab.experiments.claim.inference import untested
from nightlab.experiments.template.contract import Constraint

SELECTION = """*Selection.* An incumbent was lucky when it was kept, and a better trial may have been unlucky when it
was reverted. When the search is over, the most promising trials, reverted ones among them, are therefore run again on
further search seeds, by successive halving; the best of them goes to the confirmation if it leads the baseline, and
otherwise nothing does."""


def method(b: Brief) -> str:
    parts = [_loop(b), _fitness(b), _verdicts(b), _oversight(b), SELECTION, _confirmation(b)]
    return "\n\n".join(part for part in parts if part)


def _loop(b: Brief) -> str:
    samplers = sorted({shown(t.change.proposer) for t in b.evidence.trials if t.change.proposer != "baseline"})
    how = f" Proposals were made by {listed([f'`{s}`' for s in samplers])}." if samplers else ""
    steps = f"""*The loop.* The study is a loop of four steps: propose a change to a configuration that has run, run it,
evaluate it, and keep it if it beats the best configuration so far (the incumbent), else revert it.{_parents(b)}"""
    if not b.evidence.template.knobs:
        return f"{steps}{how}{_edits(b)}"
    return f"""{steps} A trial is claimed in a ledger before it runs and settled once
after it; a trial that crashes, hangs or breaks a limit is recorded as failed and remembered by the search, so that
failures are not repeated.{how} The knobs in reach fall under {many(b.evidence, "reach.strategies", "strategy")}
({listed([words(s) for s in b.evidence.idea_strategies])}); {{ref:knobs}} lists all knobs with their ranges.{_edits(b)}

{{float:knobs}}"""


def _parents(b: Brief) -> str:
    """What the changes started from, where that was not always an incumbent."""
    if not b.evidence.facts["search.aside"].value:
        return " Each change started from a trial that was kept, or from the baseline."
    return (
        " Of the changes, {fact:search.aside} started from a trial that was not kept, such as a near miss; the others"
        " from one that was, or from the baseline."
    )


def _edits(b: Brief) -> str:
    if not b.evidence.edits:
        return ""
    return (
        " Of the trials, {fact:search.edits} changed files of the experiment itself; an edit is checked for syntax"
        " before it runs, and no edit reaches the judge or the data. The folder `changes` beside this paper holds each"
        " edit that was kept."
    )


def _fitness(b: Brief) -> str:
    t = b.evidence.template
    metric = words(t.metric_label)
    better = "smaller is better" if t.spec.objective.direction == "minimize" else "larger is better"
    text = f"*Objective.* The fitness of a run is its {metric} ({better})"
    if not t.spec.constraint:
        return f"{text}; the template declares no constraints."
    bounds = listed([_bound(*named) for named in zip(t.constraint_keys, t.spec.constraint, strict=True)])
    hard = " A change that violates a hard constraint cannot be kept." if any(c.hard for c in t.spec.constraint) else ""
    fined = listed([words(c.metric) for c in t.spec.constraint if c.penalty]) if t.penalised else ""
    penalty = f" Any violation of the bounds on {fined} adds a penalty in proportion to it." if fined else ""
    return f"{text}, under constraints: {bounds}.{hard}{penalty}"


def _bound(name: str, c: Constraint) -> str:
    parts = []
    if c.max is not None:
        parts.append(f"at most {{fact:constraint.{name}.max}}")
    if c.min is not None:
        parts.append(f"at least {{fact:constraint.{name}.min}}")
    return f"{words(c.metric)} {' and '.join(parts)}"


def _verdicts(b: Brief) -> str:
    s = b.evidence.settings
    beside = (
        " Each run of a candidate is made back to back with a fresh run of the incumbent, the two going first in turn,"
        " while nothing else runs."
        if b.evidence.template.interleaved
        else ""
    )
    if s.rule == "strict":
        return f"*Verdicts.* A candidate is kept if its mean is better than the incumbent's on the same seeds.{beside}"
    return f"""*Verdicts.* A candidate meets the incumbent on the same seeds. A clear loser is reverted after its first
run; while the comparison is open, replicates are added, up to {{fact:setting.seeds}} of them. A candidate is kept only
if it is better by more than the smallest effect worth keeping, {{fact:setting.min_effect}}, beyond the noise. The noise
is the standard deviation between seeds, pooled over the replicates of all trials; it is never estimated from winners
alone, since selection makes winners look quieter and better than they are.{beside}"""


def _oversight(b: Brief) -> str:
    """What watched the search; empty where it had nothing to report."""
    facts = b.evidence.facts
    if "overseer.notices" not in facts:
        return ""
    gap = (
        " The gain on the development split exceeds that on the holdout by more than their intervals allow, so part"
        " of it is particular to that split."
        if "overseer.gap" in facts
        else ""
    )
    return f"""*Oversight.* Fixed rules watch the search for stagnation, for waste and for signs of a gamed metric; the
number of their notices is {{fact:overseer.notices}}, of those on gaming {{fact:overseer.gaming}}, and all stand in the
study's ledger.{gap}"""


def _confirmation(b: Brief) -> str:
    e = b.evidence
    split = e.claim["split"]
    once = "once, for the first claim" if e.earlier else "once"
    holdout = (
        f" The holdout is scored by the same evaluator, which the experiments cannot reach, and it is opened {once}: a"
        " second opening would be refused."
        if (e.first or e).claim["split"] == "holdout"
        else ""
    )
    before = "before the first trial"
    if e.earlier:
        before += ", and for each extension anew before the search went on"
        holdout += " {ref:claims} lists what each claim rests on."
    if not e.claim["tested"]:
        chosen = e.claim.get("chosen")
        ran = f"the baseline and trial `T{chosen}` each" if chosen else "the baseline"
        return f"""*Confirmation.* Hypothesis, metric, test, level and seeds were written down {before}.
After the search {ran} ran on {many(e, "setting.confirm_seeds", "fresh seed")}. No test took place, since
{untested(e.claim)}.{holdout if e.earlier else ""}"""
    return f"""*Confirmation.* Hypothesis, metric, test, level and seeds were written down {before}. After
the search, the baseline and the best configuration each ran on {many(e, "setting.confirm_seeds", "fresh seed")},
and the
difference on the {split} split was put to one {words(e.claim["test"])} at level
{{fact:setting.level}}.{holdout} The ablation uses the development split of the same seeds, and its p values are
corrected for multiple tests by Holm's method."""


def setup(b: Brief) -> str:
    e, t = b.evidence, b.evidence.template
    data = (
        "The data are laid out once per study into public inputs, which experiments read, and private data, which"
        f" only the evaluator reads{', but for a file that is in both' if 'Shared data' in e.notes else ''}; both are"
        " hashed and checked."
        if t.spec.data
        else "The experiment brings its own data."
    )
    judge = (
        "After a run has ended, an evaluator scores its outputs in a process of its own"
        + (", and what it gives counts as reported" if t.doubts else "")
        if t.spec.evaluate.entry
        else "The experiment reports its own metric, which is therefore marked as reported"
    )
    failed = (
        " Of all trials, {fact:search.failed} failed, and the count of trials includes them."
        if e.facts["search.failed"].value
        else " No trial failed."
    )
    aside = "; their seeds are left out on both sides" if e.claim["tested"] else ""
    baseline = (
        "The baseline is the trial of an earlier study that this one was forked from, with its files and parameters;"
        " where this paper speaks of a default, it is that trial's value"
        if "Origin" in e.notes
        else "The baseline is the template as its author left it, with the default of every knob"
    )
    lost = f" Of the confirmation's runs, {{fact:claim.failed}} failed{aside}." if e.claim["failed_runs"] else ""
    return f"""*Task and data.* {data} {judge}. A run may take at most {{fact:setting.timeout}} s and
{{fact:setting.memory}} MB; a successful run took {{fact:run.wall.mean}} s on average.

*Budget.* The study had a budget of {many(e, "setting.trials", "trial")} and used {{fact:search.trials}}, which took
{many(e, "runs.search", "run")}; the confirmation took {{fact:runs.confirm}} more. The seed of the study is
{{fact:setting.seed}}.{failed}{lost}

*Baseline.* {baseline}."""
