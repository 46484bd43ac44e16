"""Replication: the claim's best and baseline once more on further fresh seeds or draws, by the claim's own test.

It is asked for after the claim was tested, so that it cannot take its place: it is written down before its runs, and
told beside the claim.
"""

from __future__ import annotations

from nightlab.experiments.claim.sides import from_draw, side_by_side
from nightlab.experiments.claim.statistics.pairing import Rule, effect, searched
from nightlab.experiments.ledger.documents.claim import Claim, Replication, ReplicationPlan
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.run_accounts import Job
from nightlab.experiments.records import BASELINE

PHASE = "replication"


def replicate(loop: Loop) -> Replication | None:
    """Run as many further pairs as the confirmation had; None where there is no tested claim, or no time for two."""
    study, claim = loop.study, loop.study.claim
    if claim is None or not claim.tested:
        return None
    key = study.name_now(PHASE)
    pairs = loop.accounts.budget.seeds(PHASE, 2, study.confirmations)
    if pairs < 2:
        return None
    plan = study.ledger.put(ReplicationPlan(split=claim.split, pairs=pairs, level=claim.level), key)
    runs = loop.accounts.all(_jobs(loop, claim, plan))
    before, rule = searched(study.ledger), Rule.of(claim)
    found = effect(study.template, runs, "baseline", "best", plan.split, rule, before=before, items=study.items)
    return study.ledger.put(Replication(**vars(found), split=plan.split), key) if found else None


def _jobs(loop: Loop, claim: Claim, plan: ReplicationPlan) -> list[Job]:
    sides = [("baseline", loop.entries[BASELINE].trial.change), ("best", loop.entries[claim.best].trial.change)]
    of_pair = from_draw(2 * claim.draws or None)  # the confirmation may have had twice as many as were planned
    return side_by_side(loop.study.name_now(PHASE), sides, plan.split, range(plan.pairs), of_pair)
