"""Reviewing without a language model: three reviewers who apply the published rubric to the document.

Each has a field of its own, whose points it tells one by one and whose side of the form it counts twice; what lies
outside it weighs and sums up in a sentence. What the audit and the reading find all of them see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nightlab.agents.actions.action import Judgement, Side
from nightlab.agents.actions.registry import actions
from nightlab.agents.offline.ideation import likeness
from nightlab.agents.offline.rubric import CLARITY, LITERATURE, METHODS, Criterion
from nightlab.agents.team import ACCEPT, Preference, Review, StudySubmission, Submission, decided
from nightlab.experiments.numbers import plural
from nightlab.papers.audit.finding import Finding
from nightlab.papers.audit.reading.document import Document

SIDES: tuple[Side, ...] = ("soundness", "presentation", "contribution")
START = 2.0  # of 4, of each side
LEAST_SOUND = 2.5  # soundness below which no paper is accepted
MOST_TOLD = 6  # findings
LITERARY = ("wrong-citation", "few-citations", "unknown-citation", "unverified-reference", "off-topic")
FORMAL = (
    "doubled", "unfinished", "thin-section", "order", "moved", "misplaced", "placeholder", "missing-section",
    "unplaced", "placed-twice", "unreferenced", "unknown-float", "unknown-reference", "exchanged-captions",
    "no-authors", "letters", "gibberish", "too-short", "thin-caption", "duplicate-key", "markup",
    "missing-file", "pixels", "no-pdf",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Field:
    """What a reviewer knows best. opening, of_finding, others: its own words, around what it has to say."""

    name: str
    side: Side
    criteria: Sequence[Criterion]
    opening: str
    of_finding: str
    others: str


FIELDS = (
    Field(
        name="methodology",
        side="soundness",
        criteria=METHODS,
        opening="I read this paper for its method and its statistics.",
        of_finding="As long as this stands, I cannot rely on the evidence",
        others="Beyond method and statistics",
    ),
    Field(
        name="literature",
        side="contribution",
        criteria=LITERATURE,
        opening="I ask what is learnt here and where it stands among other work.",
        of_finding="What the paper adds cannot be judged with this in it",
        others="On what is not my subject",
    ),
    Field(
        name="clarity",
        side="presentation",
        criteria=CLARITY,
        opening="I tried to follow the paper and to see whether I could repeat it.",
        of_finding="A reader is misled here",
        others="Leaving the writing aside",
    ),
)


def offline_panel() -> tuple[OfflineReviewer, ...]:
    """Three reviewers: methods and statistics, novelty and literature, clarity and reproducibility."""
    return tuple(OfflineReviewer(field) for field in FIELDS)


def panel_of(count: int) -> tuple[OfflineReviewer, ...]:
    """So many reviewers, the fields in turn; from the fourth on their names have a number."""
    turns = ((FIELDS[i % len(FIELDS)], i // len(FIELDS)) for i in range(count))
    return tuple(OfflineReviewer(field, f"{field.name} {turn + 1}" if turn else "") for field, turn in turns)


class OfflineReviewer:
    def __init__(self, field: Field, name: str = "") -> None:
        self.name = name or field.name
        self._field = field

    def review(self, submission: Submission) -> Review:
        field, findings = self._field, submission.found
        judged = {f.name: [j for c in f.criteria for j in c(submission)] for f in FIELDS}
        if isinstance(submission, StudySubmission):
            for action in actions().values():
                for j in action.criterion(submission):
                    judged[next(f.name for f in FIELDS if f.side == j.side)].append(j)
        every = [j for own in judged.values() for j in own]
        side = {s: _side(every, s) for s in SIDES}
        grade = {s: _grade(v) for s, v in side.items()}
        own, others = judged[field.name], [j for n, js in judged.items() if n != field.name for j in js]
        errors, warnings = _kinds(findings, "error"), _kinds(findings, "warning")
        overall = self._overall(side, errors, warnings)
        told = [f"{field.of_finding}: {f.text} ({f.where})." for f in findings[:MOST_TOLD]]
        return Review(
            reviewer=self.name,
            summary=f"{field.opening} {_summary(submission)}",
            strengths=(*(j.text for j in own if j.points > 0), *_summed(field.others, others, 1)),
            weaknesses=(*told, *(j.text for j in own if j.points < 0), *_summed(field.others, others, -1)),
            originality=_originality(submission),
            quality=grade["soundness"],
            clarity=grade["presentation"],
            significance=_grade(side["contribution"] - 0.25),
            questions=tuple(j.question for j in own if j.question),
            limitations=tuple(j.text for j in own if j.points < 0 and j.side == field.side),
            ethical_concerns="Not examined by the rubric.",
            soundness=grade["soundness"],
            presentation=grade["presentation"],
            contribution=grade["contribution"],
            overall=overall,
            confidence=_confidence(submission.document),
            decision=decided(overall),
            requests=tuple(j.request for j in own if j.request),
            by="offline rubric" if submission.document.of_study else "offline rubric, mechanical part alone",
        )

    def prefer(self, first: Submission, second: Submission) -> Preference:
        one, other = (_worth(self.review(s)) for s in (first, second))
        return "neither" if one == other else "first" if one > other else "second"

    def _overall(self, side: Mapping[Side, float], errors: Sequence[str], warnings: Sequence[str]) -> int:
        """The middle between the weighted mean of the sides and the weakest one, less what is wrong."""
        weighted = (sum(side.values()) + side[self._field.side]) / 4
        value = 1 + 3 * ((weighted + min(side.values())) / 2 - 1)
        value -= sum(1.0 if self._mine(kind) else 0.5 for kind in warnings)
        if errors or side["soundness"] < LEAST_SOUND:
            value = min(value, ACCEPT - 1)
        value -= sum(1.0 if self._mine(kind) else 0.5 for kind in errors[1:])
        return _grade(value, 10)

    def _mine(self, kind: str) -> bool:
        field = "literature" if kind in LITERARY else "clarity" if kind in FORMAL else "methodology"
        return field == self._field.name


def _worth(form: Review) -> tuple[int, int]:
    return form.overall, form.soundness + form.presentation + form.contribution


def _kinds(findings: Sequence[Finding], severity: str) -> list[str]:
    return list(dict.fromkeys(f.kind for f in findings if f.severity == severity))


def _side(judged: Sequence[Judgement], side: Side) -> float:
    """The start and the points of the side's criteria, held within the form's scale."""
    return max(1.0, min(4.0, START + sum(j.points for j in judged if j.side == side)))


def _summed(opening: str, judged: Sequence[Judgement], sign: int) -> tuple[str, ...]:
    """What lies outside a field, in a sentence with the weightiest point."""
    found = [j for j in judged if j.points * sign > 0]
    if not found:
        return ()
    top = max(found, key=lambda j: abs(j.points))
    count = f"{len(found)} {'point speaks' if len(found) == 1 else 'points speak'}"
    return (f"{opening}, {count} {'for' if sign > 0 else 'against'} it, first: {top.text[0].lower()}{top.text[1:]}",)


def _originality(s: Submission) -> int:
    """By how far title and abstract are from each work that the paper knows."""
    if not s.references:
        return 2
    nearest = max(likeness(f"{s.document.title}. {s.document.abstract.text}", s.references))
    return _grade(1.0 + 2.5 * (1 - nearest))


def _confidence(doc: Document) -> int:
    """More where there is evidence behind the paper."""
    return 4 if doc.facts else 2


def _summary(s: Submission) -> str:
    doc = s.document
    figures, tables = (sum(f.kind == kind for f in doc.shown) for kind in ("figure", "table"))
    size = f"{plural(figures, 'figure')}, {plural(tables, 'table')}"
    size = f"{plural(s.pages, 'page')}, {size}" if s.pages else size
    about = f"The paper {doc.title!r} has {size} and cites {plural(len(doc.cited) or len(doc.listed), 'work')}."
    return about if doc.facts else f"{about} Its evidence is not at hand."


def _grade(value: float, high: int = 4) -> int:
    """A score of the form: a whole number from 1 to `high`."""
    return max(1, min(high, round(value)))
