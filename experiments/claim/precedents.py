"""The other studies of a template: of many, one claims by luck, so how many there were is told with a claim."""

from __future__ import annotations

from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from nightlab.experiments.claim.family import FAMILY_LEVEL
from nightlab.experiments.ledger.documents.claim import Claim, Precedents
from nightlab.experiments.ledger.documents.study import ForkOrigin, Origin, TreeHashes
from nightlab.experiments.ledger.ledger import Ledger, LedgerError
from nightlab.experiments.ledger.storage import holding, opened
from nightlab.experiments.study.study import Study


@dataclass(frozen=True, kw_only=True)
class _Root:
    """The study that a family of forks began with: its name, and the place and hash of its template."""

    name: str
    template: str | None
    whole: str | None

    def same(self, other: _Root) -> bool:
        """Whether both are of one template, or one study."""
        pairs = ((self.name, other.name), (self.template, other.template), (self.whole, other.whole))
        return any(first is not None and first == second for first, second in pairs)


def recorded(study: Study, recording: Path | None = None) -> Precedents:
    """The studies of the same template that stood beside this one before its search; written down once.

    recording: of a replay the study that it repeats, whose count it takes.
    """
    if known := study.ledger.get(Precedents):
        return known
    if recording:
        with opened(recording, read_only=True) as its:
            return study.ledger.put(its.get(Precedents) or Precedents())
    mine = _root(study.folder, study.ledger)
    others, claimed, families = 0, 0, {mine.name}
    for folder in sorted(study.folder.parent.iterdir()):
        kept_by = holding(folder) if folder.is_dir() and folder.resolve() != study.folder.resolve() else None
        with suppress(LedgerError):
            if kept_by is None:
                continue
            with closing(kept_by.open(folder, read_only=True)) as ledger:
                if (root := _root(folder, ledger)).same(mine):
                    others += 1
                    claimed += _claimed(ledger)
                    families.add(root.name)
    return study.ledger.put(Precedents(others=others, claimed=claimed, families=len(families)))


def _root(folder: Path, ledger: Ledger) -> _Root:
    if fork := ledger.get(ForkOrigin):
        parent = folder.parent / fork.study
        with suppress(LedgerError):
            if kept_by := holding(parent):
                with closing(kept_by.open(parent, read_only=True)) as its:
                    return _root(parent, its)
        return _Root(name=fork.study, template=None, whole=None)
    origin, hashes = ledger.get(Origin), ledger.get(TreeHashes)
    return _Root(
        name=folder.name,
        template=origin.template if origin else None,
        whole=hashes.of.get("template") if hashes else None,
    )


def chance(found: Precedents) -> float:
    """That at least one of so many studies claims by luck, where there is nothing to find: a fork is of the family of
    the study that it comes from, and each family spends FAMILY_LEVEL at most."""
    return 1 - (1 - FAMILY_LEVEL) ** found.families


def _claimed(ledger: Ledger) -> bool:
    """Whether any claim of a study was one of an improvement."""
    return any(claim.significant for claim in ledger.all(Claim).values())
