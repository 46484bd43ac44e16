"""The family of a study's claims: its extensions and its forks share one level.

Each claim spends half of what the study has left, and each fork takes half of it along: so whatever is extended and
forked, the chance that pure noise leads to any claim at all stays below FAMILY_LEVEL (spending of alpha by a sequence
that sums to it: Dmitrienko, Tamhane and Bretz, Multiple Testing Problems in Pharmaceutical Statistics, 2009, chapter 5;
Foster and Stine, Journal of the Royal Statistical Society B 70, 2008).
"""

from __future__ import annotations

from contextlib import suppress

from nightlab.experiments.ledger.documents import Forked, Preregistration
from nightlab.experiments.ledger.ledger import LedgerError
from nightlab.experiments.ledger.storage import opened
from nightlab.experiments.study.study import Study

FAMILY_LEVEL = 0.05


def level(study: Study) -> float:
    """The level of the study's present claim."""
    claims = study.ledger.all(Preregistration).keys() - {study.name_now("claim")}
    return _halved(study, len(claims))


def take(parent: Study) -> float:
    """What a fork takes along of its parent's level; written down, so that the parent has as much less.

    A parent whose ledger cannot be written to keeps what it had.
    """
    left = _halved(parent, len(parent.ledger.all(Preregistration)))
    with suppress(LedgerError), opened(parent.folder) as ledger:
        ledger.put(Forked(level=left), str(len(ledger.all(Forked)) + 1))
    return left


def _halved(study: Study, claims: int) -> float:
    share = FAMILY_LEVEL if study.origin is None or study.origin.share is None else study.origin.share
    return float(share / 2 ** (1 + claims + len(study.ledger.all(Forked))))
