"""The panel and the area chair, and the experiments that a revision runs for them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from statistics import fmean

from nightlab.agents.actions import actions
from nightlab.agents.team import MetaReview, Request, Review, StudySubmission, decided
from nightlab.experiments.numbers import plural
from nightlab.graph import drafting
from nightlab.graph.experiment import the_idea
from nightlab.graph.lab import Lab

SCORES = (
    "originality",
    "quality",
    "clarity",
    "significance",
    "soundness",
    "presentation",
    "contribution",
    "overall",
    "confidence",
)


def panel(lab: Lab, idea: str, number: int) -> MetaReview:
    """Every reviewer's form and the area chair's summary, in the ledger and in reviews/round-N.json."""
    collected, analysis = drafting.evidence(lab, number)
    submission = StudySubmission(
        manuscript=drafting.manuscript(lab, number),
        evidence=collected,
        analysis=analysis,
        idea=the_idea(lab, idea),
        references=drafting.references(lab),
        findings=drafting.findings(lab, number),
        pages=drafting.compiled(drafting.folder(lab, number)).pages,
        stage=f"round {number}",
    )
    reviews = [
        lab.once(Review, f"{number}.{r.name}", lambda r=r: r.review(submission))  # type: ignore[misc]
        for r in lab.team.reviewers
    ]
    earlier = [m for m in drafting.metas(lab) if m.round >= lab.study.first_round]
    meta = lab.once(MetaReview, str(number), lambda: chair(reviews, number, earlier))
    restore(lab)
    return meta


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


def chair(reviews: list[Review], number: int, before: list[MetaReview]) -> MetaReview:
    """Means of the scores, decision by the mean overall score, and the union of what is asked for."""
    scores = {name: round(fmean(getattr(r, name) for r in reviews), 2) for name in SCORES}
    overall = scores["overall"]
    best = max((m.overall for m in before if m.kept), default=0.0)
    asked: dict[tuple[str, str], Request] = {}
    done = {(r.kind, r.action) for m in before for r in m.requests}
    for request in (r for review in reviews for r in review.requests):
        if (request.kind, request.action) not in done:
            asked.setdefault((request.kind, request.action), request)
    decision = decided(overall)
    kept = not before or overall > best
    summary = (
        f"{plural(len(reviews), 'review')}, overall {overall:g} on average: {decision}."
        f" {'This version is the best so far.' if kept else 'The version before it was at least as good and stays.'}"
    )
    return MetaReview(
        round=number,
        overall=overall,
        scores=scores,
        decision=decision,
        summary=summary,
        requests=tuple(asked.values()),
        kept=kept,
    )


def gather(lab: Lab, requests: Sequence[Request]) -> list[str]:
    """Run the experiments that were asked for; what was run."""
    known = actions()
    wanted = (known[r.action] for r in requests if r.kind == "evidence" and r.action in known)
    return [action.run(lab.loop) for action in wanted if action.run]
