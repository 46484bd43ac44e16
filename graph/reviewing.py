"""The panel and the area chair, and the experiments that a revision runs for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from nightlab.agents.actions.registry import actions, possible
from nightlab.agents.offline.chairing import averaged
from nightlab.agents.team import (
    Answer,
    AreaChair,
    Comparison,
    Idea,
    MetaReview,
    Request,
    Review,
    Reviewer,
    StudySubmission,
    Submission,
)
from nightlab.graph import drafting, gate, publishing
from nightlab.graph.experiment import the_idea
from nightlab.graph.lab import Lab
from nightlab.papers.audit import deviations, provenance
from nightlab.papers.audit.finding import Finding
from nightlab.papers.figures.images import images
from nightlab.papers.manuscript.manuscript import Manuscript

GATE = (provenance.KIND, *deviations.KINDS)


def submission(lab: Lab, idea: str = "", number: int | None = None) -> StudySubmission:
    """A round's paper as the panel sees it; by default the version that is published.

    idea: its key; empty for the study's own.
    """
    number = publishing.best_round(lab) if number is None else number
    collected, analysis = drafting.evidence(lab, number)
    draft = drafting.manuscript(lab, number)
    return StudySubmission(
        manuscript=draft,
        facts=collected.facts,
        evidence=collected,
        analysis=analysis,
        idea=the_idea(lab, idea or next(iter(lab.study.ledger.all(Idea)), "")),
        references=drafting.references(lab),
        findings=drafting.findings(lab, number),
        pages=drafting.compiled(drafting.folder(lab, number)).pages,
        stage=f"round {number}",
        pictures=partial(pictures, draft, drafting.folder(lab, number)),
        gate=gate.standing(collected, drafting.references(lab), draft),
    )


def pictures(draft: Manuscript, place: Path) -> tuple[bytes, ...]:
    """The figures of a version as images."""
    return images((place / f.file, 0) for f in draft.figures)


def panel(lab: Lab, idea: str, number: int) -> MetaReview:
    """Every reviewer's form and the area chair's summary, in the ledger and in reviews/round-N.json."""
    seen = submission(lab, idea, number)
    reviews = [
        lab.once(Review, f"{number}.{r.name}", lambda r=r: r.review(seen))  # type: ignore[misc]
        for r in lab.team.reviewers
    ]
    earlier = [m for m in drafting.metas(lab) if m.round >= lab.study.first_round and m.round != number]
    meta = lab.once(MetaReview, str(number), lambda: _weighed(lab, seen, reviews, number, earlier))
    restore(lab)
    return meta


def _weighed(
    lab: Lab, seen: StudySubmission, reviews: Sequence[Review], number: int, earlier: Sequence[MetaReview]
) -> MetaReview:
    """The chair's word on a round: the decision, whether this version is better, and what becomes of each request."""
    weighed = chaired(lab.team.chair, seen, reviews, number)
    best = max((m for m in earlier if m.kept), key=lambda m: m.round, default=None)
    compared = _compared(lab, seen, best, number) if best else ()
    kept = best is None or better(weighed, best, compared, seen.findings)
    told = "" if best is None else " The panel finds this version better than the one before it."
    if not kept:
        told = " The panel does not find this version better, so the one before it stays."
    asked = _asked(reviews, earlier)
    return weighed.model_copy(
        update={
            "kept": kept,
            "compared": compared,
            "summary": f"{weighed.summary}{told}",
            "requests": tuple(asked),
            "answers": answered(lab, seen, asked),
        }
    )


def better(new: MetaReview, old: MetaReview, compared: Sequence[Comparison], findings: Sequence[Finding]) -> bool:
    """Whether a version is better than the one before: by the mean overall score, then by the audit's errors, and not
    worse where both were read side by side; where the scores are the same, that decides. The gate must hold."""
    scores, before = (new.overall, -new.errors), (old.overall, -old.errors)
    votes = sum(c.votes for c in compared)
    holds = not any(f.kind in GATE for f in findings)
    return holds and (votes >= 0 if scores > before else votes > 0 if scores == before else False)


def _compared(lab: Lab, seen: StudySubmission, best: MetaReview, number: int) -> tuple[Comparison, ...]:
    """What each reviewer prefers of the best version before and this one, blind and in both orders."""
    older, newer = (_blind(s, number) for s in (submission(lab, seen.idea.key, best.round), seen))
    names = {"first": ("older", "newer"), "second": ("newer", "older"), "neither": ("neither", "neither")}

    def compare(r: Reviewer) -> Comparison:
        one, other = names[r.prefer(older, newer)][0], names[r.prefer(newer, older)][1]
        return Comparison.model_validate({"reviewer": r.name, "older_first": one, "newer_first": other})

    return tuple(
        lab.once(Comparison, f"{number}.{r.name}", lambda r=r: compare(r))  # type: ignore[misc]
        for r in lab.team.reviewers
    )


