"""The other studies of a template: of many, one claims by luck, so how many there were is told with a claim."""

from __future__ import annotations

from contextlib import closing, suppress

from nightlab.experiments.claim.family import FAMILY_LEVEL
from nightlab.experiments.ledger.documents import Claim, ForkOrigin, Origin, Precedents, TreeHashes
from nightlab.experiments.ledger.ledger import Ledger, LedgerError
from nightlab.experiments.ledger.storage import holding
from nightlab.experiments.study.study import Study


def recorded(study: Study) -> Precedents:
    """The studies of the same template that stood beside this one before its search; written down once."""
    if known := study.ledger.get(Precedents):
        return known
    others, claimed, families = 0, 0, 1
    for folder in sorted(study.folder.parent.iterdir()):
        kept_by = holding(folder) if folder.is_dir() and folder.resolve() != study.folder.resolve() else None
        with suppress(LedgerError):
            if kept_by is None:
                continue
            with closing(kept_by.open(folder, read_only=True)) as ledger:
                if _same(ledger, study.ledger):
                    others += 1
                    claimed += _claimed(ledger)
                    families += ledger.get(ForkOrigin) is None
    return study.ledger.put(Precedents(others=others, claimed=claimed, families=families))


def chance(found: Precedents) -> float:
    """That at least one of so many studies claims by luck, where there is nothing to find: a fork is of the family of
    the study that it comes from, and each family spends FAMILY_LEVEL at most."""
    return 1 - (1 - FAMILY_LEVEL) ** found.families


def _same(one: Ledger, other: Ledger) -> bool:
    """Whether two studies are of one template: by its path, or by what it holds."""
    begun, held = ([ledger.get(kind) for ledger in (one, other)] for kind in (Origin, TreeHashes))
    places = [origin.template if isinstance(origin, Origin) else None for origin in begun]
    whole = [found.of.get("template") if isinstance(found, TreeHashes) else None for found in held]
    return any(first is not None and first == second for first, second in (places, whole))


def _claimed(ledger: Ledger) -> bool:
    """Whether any claim of a study was one of an improvement."""
    return any(claim.significant for claim in ledger.all(Claim).values())
