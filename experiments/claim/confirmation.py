"""Confirmation: what the paper claims rests on runs that the search never saw.

The hypothesis, the metric, the test and its level are written down before the search starts; the holdout is opened
once per study.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from nightlab.experiments.claim import family
from nightlab.experiments.claim.selection import choose, failed_again
from nightlab.experiments.claim.sides import from_draw, side_by_side, splits
from nightlab.experiments.claim.statistics import power
from nightlab.experiments.claim.statistics.constraints import broken
from nightlab.experiments.claim.statistics.inference import TRIM, summarize
from nightlab.experiments.claim.statistics.pairing import Rule, effect, score, searched
from nightlab.experiments.claim.statistics.reliability import CHEAP_S, Score, Sides, observed, watched
from nightlab.experiments.ledger.documents.claim import OPENING, REFUSED, Claim, HoldoutOpening, Preregistration
from nightlab.experiments.ledger.documents.search import Notice
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.overseer import gap
from nightlab.experiments.loop.run_accounts import Job
from nightlab.experiments.records import BASELINE, Change, Effect, Reliability
from nightlab.experiments.study.errors import BaselineError, StudyError
from nightlab.experiments.study.study import Study

TEST = (
    "one-sided test of the trimmed mean difference, or of pairs of runs crossed with items where there are values by"
    " item, which allows for their skewness; further pairs where a run of the best goes wrong or is far off"
)
NOTHING = Effect(effect=0.0, low=0.0, high=0.0, p_value=1.0, significant=False, n=0, test="none")


def preregister(study: Study) -> Preregistration:
    """Fix the claim's test before the search; the first version stands."""
    objective, redraws = study.template.spec.objective, study.template.redraws
    n, level = study.confirmations, family.level(study)
    plan = Preregistration(
        hypothesis=f"the best trial's {study.template.fitness_label} is better than the baseline's",
        metric=objective.metric,
        direction=objective.direction,
        split="holdout" if study.template.has_holdout and (redraws or not study.shut) else "dev",
        test=TEST,
        level=level,
        coverage=family.coverage(level),
        skewed=True,
        family_level=family.FAMILY_LEVEL,
        trim=TRIM,
        losses=True,
        looks=2,
        draws=n if redraws else 0,
        search_draws=study.data.search_draws,
        seeds=tuple(study.seeds.of(study.name_now("confirm"), i) for i in range(n)),
        min_effect=objective.min_effect,
        smallest=power.smallest_effect(_noise(study), n, level=level, cut=int(TRIM * n)),
        power=power.POWER,
    )
    return study.ledger.put(plan, study.name_now("claim"))


def _noise(study: Study) -> float:
    """The standard deviation between the baseline's runs before the search."""
    runs = searched(study.ledger)
    values = [v for run in runs if (v := score(study.template, run, "dev")) is not None]
    return summarize(values).stderr * len(values) ** 0.5 if values else 0.0


def confirm(loop: Loop) -> Claim:
    """Run baseline and best on fresh seeds, open the holdout once, test the claim.

    A study that is resumed after the opening goes on with the same best trial; any other one is refused.
    """
    study, plan, best = loop.study, preregister(loop.study), choose(loop)
    if not plan.draws:  # each draw has a sealed holdout of its own
        _open_holdout(study, best)
    runs, seen = _ran(loop, best, plan)
    before, rule = searched(study.ledger), Rule.of(plan)
    effects = {
        split: effect(loop.template, runs, "baseline", "best", split, rule, before=before, items=study.items)
        for split in splits(plan.split)
    }
    found = effects[plan.split] if best != BASELINE else None
    if found and plan.split == "holdout" and (dev := effects["dev"]):
        _watch_gap(study, best, dev, found)
    claim = _claim(loop, plan, best, found, runs)
    if found and seen:
        claim = _watched(loop, plan, claim, seen, runs)
    return study.ledger.put(claim, study.name_now("claim"))


def _ran(loop: Loop, best: int, plan: Preregistration) -> tuple[list[Run], Reliability | None]:
    """The confirmation's runs, and how they went; None where there is no best, or an earlier version fixed the plan."""
    n, phase, found = len(plan.seeds), loop.study.name_now("confirm"), list[Run]()

    def run(jobs: list[Job]) -> list[Run]:
        found.extend(runs := loop.accounts.all(jobs))
        return runs

    def pairs(replicates: range) -> Sides:
        if replicates.start:  # beyond what the study owes
            allowed = loop.accounts.budget.seeds("further confirmation", 2, len(replicates))
            replicates = range(replicates.start, replicates.start + allowed)
        runs = run(_jobs(loop, best, plan, replicates))
        if not replicates.start:
            _check_baseline(loop.study, runs, n)
        return _scores(loop, plan, runs, "baseline"), _scores(loop, plan, runs, "best")

    def watch(replicates: range) -> list[Score]:
        change, scored = loop.entries[best].trial.change, splits(plan.split)
        more = [
            Job(phase=phase, subject="watch", replicate=i, change=change, seeds=phase, splits=scored, items=True)
            for i in replicates
        ]
        return _scores(loop, plan, run(more), "watch")

    if best == BASELINE or not plan.losses:
        pairs(range(n))
        return found, None
    return found, observed(n, pairs, watch, more=_affordable(loop, n))[1]