def _blind(s: StudySubmission, number: int) -> StudySubmission:
    """A version without what tells that there was another one: the response to the reviewers."""
    assert s.manuscript is not None
    appendix = tuple(part for part in s.manuscript.appendix if part.key != publishing.REPLIES)
    bare = replace(s.manuscript, appendix=appendix)
    return replace(s, manuscript=bare, gate=lambda _: (), stage=f"round {number} compared")


def chaired(chair: AreaChair, seen: Submission, reviews: Sequence[Review], number: int) -> MetaReview:
    """The reviews weighed: the mean scores are code's, and what they reject the chair does not accept."""
    errors = sum(f.severity == "error" for f in seen.findings)
    mean = averaged(reviews, number, errors=errors)
    weighed = chair.weigh(seen, reviews, mean)
    if mean.decision == "reject" or errors:
        weighed = weighed.model_copy(update={"decision": "reject"})
    return weighed


def _asked(reviews: Sequence[Review], earlier: Sequence[MetaReview]) -> dict[Request, tuple[str, ...]]:
    """What is asked for that was not asked before, each once, and by whom."""
    done = {(r.kind, r.action) for m in earlier for r in m.requests}
    found: dict[tuple[str, str], tuple[Request, list[str]]] = {}
    for review in reviews:
        for request in review.requests:
            if (request.kind, request.action) not in done:
                found.setdefault((request.kind, request.action), (request, []))[1].append(review.reviewer)
    return {request: tuple(by) for request, by in found.values()}


def answered(lab: Lab, seen: StudySubmission, asked: dict[Request, tuple[str, ...]]) -> tuple[Answer, ...]:
    """What becomes of each request: an experiment of the registry within the time that is kept for revisions, a change
    of the text, or a refusal with its reason."""
    open_, known, answers = possible(seen.evidence, seen.manuscript), actions(), list[Answer]()
    budget = lab.accounts.budget
    number, first, rounds = int(seen.stage.split()[-1]), lab.study.first_round, lab.study.settings.rounds
    left = min(budget.revision_s, budget.left_s - budget.paper_s) if number - first < rounds else float("inf")
    for request, by in asked.items():
        action, reason = known.get(request.action), ""
        if request.kind == "text":
            if action is None and "writer" not in lab.team.roles:
                reason = (
                    "the text follows from the evidence by rules, and no writer takes part who could word it otherwise"
                )
        elif request.action not in open_ or action is None:
            reason = "the study has it already, or cannot have it"
        else:
            cost = action.cost(seen.evidence.template) * budget.run_s
            if cost > left:
                reason = "it would take more time than is kept for revisions"
            else:
                left -= cost
        kind = "decline" if reason else "text" if request.kind == "text" else "experiment"
        answers.append(Answer(request=request, kind=kind, asked_by=by, reason=reason))  # type: ignore[arg-type]
    return tuple(answers)


def restore(lab: Lab) -> None:
    """Write the reviews of every round, out of the ledger, where their file is not there."""
    place = lab.study.folder / "reviews"
    for meta in drafting.metas(lab):
        if not (file := place / f"round-{meta.round}.json").is_file():
            place.mkdir(exist_ok=True)
            file.write_text(text(lab, meta), encoding="utf-8")


def text(lab: Lab, meta: MetaReview) -> str:
    """The file of a round: the area chair's summary with the reviewers' forms."""
    forms = lab.study.ledger.all(Review)
    reviews = [form.model_dump(mode="json") for key, form in forms.items() if key.startswith(f"{meta.round}.")]
    return json.dumps({**meta.model_dump(mode="json"), "reviews": reviews}, indent=1, ensure_ascii=False)


def gather(lab: Lab, requests: Sequence[Request]) -> list[str]:
    """Run the experiments that were asked for; what was run."""
    known = actions()
    wanted = (known[r.action] for r in requests if r.kind == "evidence" and r.action in known)
    return [action.run(lab.loop) for action in wanted if action.run]


def asked(lab: Lab, number: int) -> tuple[Request, ...]:
    """What a revision of a round has to do."""
    meta = lab.needed(MetaReview, str(number))
    return tuple(a.request for a in meta.answers if a.kind != "decline")
