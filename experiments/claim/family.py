"""The family of a study's claims: its extensions and its forks share one level.

Each claim spends half of what the study has left, and each fork takes half of it along: so whatever is extended and
forked, the chance that pure noise leads to any claim at all stays below FAMILY_LEVEL (spending of alpha by a sequence
that sums to it: Dmitrienko, Tamhane and Bretz, Multiple Testing Problems in Pharmaceutical Statistics, 2009, chapter 5;
Foster and Stine, Journal of the Royal Statistical Society B 70, 2008).
"""

from __future__ import annotations

import os
import secrets

from nightlab.experiments.claim.statistics.inference import COVERAGE
from nightlab.experiments.ledger.documents.claim import Preregistration
from nightlab.experiments.ledger.documents.study import Forked
from nightlab.experiments.ledger.storage import opened
from nightlab.experiments.study.study import Study

FAMILY_LEVEL = 0.05
FIRST_LEVEL = FAMILY_LEVEL / 2  # of a study's first claim


def level(study: Study) -> float:
    """The level of the study's present claim."""
    claims = study.ledger.all(Preregistration).keys() - {study.name_now("claim")}
    return _halved(study, len(claims) + len(study.ledger.all(Forked)))


def coverage(level: float) -> float:
    """That of the interval of a claim at this level: of what is claimed the interval excludes zero, and what is not
    excludes nothing that the test does not. At the first level it is the usual one.

    A study stops at its first claim, which noise leads to by an interval that misses: with intervals as wide as the
    spending of the level, the misses over all of a study's claims stay within what its family may spend.
    """
    return max(COVERAGE, 1 - 2 * level)


def take(parent: Study, *, for_good: bool = True) -> tuple[float, bool]:
    """What a fork takes along of its parent's level, and whether that is written down, so that the parent has as much
    less.

    It is not where the parent's folder is read-only, nor for a fork that is only estimated and not `for_good`. Raises
    LedgerError where it cannot be for another reason, as a full disk: each further fork would take the same again.
    """
    claims, fork = len(parent.ledger.all(Preregistration)), secrets.token_hex(8)
    if not (for_good and os.access(parent.folder, os.W_OK)):
        return _halved(parent, claims + len(parent.ledger.all(Forked))), False
    with opened(parent.folder) as ledger:
        while True:
            number = len(ledger.all(Forked)) + 1
            share = Forked(level=_halved(parent, claims + number - 1), fork=fork)
            if ledger.put(share, str(number)) == share:  # otherwise that of a fork that came first
                return share.level, True


def _halved(study: Study, times: int) -> float:
    """What is left of the study's level once it was halved so many times, and once for this claim or fork."""
    share = FAMILY_LEVEL if study.origin is None or study.origin.share is None else study.origin.share
    return float(share / 2 ** (1 + times))
