"""Confirmation: what the paper claims rests on runs that the search never saw.

The hypothesis, the metric, the test and its level are written down before the search starts; the holdout is opened
once per study.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from nightlab.experiments.claim.inference import Effect
from nightlab.experiments.claim.pairing import LEVEL, effect, searched
from nightlab.experiments.claim.selection import choose, failed_again
from nightlab.experiments.ledger.documents import OPENING, HoldoutOpening, Notice
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.overseer import gap
from nightlab.experiments.loop.run_accounts import Job
from nightlab.experiments.records import BASELINE, Change, Split
from nightlab.experiments.study.study import BaselineError, Study, StudyError

NOTHING = Effect(effect=0.0, low=0.0, high=0.0, p_value=1.0, significant=False, n=0, test="none")


def preregister(study: Study) -> Mapping[str, Any]:
    """Fix the claim's test before the search; the first version stands."""
    objective = study.template.spec.objective
    return dict(
        study.ledger.once(
            "preregistration",
            study.era("claim"),
            {
                "hypothesis": f"the best trial's {study.template.fitness_label} is better than the baseline's",
                "metric": objective.metric,
                "direction": objective.direction,
                "split": "holdout" if study.template.trust == "verified" and not study.shut else "dev",
                "test": "one-sided paired t-test over fresh seeds",
                "level": LEVEL,
                "seeds": [
                    study.seed_of(study.era("confirm"), i) for i in range(study.template.spec.budget.confirm_seeds)
                ],
                "min_effect": objective.min_effect,
            },
        )
    )


def confirm(loop: Loop) -> dict[str, Any]:
    """Run baseline and best on fresh seeds, open the holdout once, test the claim; the claim as a document.

    A study that is resumed after the opening goes on with the same best trial; any other one is refused.
    """
    study, plan, best = loop.study, preregister(loop.study), choose(loop)
    _open_holdout(study, best)
    runs = loop.bench.all(_jobs(loop, best, plan))
    _check_baseline(study, runs, len(plan["seeds"]))
    before = searched(study.ledger)
    effects = {
        split: effect(loop.template, runs, "baseline", "best", split, plan["level"], before=before)
        for split in _splits(plan)
    }
    found = effects[plan["split"]] if best != BASELINE else None
    if found and plan["split"] == "holdout" and (dev := effects["dev"]):
        _watch_gap(study, best, dev, found)
    return dict(study.ledger.once("claim", study.era("claim"), _claim(loop, plan, best, found, runs)))


def _open_holdout(study: Study, best: int) -> None:
    """Write down for which trial the holdout is opened, or that it stays shut. Raises StudyError where it was opened
    for another trial."""
    if study.shut:
        whom = f"extension {study.extensions}" if study.extensions else "a fork"
        study.ledger.put(HoldoutOpening(best=best), f"refused for {whom}")
        return
    opening = study.ledger.put(HoldoutOpening(best=best), OPENING)
    if opening.best != best:
        study.ledger.put(HoldoutOpening(best=best), f"refused for trial {best}")
        raise StudyError(
            f"{study.folder}: the holdout was opened for trial {opening.best} and is opened once per study;"
            f" trial {best} would need a new study to be confirmed (the refusal is recorded)"
        )


def _splits(plan: Mapping[str, Any]) -> tuple[Split, ...]:
    return ("dev", "holdout") if plan["split"] == "holdout" else ("dev",)


def _jobs(loop: Loop, best: int, plan: Mapping[str, Any]) -> list[Job]:
    """Baseline and best on each fresh seed: side by side, each first in turn."""
    phase, contenders = loop.study.era("confirm"), _contenders(loop, best)
    return [
        Job(phase=phase, subject=name, replicate=i, change=change, seeds=phase, splits=_splits(plan))
        for i in range(len(plan["seeds"]))
        for name, change in contenders[:: 1 if i % 2 else -1]
    ]


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


def _claim(loop: Loop, plan: Mapping[str, Any], best: int, found: Effect | None, runs: Sequence[Run]) -> dict[str, Any]:
    """found: the effect on the plan's split; None where nothing could be tested."""
    tested, shown = found is not None, found or NOTHING
    return {
        "best": best if tested else BASELINE,
        "chosen": best,
        "split": plan["split"],
        **asdict(shown),
        "tested": tested,
        "significant": shown.significant and shown.effect > plan["min_effect"],
        "incumbent_failed": failed_again(loop, loop.incumbent),
        "failed_runs": sum(r.outcome is None or r.outcome.status != "ok" for r in runs),
    }


def _watch_gap(study: Study, best: int, dev: Effect, holdout: Effect) -> None:
    """Write down a gain on dev that did not carry over to the holdout."""
    if sentence := gap(asdict(dev), asdict(holdout)):
        notice = Notice(key="gap", concern="gaming", trial=best, sentence=sentence, action="report")
        study.ledger.put(notice, notice.key)
