"""The best version of a paper in its place, with what became of all that the reviewers asked for."""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace
from typing import Any

from nightlab.agents.offline.wording import HEADINGS
from nightlab.agents.offline.writing import text
from nightlab.agents.team import Answer, Idea, MetaReview
from nightlab.agents.telling import disclosure
from nightlab.experiments.ledger.chain import Link
from nightlab.graph import drafting
from nightlab.graph.lab import Lab
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
        _disclose(lab, best)
    drafting.typeset(lab, published_version(lab), lab.study.paper)
    files = {name: hash for name, hash in hashes(lab.study.paper).items() if not name.endswith(".log")}
    lab.study.ledger.put(Published(of=files), hashlib.sha256(sums(files)).hexdigest())
    return {"round": best}


def _disclose(lab: Lab, best: int) -> None:
    """Write down the counts of the whole study, its reviews too."""
    stage = drafting.stage_of(best, mended=lab.study.ledger.get(Manuscript, drafting.mended_key(best)) is not None)
    key = lab.study.name_now("published")
    lab.study.ledger.put(disclosure.counted(lab.study.ledger, lab.team, stage), key)


def published_version(lab: Lab) -> drafting.Version:
    """The best version as it is published, out of the ledger: with what the models did in all, what became of every
    request, and, where the panel did not accept it, a word on that."""
    best, ledger, key = best_round(lab), lab.study.ledger, lab.study.name_now("published")
    collected, _ = drafting.evidence(lab, best)
    draft, facts, link = drafting.manuscript(lab, best), collected.facts, _reviewed(lab)
    if counts := ledger.get(TeamCounts, key):
        facts = {**facts, **disclosure.facts(replace(collected, team=counts))}
        draft, link = disclosure.disclosed(draft, counts), ledger.linked(TeamCounts, key)
    return drafting.Version(_judged(lab, _responding(lab, draft, best), best), facts, link)


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
    answers = [_closed(a, m.round, best, last) for m in seen for a in m.answers]
    if not answers or best < lab.study.first_round:
        return draft
    mended = lab.study.ledger.get(Manuscript, drafting.mended_key(best)) is not None
    idea = next(iter(lab.study.ledger.all(Idea)), "")
    brief = replace(drafting.brief_for(lab, idea, best, mend=mended), answers=answers)
    rest = tuple(s for s in draft.appendix if s.key != REPLIES)
    return replace(draft, appendix=(*rest, Section(REPLIES, HEADINGS[REPLIES], text(REPLIES, brief))))


def _closed(answer: Answer, number: int, best: int, last: int) -> Answer:
    """An answer of a round as it stands when the study ends."""
    if answer.kind == "decline" or number < best:
        return answer
    why = (
        "the panel did not find the revision that came of it better, and the attempt is on record in the study's folder"
        if number < last
        else "no further round of revision was to come"
    )
    return answer.model_copy(update={"kind": "open", "reason": why})
