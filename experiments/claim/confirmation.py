"""Confirmation, ablation and sensitivity: what the paper claims rests on runs that the search never saw.

The hypothesis, the metric, the test and its level are written down before the search starts; the holdout is opened
once per study.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from nightlab.experiments.claim.ablation_parts import components
from nightlab.experiments.claim.inference import Effect, holm
from nightlab.experiments.claim.pairing import LEVEL, effect
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.ledger.trial_cache import SEARCH
from nightlab.experiments.loop.loop import BASELINE, Loop
from nightlab.experiments.loop.overseer import Notice, gap
from nightlab.experiments.loop.run_accounts import Job
from nightlab.experiments.records import Change, Knob, Params, ParamValue, Split
from nightlab.experiments.study.study import BaselineError, Study, StudyError

NOTHING = Effect(effect=0.0, low=0.0, high=0.0, p_value=1.0, significant=False, n=0, test="none")
ABLATION_SEEDS = 8
SENSITIVITY_SEEDS = 4


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
    study, plan = loop.study, preregister(loop.study)
    best = loop.choose()
    if study.shut:
        whom = f"extension {study.extensions}" if study.extensions else "a fork"
        study.ledger.once("holdout", f"refused for {whom}", {"best": best})
    opening = {"best": best} if study.shut else study.ledger.once("holdout", "opening", {"best": best})
    if opening["best"] != best:
        study.ledger.once("holdout", f"refused for trial {best}", {"best": best})
        raise StudyError(
            f"{study.folder}: the holdout was opened for trial {opening['best']} and is opened once per study;"
            f" trial {best} would need a new study to be confirmed (the refusal is recorded)"
        )
    n = len(plan["seeds"])
    splits: tuple[Split, ...] = ("dev", "holdout") if plan["split"] == "holdout" else ("dev",)
    jobs = [
        Job(
            phase=study.era("confirm"),
            subject=name,
            replicate=i,
            change=change,
            seeds=study.era("confirm"),
            splits=splits,
        )
        for i in range(n)
        for name, change in _contenders(loop, best)[:: 1 if i % 2 else -1]  # side by side, each first in turn
    ]
    runs = loop.bench.all(jobs)
    failed = [r.outcome for r in runs if r.subject == "baseline" and r.outcome and r.outcome.status != "ok"]
    if len(failed) == n:
        raise BaselineError(
            f"{study.folder}: no confirmation run of the baseline succeeded ({failed[0].status}), so there is nothing"
            f" to tell; mend the template and start again:\n{failed[0].error}"
        )
    before, level = _searched(study), plan["level"]
    effects = {split: effect(loop.template, runs, "baseline", "best", split, level, before=before) for split in splits}
    found = effects[plan["split"]] if best != BASELINE else None
    tested, shown = found is not None, found or NOTHING
    claim = {
        "best": best if tested else BASELINE,
        "chosen": best,
        "split": plan["split"],
        **asdict(shown),
        "tested": tested,
        "significant": shown.significant and shown.effect > plan["min_effect"],
        "incumbent_failed": loop.failed_again(loop.incumbent),
        "failed_runs": sum(r.outcome is None or r.outcome.status != "ok" for r in runs),
    }
    if tested and plan["split"] == "holdout" and (dev := effects["dev"]):
        _watch_gap(study, best, dev, shown)
    return dict(study.ledger.once("claim", study.era("claim"), claim))


def _searched(study: Study) -> list[Run]:
    """The runs of the baseline that the search had."""
    return study.ledger.runs(SEARCH, str(BASELINE))


def _watch_gap(study: Study, best: int, dev: Effect, holdout: Effect) -> None:
    """Write down a gain on dev that did not carry over to the holdout."""
    if sentence := gap(asdict(dev), asdict(holdout)):
        notice = Notice(key="gap", concern="gaming", trial=best, sentence=sentence, action="report")
        study.ledger.once("notice", notice.key, asdict(notice))


def _contenders(loop: Loop, best: int) -> list[tuple[str, Change]]:
    found = [("baseline", loop.entries[BASELINE].trial.change)]
    return found if best == BASELINE else [*found, ("best", loop.entries[best].trial.change)]


def ablate(loop: Loop, seeds: int = ABLATION_SEEDS) -> list[dict[str, Any]]:
    """Take each component out of the best and test what is lost, Holm-corrected; on dev, paired with the best."""
    best, parts = loop.entries[loop.best].trial.change, components(loop)
    asked = min(seeds, loop.template.spec.budget.confirm_seeds)
    n = loop.bench.budget.seeds(f"ablation with {asked} seeds", len(parts), asked)
    variants = {c.key: c.taken_out(best, loop.template.defaults) for c in parts if n}
    effects = _against_best(loop, "ablate", variants, n)
    parts = [c for c in parts if c.key in effects]
    corrected = holm([effects[c.key].p_value for c in parts])
    rows = []
    for part, p in zip(parts, corrected, strict=True):
        lost = effects[part.key]
        # The variant is the "baseline" of the comparison: a positive effect is what the component contributes.
        body = {**asdict(part), **asdict(lost), "p_holm": p, "significant": bool(p < LEVEL)}
        rows.append(dict(loop.study.ledger.once(loop.study.era("ablation"), f"{part.key}/{n}", body)))
    return rows


def probe_sensitivity(loop: Loop, seeds: int = SENSITIVITY_SEEDS) -> list[dict[str, Any]]:
    """Move each knob of the best one step down and up and measure what it costs, on dev, paired with the best."""
    best = loop.entries[loop.best].trial.change
    seeds = min(seeds, loop.template.spec.budget.confirm_seeds)
    steps: dict[str, Params] = {}
    for knob in loop.template.knobs:
        for side, value in neighbours(knob, best.params[knob.name]).items():
            steps[f"{knob.name}-{side}"] = {knob.name: value}
    seeds = loop.bench.budget.seeds("sensitivity", len(steps), seeds)
    variants = {key: replace(best, params={**best.params, **step}) for key, step in steps.items() if seeds}
    effects = _against_best(loop, "sensitivity", variants, seeds)
    for run in loop.study.ledger.runs(loop.study.era("sensitivity")):
        if run.outcome and run.outcome.status == "ok" and loop.template.violated(dict(run.outcome.metrics["dev"])):
            effects.pop(run.subject, None)  # a penalty is no measure of how sensitive the metric is
    rows = []
    for key, lost in effects.items():
        ((knob_name, value),) = steps[key].items()
        body = {"key": key, "knob": knob_name, "value": value, **asdict(lost)}
        rows.append(dict(loop.study.ledger.once(loop.study.era("sensitivity"), key, body)))
    return rows


def neighbours(knob: Knob, value: ParamValue) -> dict[str, ParamValue]:
    """The values one step below and above: a tenth of the range, the next choice."""
    if knob.type == "choice":
        others = [c for c in knob.choices if c != value]
        return {"other": others[0]}
    assert not isinstance(value, str)
    if knob.log:
        factor = knob.high**0.1 / knob.low**0.1
        low, high = value / factor, value * factor
    else:
        step = (knob.high - knob.low) * 0.1
        low, high = value - step, value + step
    if knob.type == "int":
        low, high = min(low, value - 1), max(high, value + 1)
    found = {"down": knob.nearest(low), "up": knob.nearest(high)}
    return {side: moved for side, moved in found.items() if moved != value}


def _against_best(loop: Loop, phase: str, variants: Mapping[str, Change], seeds: int) -> dict[str, Effect]:
    """Effect of the best over each of its variants, on the confirmation's seeds."""
    jobs = [
        Job(
            phase=loop.study.era(phase),
            subject=key,
            replicate=i,
            change=change,
            seeds=loop.study.era("confirm"),
        )
        for key, change in variants.items()
        for i in range(seeds)
    ]
    runs = loop.bench.all(jobs)
    reference = [r for r in loop.study.ledger.runs(loop.study.era("confirm")) if r.subject in ("best", "baseline")]
    name = "best" if any(r.subject == "best" for r in reference) else "baseline"
    before, effects = _searched(loop.study), {}
    for key in variants:
        if lost := effect(loop.template, [*runs, *reference], key, name, "dev", before=before):
            effects[key] = lost  # a variant that does not run at all has none that could be measured
    return effects
