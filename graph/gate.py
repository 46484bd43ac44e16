"""What may stand in a paper: the gate over every sentence of a model."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from nightlab.agents.offline.writing import OfflineWriter
from nightlab.agents.team import Brief, Gate
from nightlab.agents.telling import disclosure
from nightlab.experiments.records import Fact
from nightlab.papers.audit.audit import MIN_PAGES, audit
from nightlab.papers.audit.deviations import deviations
from nightlab.papers.audit.finding import Finding
from nightlab.papers.audit.ground import of_study
from nightlab.papers.audit.provenance import stood_in, taken_over
from nightlab.papers.audit.reading import checks
from nightlab.papers.audit.reading.document import as_read
from nightlab.papers.facts.evidence import Evidence, TeamCounts
from nightlab.papers.frames.frames import sayings
from nightlab.papers.frames.record import record
from nightlab.papers.latex.engine import Compiled
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.manuscript import Manuscript
from nightlab.papers.manuscript.markup import literal

VIEWS = {"view": "discussion", "threats_seen": "limitations"}  # where the readings of an analyst's model stand


def gated(brief: Brief, draft: Manuscript, roles: Mapping[str, str]) -> tuple[Manuscript, list[str]]:
    """What the gate lets through of a draft, and where the offline text stands in. roles: the models of a team."""
    readers = _readers(roles)
    views = {where: brief.analysis.conclusions.get(key, "") for key, where in VIEWS.items()}
    if any(views.values()) and "analyst" in readers:
        sections = tuple(
            replace(s, body=f"{s.body}\n\n> {views[s.key]}") if views.get(s.key) else s for s in draft.sections
        )
        by = dict.fromkeys(filter(None, (draft.reader, readers["analyst"])))
        draft = replace(draft, sections=sections, reader=" or ".join(by))
    paper, found = ruled(brief, draft, roles)
    return paper, stood_in(found, paper)


def ruled(
    brief: Brief, draft: Manuscript, roles: Mapping[str, str], counts: TeamCounts | None = None
) -> tuple[Manuscript, list[Finding]]:
    """The paper that the gate makes of a draft, and what it refused. counts: what a finished paper discloses."""
    own = OfflineWriter().write(replace(brief, model=draft.reader))
    e, readers = brief.evidence, _readers(roles).values()
    leans = of_study(e, brief.references, own)
    shared = (f"{one} or {other}" for one, other in itertools.permutations(readers, 2))
    told = disclosure.disclosed(own, counts) if counts else own
    return taken_over(draft, told, leans, sayings(record(e)), {*readers, *shared})


def standing(e: Evidence, references: Sequence[Reference], own: Manuscript, *, whole: bool = True) -> Gate:
    """What is found in a text that shall be the paper of this evidence.

    own: the version that the gate let through; whole: with the readings of models, so that none may be added.
    """

    def found(draft: Manuscript) -> Sequence[Finding]:
        if draft == own:
            return ()
        gone = taken_over(draft, own, of_study(e, references, own), sayings(record(e)), {own.reader})[1]
        return [*dict.fromkeys((*gone, *deviations(draft, own), *_elsewhere(draft, own)))] if whole else gone

    return found


def _elsewhere(draft: Manuscript, own: Manuscript) -> Iterator[Finding]:
    """Parts between main text and appendix, and who reads: what a version's sentences do not show."""
    for one, other, where in ((draft.sections, own.appendix, "main text"), (draft.appendix, own.sections, "appendix")):
        for key in {part.key for part in one} & {part.key for part in other}:
            yield Finding("moved", f"section:{key}", f"it stands in the {where} now")
    if draft.reader != own.reader:
        yield Finding("altered", "reader", f"its readings are by {own.reader or 'nobody'!r}, not {draft.reader!r}")


def examined(
    draft: Manuscript,
    facts: Mapping[str, Fact],
    references: Sequence[Reference],
    folder: Path,
    held: Gate,
    *,
    names: Collection[str],
    compiled: Compiled | None = None,
    min_pages: int = MIN_PAGES,
) -> tuple[Finding, ...]:
    """All that is wrong with a paper of a study: by the mechanical audit, by reading it, and by the gate, each once.

    held: the gate of this paper. The others are as for the audit.
    """
    found = audit(draft, facts, references, folder, compiled, names=names, min_pages=min_pages)
    read = checks.findings(as_read(draft, facts, references), compared=True)
    return tuple(dict.fromkeys((*found, *read, *held(draft))))


def _readers(roles: Mapping[str, str]) -> dict[str, str]:
    """The models that may have readings in a paper, by role, as a paper names them."""
    return {role: literal(disclosure.shown(name)) for role, name in roles.items()}
