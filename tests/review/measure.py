"""What audit and panel make of clean papers, and of the same with damage."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from nightlab.agents.offline.reviewing import offline_panel
from nightlab.agents.team import StudySubmission
from nightlab.papers.audit import deviations
from nightlab.papers.audit.audit import audit, names_of
from nightlab.papers.audit.finding import Finding
from nightlab.papers.manuscript.manuscript import Manuscript
from tests.review.damage import DAMAGES, Damage
from tests.review.fresh import FRESH


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A paper as audit and panel have it: findings, and the mean overall score."""

    findings: tuple[Finding, ...]
    overall: float

    @property
    def kinds(self) -> set[str]:
        return {f.kind for f in self.findings}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """One kind of damage to one paper. named: by audit and panel with the evidence at hand; alone: by its text and its
    numbers alone, without what code would write of them. fresh: of a kind that the checks were not made for."""

    damage: str
    paper: str
    fresh: bool
    named: bool
    alone: bool
    fell: bool
    rejected: bool
    found: tuple[str, ...]


def seen(s: StudySubmission, folder: Path, manuscript: Manuscript | None = None) -> Seen:
    """folder: of the paper, with its figures. manuscript: another one in its place."""
    m = manuscript or s.manuscript
    assert m is not None
    measured = s.evidence.measured("baseline", "dev")
    found_ = audit(m, s.facts, s.references, folder, names=names_of(s.evidence.template, measured))
    shown = dataclasses.replace(s, manuscript=m, findings=tuple(found_))
    forms = [reviewer.review(shown) for reviewer in offline_panel()]
    return Seen(findings=shown.found, overall=fmean(r.overall for r in forms))


def damaged(
    papers: dict[str, tuple[StudySubmission, Path]], damages: Sequence[Damage] = (*DAMAGES, *FRESH)
) -> Iterator[Outcome]:
    """Each damage to each paper that has a place for it."""
    for kind, (submission, folder) in papers.items():
        clean = seen(submission, folder)
        for damage in damages:
            assert submission.manuscript is not None
            harmed = damage.make(submission.manuscript)
            if harmed == submission.manuscript:
                continue
            after = seen(submission, folder, harmed)
            bare = seen(dataclasses.replace(submission, gate=None), folder, harmed)
            new, alone = ([f.kind for f in one.findings if f not in clean.findings] for one in (after, bare))
            yield Outcome(
                damage=damage.name,
                paper=kind,
                fresh=damage in FRESH,
                named=any(k in (*damage.named, *deviations.KINDS) for k in new),
                alone=any(k in damage.named for k in alone),
                fell=after.overall < clean.overall,
                rejected=after.overall < 6,
                found=tuple(dict.fromkeys(new)),
            )