def _affordable(loop: Loop, seeds: int) -> int:
    """How many further runs the best gets: none where runs are dear or say nothing of a risk."""
    budget = loop.accounts.budget
    fit = not (loop.deterministic or loop.template.interleaved or loop.template.redraws)  # a draw is not cheap
    cheap = fit and budget.run_s < CHEAP_S
    return budget.seeds("watch", 1, watched(seeds) if cheap else 0)


def _scores(loop: Loop, plan: Preregistration, runs: Sequence[Run], subject: str) -> list[Score]:
    return [score(loop.template, run, plan.split) for run in runs if run.subject == subject]


def _watched(loop: Loop, plan: Preregistration, claim: Claim, seen: Reliability, runs: Sequence[Run]) -> Claim:
    """The claim with how the best's runs went, and why it is withheld whatever the test says, if it is."""
    violated = broken(loop.template, [run for run in runs if run.subject in ("best", "watch")], splits(plan.split))
    withheld = "constraint" if violated else "" if seen.holds else "reliability"
    significant = claim.significant and not withheld
    return replace(claim, reliability=seen, broken=violated, withheld=withheld, significant=significant)


def _open_holdout(study: Study, best: int) -> None:
    """Write down for which trial the holdout is opened, or that it stays shut. Raises StudyError where it was opened
    for another trial."""
    if study.shut:
        whom = f"extension {study.extensions}" if study.extensions else "a fork"
        study.ledger.put(HoldoutOpening(best=best), f"{REFUSED}{whom}")
        return
    opening = study.ledger.put(HoldoutOpening(best=best), OPENING)
    if opening.best != best:
        study.ledger.put(HoldoutOpening(best=best), f"{REFUSED}trial {best}")
        raise StudyError(
            f"{study.folder}: the holdout was opened for trial {opening.best} and is opened once per study;"
            f" trial {best} would need a new study to be confirmed (the refusal is recorded)"
        )


def _jobs(loop: Loop, best: int, plan: Preregistration, replicates: range) -> list[Job]:
    """Baseline and best."""
    phase, of_pair = loop.study.name_now("confirm"), from_draw(0 if plan.draws else None)
    return side_by_side(phase, _contenders(loop, best), plan.split, replicates, of_pair)


def _contenders(loop: Loop, best: int) -> list[tuple[str, Change]]:
    found = [("baseline", loop.entries[BASELINE].trial.change)]
    return found if best == BASELINE else [*found, ("best", loop.entries[best].trial.change)]


def _check_baseline(study: Study, runs: Sequence[Run], seeds: int) -> None:
    """Raises BaselineError where the baseline failed on every seed."""
    failed = [r.outcome for r in runs if r.subject == "baseline" and r.outcome and r.outcome.status != "ok"]
    if len(failed) == seeds:
        raise BaselineError(
            f"{study.folder}: no confirmation run of the baseline succeeded ({failed[0].status}), so there is nothing"
            f" to tell; mend the template and start again:\n{failed[0].error}"
        )


def _claim(loop: Loop, plan: Preregistration, best: int, found: Effect | None, runs: Sequence[Run]) -> Claim:
    """found: the effect on the plan's split; None where nothing could be tested."""
    tested, shown = found is not None, found or NOTHING
    return Claim(
        **{**vars(shown), "significant": shown.significant and shown.effect > plan.min_effect},
        best=best if tested else BASELINE,
        chosen=best,
        split=plan.split,
        tested=tested,
        level=plan.level,
        trim=plan.trim,
        losses=plan.losses,
        looks=plan.looks,
        draws=plan.draws,
        coverage=plan.coverage,
        skewed=plan.skewed,
        incumbent_failed=failed_again(loop, loop.incumbent),
        failed_runs=sum(r.outcome is None or r.outcome.status != "ok" for r in runs),
    )


def _watch_gap(study: Study, best: int, dev: Effect, holdout: Effect) -> None:
    """Write down a gain on dev that did not carry over to the holdout."""
    if sentence := gap(dev, holdout):
        notice = Notice(key="gap", concern="gaming", trial=best, sentence=sentence, action="report")
        study.ledger.put(notice, notice.key)
