"""Documents of the baselines with as many runs as the search."""

from __future__ import annotations

from dataclasses import dataclass

from nightlab.experiments.ledger.kinds import document
from nightlab.experiments.records import Effect, Params, Split


@document("rival proposal")
@dataclass(frozen=True, kw_only=True)
class RivalProposal:
    """An assignment that a baseline's search tries, by the baseline's name and a number that counts from 1."""

    params: Params


@document("rival")
@dataclass(frozen=True, kw_only=True)
class Rival:
    """What a baseline at equal budget came to. number: its chosen proposal, 0 for the template's defaults or where it
    did not search; proposed: how many there were."""

    name: str
    params: Params
    number: int = 0
    proposed: int = 0


@document("rivals")
@dataclass(frozen=True, kw_only=True)
class RivalPlan:
    """Which baselines meet the best after the confirmation and how, fixed before that opens the holdout. pairs: of
    runs, with each; level: of the tests together."""

    rivals: tuple[str, ...]
    split: Split
    pairs: int
    level: float
    test: str


@document("rival effect")
@dataclass(frozen=True, kw_only=True)
class RivalEffect(Effect):
    """How much better the best is than a baseline at equal budget. p_holm: corrected for the number of these."""

    rival: Rival
    p_holm: float
