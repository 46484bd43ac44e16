"""What a claim holds for and why one is withheld, in a few fixed words."""

from __future__ import annotations

from nightlab.experiments.claim.statistics.inference import exact
from nightlab.experiments.ledger.documents.claim import Claim

MACHINE = "this machine and these inputs"
PROBLEM = "this problem"  # of what is exact: what was handed in, whatever the machine


def population(claim: Claim, *, timed: bool = False, problem: bool = False) -> str:
    """What a claim generalises over. timed: the metric is a time on this machine. problem: it is a result on a problem,
    which the judge computes exactly.

    Runs that are the same on every seed leave nothing to generalise over but items and draws.
    """
    if problem and exact(claim):
        return PROBLEM
    if timed or (exact(claim) and not claim.items and not claim.draws):
        return MACHINE
    if claim.items and claim.draws:
        return "seeds, data draws and items"
    return "seeds and items" if claim.items else "seeds and data draws" if claim.draws else "seeds"


def row(claim: Claim) -> str:
    """What each pair of the confirmation's runs is on."""
    return "fresh draw" if claim.draws else "fresh seed"


def withheld(claim: Claim) -> str:
    """Why there is no claim although the test finds an improvement, as a clause; empty where that is not so."""
    if claim.significant or not claim.tested or claim.p_value >= claim.level:
        return ""
    if not claim.withheld:
        return "it is no larger than the smallest effect worth keeping"
    if claim.withheld == "constraint":
        return f"the hard constraint on {' and on '.join(claim.broken)} is not seen to hold in fresh runs"
    return "runs of the best configuration failed or ended in a catastrophe more often than those of the baseline"
