"""The best version of a paper in its place, with what became of all that the reviewers asked for."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from nightlab.agents.offline.wording import HEADINGS
from nightlab.agents.offline.writing import OfflineWriter, text
from nightlab.agents.team import Answer, Idea, MetaReview
from nightlab.agents.telling import disclosure
from nightlab.experiments.ledger.chain import Link
from nightlab.graph import drafting, gate
from nightlab.graph.lab import Lab
from nightlab.papers.audit.provenance import stood_in
from nightlab.papers.facts.evidence import TeamCounts
from nightlab.papers.latex import latex
from nightlab.papers.latex.seal import Published, hashes, sums
from nightlab.papers.manuscript.manuscript import Manuscript, Section

REPLIES = "replies"
REJECTED = "The panel that reviewed this version did not accept it; its reviews are in the study's folder."


def published(lab: Lab) -> bool:
    """Whether paper/ has the best version, with its PDF."""
    best, paper = best_round(lab), lab.study.paper
    names = (path.relative_to(drafting.folder(lab, best)) for path in drafting.folder(lab, best).rglob("*"))
    return (
        drafting.whole(paper, drafting.manuscript(lab, best))
        and bool(drafting.compiled(paper).pdf)
        and all((paper / n).exists() for n in names)
    )


def best_round(lab: Lab) -> int:
    """The round whose version is published."""
    return max((m.round for m in drafting.metas(lab) if m.kept), default=0)


def publish(lab: Lab) -> dict[str, Any]:
    """Copy the best version into paper/ and set it once more: page one names the ledger's link as of its reviews."""
    best = best_round(lab)
    place = drafting.folder(lab, best)
    if drafting.compiled(place).pdf is None:
        drafting.note_compiled(place, latex.compile(place, latex.find_engine()))
    for item in sorted(place.iterdir()):
        target = lab.study.paper / item.name
        if item.is_dir():
            shutil.copytree(item, target, dirs_exist_ok=True)
        else:
            shutil.copyfile(item, target)
    if lab.team.roles:
        _disclose(lab, best, _blocked(lab, best))
    drafting.typeset(lab, published_version(lab), lab.study.paper)
    files = {name: hash for name, hash in hashes(lab.study.paper).items() if not name.endswith(".log")}
    lab.study.ledger.put(Published(of=files), hashlib.sha256(sums(files)).hexdigest())
    return {"round": best}


def _blocked(lab: Lab, best: int) -> list[str]:
    """Where the document that is to be published has an error of the audit, or says what no gate lets through."""
    collected, _ = drafting.evidence(lab, best)
    counts, sources = _counted(lab, best), drafting.references(lab)
    facts = {**collected.facts, **disclosure.facts(replace(collected, team=counts))}
    draft = drafting.manuscript(lab, best)
    whole, own = (_whole(lab, each, counts, best) for each in (draft, _own(lab, best, draft.reader)))
    let = replace(own, reader=draft.reader)
    held, names = gate.standing(collected, sources, let, whole=False), drafting.names(lab, collected)
    found = gate.examined(whole, facts, sources, lab.study.paper, held, names=names)
    return stood_in([f for f in found if f.severity == "error"], own)


def _own(lab: Lab, best: int, reader: str) -> Manuscript:
    """The offline text of a round. reader: the model whose readings it makes room for; empty for none."""
    brief = drafting.brief_for(lab, _idea(lab), best, mend=_mended(lab, best))
    return OfflineWriter().write(replace(brief, model=reader))


def _counted(lab: Lab, best: int) -> TeamCounts:
    """What the models did in the whole study, its reviews too."""
    return disclosure.counted(lab.study.ledger, lab.team, drafting.stage_of(best, mended=_mended(lab, best)))


def _disclose(lab: Lab, best: int, blocked: Sequence[str]) -> None:
    """Write it down; where the audit blocks places of the document, with them and the offline text, to be published."""
    key, counts = lab.study.name_now("published"), _counted(lab, best)
    if blocked:
        lab.study.ledger.put(_own(lab, best, ""), key)
    places = tuple(dict.fromkeys((*counts.stood_in, *blocked)))
    lab.study.ledger.put(replace(counts, stood_in=places), key)


def published_version(lab: Lab) -> drafting.Version:
    """The best version as it is published, out of the ledger: with what the models did in all, what became of every
    request, and, where the panel did not accept it, a word on that."""
    best, ledger, key = best_round(lab), lab.study.ledger, lab.study.name_now("published")
    collected, _ = drafting.evidence(lab, best)
    draft = ledger.get(Manuscript, key) or drafting.manuscript(lab, best)
    facts, link = collected.facts, _reviewed(lab)
    if counts := ledger.get(TeamCounts, key):
        facts = {**facts, **disclosure.facts(replace(collected, team=counts))}
        link = ledger.linked(TeamCounts, key)
    return drafting.Version(_whole(lab, draft, counts, best), facts, link)


def _whole(lab: Lab, draft: Manuscript, counts: TeamCounts | None, best: int) -> Manuscript:
    """A draft as it is published."""
    told = disclosure.disclosed(draft, counts) if counts else draft
    return _judged(lab, _responding(lab, told, best), best)


def _reviewed(lab: Lab) -> Link | None:
    """The link of the area chair's last summary, which stands for all reviews as well."""
    return lab.study.ledger.linked(MetaReview, str(max(meta.round for meta in drafting.metas(lab))))


def _judged(lab: Lab, draft: Manuscript, best: int) -> Manuscript:
    """The draft with a word on its first page where the panel did not accept it; early reviews tell no threshold."""
    meta = lab.study.ledger.get(MetaReview, str(best))
    if meta is None or meta.by_threshold is None or meta.decision == "accept":
        return draft
    return replace(draft, authors_note=f"{draft.authors_note} {REJECTED}")


def _responding(lab: Lab, draft: Manuscript, best: int) -> Manuscript:
    """The draft with what became of all that was asked for, also after it was written."""
    seen = [m for m in drafting.metas(lab) if m.round >= lab.study.first_round]
    last = max((m.round for m in seen), default=best)
    accepted = any(m.round == best and m.decision == "accept" for m in seen)
    answers = [_closed(a, m.round, best, last, accepted) for m in seen for a in m.answers]
    if not answers or best < lab.study.first_round:
        return draft
    brief = replace(drafting.brief_for(lab, _idea(lab), best, mend=_mended(lab, best)), answers=answers)
    rest = tuple(s for s in draft.appendix if s.key != REPLIES)
    return replace(draft, appendix=(*rest, Section(REPLIES, HEADINGS[REPLIES], text(REPLIES, brief))))


def _idea(lab: Lab) -> str:
    return next(iter(lab.study.ledger.all(Idea)), "")


def _mended(lab: Lab, best: int) -> bool:
    return lab.study.ledger.get(Manuscript, drafting.mended_key(best)) is not None


def _closed(answer: Answer, number: int, best: int, last: int, accepted: bool) -> Answer:
    """An answer of a round as it stands when the study ends."""
    if answer.kind == "decline" or number < best:
        return answer
    why = (
        "the panel did not find the revision that came of it better, and the attempt is on record in the study's folder"
        if number < last
        else "the panel accepted the paper as it is"
        if accepted
        else "no further round of revision was to come"
    )
    return answer.model_copy(update={"kind": "open", "reason": why})
