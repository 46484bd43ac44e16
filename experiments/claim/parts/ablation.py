"""Ablation: each component is taken out of the best in turn, to test what it contributes."""

from __future__ import annotations

from collections.abc import Iterable

from nightlab.experiments.claim.parts.ablation_parts import parts_of_best, taken_out
from nightlab.experiments.claim.parts.variants import against_best
from nightlab.experiments.claim.selection import chosen
from nightlab.experiments.claim.statistics.inference import exact, holm
from nightlab.experiments.claim.statistics.pairing import LEVEL, Rule
from nightlab.experiments.ledger.documents.claim import AblatedPart
from nightlab.experiments.loop.loop import Loop

ABLATION_SEEDS = 8


def undecided(rows: Iterable[AblatedPart]) -> list[AblatedPart]:
    """The parts that are told neither to help nor to harm."""
    return [row for row in rows if not row.significant and row.high >= 0 and not exact(row)]


def ablate(loop: Loop, seeds: int = ABLATION_SEEDS) -> list[AblatedPart]:
    """Take each component out of the best and test what is lost, Holm-corrected; on dev, paired with the best."""
    best, parts = loop.entries[chosen(loop)].trial.change, parts_of_best(loop)
    asked = min(seeds, loop.study.confirmations)
    n = loop.accounts.budget.seeds(f"ablation with {asked} seeds", len(parts), asked)
    variants = {c.key: taken_out(c, best, loop.template.defaults) for c in parts if n}
    effects = against_best(loop, "ablate", variants, n)
    parts = [c for c in parts if c.key in effects]
    corrected = holm([effects[c.key].p_value for c in parts], Rule.of(loop.study.claim).looks)
    rows = []
    for part, p in zip(parts, corrected, strict=True):
        lost = effects[part.key]
        # The variant is the "baseline" of the comparison: a positive effect is what the component contributes.
        found = AblatedPart(**vars(part), **{**vars(lost), "significant": p < LEVEL}, p_holm=p)
        rows.append(loop.study.ledger.put(found, f"{part.key}/{n}", extension=loop.study.extensions))
    return rows
