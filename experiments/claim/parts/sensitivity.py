"""Sensitivity: each knob of the best is moved one step down and up, to measure what that costs."""

from __future__ import annotations

from dataclasses import replace

from nightlab.experiments.claim.parts.variants import against_best
from nightlab.experiments.claim.selection import chosen
from nightlab.experiments.ledger.documents.claim import KnobStep
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.records import Knob, Params, ParamValue
from nightlab.experiments.template.knobs.rules import broken, settled

SENSITIVITY_SEEDS = 4


def probe_sensitivity(loop: Loop, seeds: int = SENSITIVITY_SEEDS) -> list[KnobStep]:
    """Move each knob of the best one step down and up and measure what it costs, on dev, paired with the best."""
    best = loop.entries[chosen(loop)].trial.change
    seeds = min(seeds, loop.study.confirmations)
    steps: dict[str, Params] = {}
    knobs = loop.template.knobs
    for knob in knobs:
        for side, value in neighbours(knob, best.params[knob.name]).items():
            moved = {**best.params, knob.name: value}
            if settled(knobs, moved) == moved and not broken(knobs, moved):  # it has an effect, and may be
                steps[f"{knob.name}-{side}"] = {knob.name: value}
    seeds = loop.accounts.budget.seeds("sensitivity", len(steps), seeds)
    variants = {key: replace(best, params={**best.params, **step}) for key, step in steps.items() if seeds}
    effects = against_best(loop, "sensitivity", variants, seeds)
    for run in loop.study.ledger.runs(loop.study.name_now("sensitivity")):
        if run.outcome and run.outcome.status == "ok" and loop.template.violated(dict(run.outcome.metrics["dev"])):
            effects.pop(run.subject, None)  # a penalty is no measure of how sensitive the metric is
    rows = []
    for key, lost in effects.items():
        ((knob_name, value),) = steps[key].items()
        found = KnobStep(key=key, knob=knob_name, value=value, **vars(lost))
        rows.append(loop.study.ledger.put(found, key, extension=loop.study.extensions))
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
