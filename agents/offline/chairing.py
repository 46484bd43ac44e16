"""The area chair without a language model: what the reviewers agree and disagree on, and a decision by fixed rules."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from nightlab.agents.team import ACCEPT, SCORES, Decision, MetaReview, Review, Submission, decided
from nightlab.agents.telling.words import listed
from nightlab.experiments.numbers import plural

APART = 2  # points between two reviewers from which they disagree
FATAL = 2  # overall score of any reviewer at which the chair rejects, whatever the mean is
WEIGHED = {"soundness": 4, "presentation": 4, "contribution": 4, "overall": 10}


class OfflineChair:
    """Rejects by the threshold, and besides where the audit finds an error or a reviewer finds a fatal fault."""

    def weigh(
        self,
        submission: Submission,  # noqa: ARG002
        reviews: Sequence[Review],
        mean: MetaReview,
    ) -> MetaReview:
        agreement, disagreement = compared(reviews)
        against = [f"the audit finds {plural(mean.errors, 'error')}"] if mean.errors else []
        against += [f"the reviewer on {r.reviewer} finds it unfit" for r in reviews if r.overall <= FATAL]
        decision: Decision = "reject" if against else mean.decision
        said = (
            f"{plural(len(reviews), 'review')}, overall {mean.overall:g} on average, {ACCEPT} accepts: {decision}"
            f"{f', since {listed(against)}' if against else ''}."
        )
        told = {"agreement": agreement, "disagreement": disagreement}
        return mean.model_copy(update={"decision": decision, "summary": said, **told})


def averaged(reviews: Sequence[Review], number: int, *, errors: int = 0) -> MetaReview:
    """A round by its mean scores alone. errors: of the audit."""
    scores = {name: round(fmean(getattr(r, name) for r in reviews), 2) for name in SCORES}
    overall = [r.overall for r in reviews]
    decision = decided(scores["overall"])
    return MetaReview(
        round=number,
        overall=scores["overall"],
        scores=scores,
        decision=decision,
        by_threshold=decision,
        spread=max(overall) - min(overall),
        summary="",
        requests=(),
        kept=False,
        errors=errors,
    )


def compared(reviews: Sequence[Review]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What the reviewers agree on, and what they disagree on, each a sentence."""
    agreed, apart = list[str](), list[str]()
    decisions = {r.decision for r in reviews}
    if len(decisions) == 1:
        agreed.append(f"All reviewers would {decisions.pop()} the paper.")
    else:
        sides = {d: [r.reviewer for r in reviews if r.decision == d] for d in sorted(decisions)}
        apart.append(f"{'; '.join(f'{listed(names)} would {d}' for d, names in sides.items())}.".capitalize())
    for name, high in WEIGHED.items():
        values = {r.reviewer: getattr(r, name) for r in reviews}
        low, top = min(values.values()), max(values.values())
        if top - low >= APART:
            told = ", ".join(f"{who} {value}" for who, value in values.items())
            apart.append(f"On {name} they differ: {told} of {high}.")
        elif low == top:
            agreed.append(f"They give the same for {name}: {top} of {high}.")
    common = {q for r in reviews for q in r.questions if sum(q in other.questions for other in reviews) > 1}
    agreed += [f"Several ask: {q}" for q in sorted(common)]
    return tuple(agreed), tuple(apart)
