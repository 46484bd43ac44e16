"""The winner knob by knob: each that differs from the default is set back alone, to measure what that costs."""

from __future__ import annotations

from dataclasses import replace

from nightlab.experiments.claim.parts.ablation_parts import differs, parts_of_best
from nightlab.experiments.claim.parts.variants import against_best
from nightlab.experiments.claim.selection import chosen
from nightlab.experiments.ledger.documents.claim import AblatedKnob
from nightlab.experiments.loop.loop import Loop

KNOB_SEEDS = 4


def ablate_knobs(loop: Loop, seeds: int = KNOB_SEEDS) -> list[AblatedKnob]:
    """Set each knob of the best back that shares a part with others; on dev, paired with the best.

    What a knob is worth that is a part of its own, the ablation tells.
    """
    best, defaults = loop.entries[chosen(loop)].trial.change, loop.template.defaults
    shared = [knob for part in parts_of_best(loop) if len(part.knobs) > 1 for knob in part.knobs]
    names = [knob for knob in shared if differs(loop, {**best.params, knob: defaults[knob]})]
    seeds = loop.accounts.budget.seeds("knobs", len(names), min(seeds, loop.study.confirmations))
    variants = {knob: replace(best, params={**best.params, knob: defaults[knob]}) for knob in names if seeds}
    effects = against_best(loop, "knobs", variants, seeds)
    return [
        loop.study.ledger.put(AblatedKnob(knob=knob, **vars(lost)), knob, extension=loop.study.extensions)
        for knob, lost in effects.items()
    ]
