"""Variants of the best, run beside it: what ablation and sensitivity have in common."""

from __future__ import annotations

from collections.abc import Mapping

from nightlab.experiments.claim.statistics.pairing import Rule, effect, searched
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.run_accounts import Job
from nightlab.experiments.records import Change, Draw, Effect


def against_best(loop: Loop, phase: str, variants: Mapping[str, Change], seeds: int) -> dict[str, Effect]:
    """Effect of the best over each of its variants, on the confirmation's seeds."""
    claim = loop.study.claim
    jobs = [
        Job(
            phase=loop.study.name_now(phase),
            subject=key,
            replicate=i,
            change=change,
            seeds=loop.study.name_now("confirm"),
            draw=Draw(number=i) if claim and claim.draws else None,
        )
        for i in range(seeds)
        for key, change in variants.items()
    ]
    runs = loop.accounts.all(jobs)
    reference = [r for r in loop.study.ledger.runs(loop.study.name_now("confirm")) if r.subject in ("best", "baseline")]
    name = "best" if any(r.subject == "best" for r in reference) else "baseline"
    before, effects = searched(loop.study.ledger), {}
    rule = Rule.of(claim).of_parts
    for key in variants:
        if lost := effect(loop.template, [*runs, *reference], key, name, "dev", rule, before=before):
            effects[key] = lost  # a variant that does not run at all has none that could be measured
    return effects
