"""Reviewing without a language model: a published rubric over the audit and the evidence.

Each criterion looks at one thing that can be checked, and says which score of the form it moves, by how much, and why.
All reviewers use the same criteria; each weighs one side more and asks for what lies on that side. The rubric is
written out in the readme of this room.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from nightlab.agents.actions import Judgement, Side, actions
from nightlab.agents.team import Review, StudySubmission, Submission, decided
from nightlab.agents.telling.words import source
from nightlab.experiments.claim.scope import row
from nightlab.experiments.claim.statistics.inference import equal
from nightlab.experiments.numbers import plural
from nightlab.papers.manuscript.manuscript import keys_cited

SIDES: tuple[Side, ...] = ("soundness", "presentation", "contribution")


def offline_panel() -> tuple[OfflineReviewer, ...]:
    """Three reviewers, each with one side that counts more."""
    return (
        OfflineReviewer("methodology", "soundness"),
        OfflineReviewer("presentation", "presentation"),
        OfflineReviewer("significance", "contribution"),
    )


class OfflineReviewer:
    def __init__(self, name: str, emphasis: Side) -> None:
        self.name = name
        self.emphasis: Side = emphasis

    def review(self, submission: Submission) -> Review:
        study = submission if isinstance(submission, StudySubmission) else None
        judged = [j for criterion in OF_PAPERS for j in criterion(submission)]
        judged += [j for criterion in criteria() for j in criterion(study)] if study else []
        side = {s: self._side(judged, s) for s in SIDES}
        grade = {s: _grade(v) for s, v in side.items()}
        weighted = (sum(side.values()) + side[self.emphasis]) / 4
        overall = _grade(1 + 3 * ((weighted + min(side.values())) / 2 - 1), 10)
        strengths = [j.text for j in judged if j.points > 0]
        weaknesses = [j.text for j in judged if j.points < 0]
        return Review(
            reviewer=self.name,
            summary=_summary(study) if study else _paper_summary(submission),
            strengths=tuple(strengths),
            weaknesses=tuple(weaknesses),
            originality=_grade(0.5 + 3 * study.idea.novelty) if study and study.references else 2,
            quality=grade["soundness"],
            clarity=grade["presentation"],
            significance=_grade(side["contribution"] - 0.25),
            questions=tuple(j.question for j in judged if j.question),
            limitations=tuple(j.text for j in judged if j.points < 0 and j.side == "contribution"),
            ethical_concerns="Not examined by the rubric.",
            soundness=grade["soundness"],
            presentation=grade["presentation"],
            contribution=grade["contribution"],
            overall=overall,
            confidence=_confidence(study),
            decision=decided(overall),
            requests=tuple(j.request for j in judged if j.request),
        )

    def _side(self, judged: list[Judgement], side: Side) -> float:
        """2.5 and the points of the side's criteria, held within the form's scale."""
        return max(1.0, min(4.0, 2.5 + sum(j.points for j in judged if j.side == side)))


def _confidence(study: StudySubmission | None) -> int:
    """More where there is evidence behind the paper, and most where that is verified."""
    if study is None:
        return 2
    return 4 if study.evidence.template.trust == "verified" else 3


def _paper_summary(s: Submission) -> str:
    figures, tables = plural(len(s.manuscript.figures), "figure"), plural(len(s.manuscript.tables), "table")
    pages = plural(s.pages, "page")
    return f"The paper {s.manuscript.title!r} has {pages}, {figures} and {tables}. Its evidence is not at hand."


def _summary(s: StudySubmission) -> str:
    e = s.evidence
    sure = "the same in every pair" if equal(e.claim) else f"p {e.facts['claim.p'].text}"
    outcome = f"claims an improvement, confirmed on {row(e.claim)}s" if e.improved else "reports a negative result"
    return (
        f"The paper asks: {s.idea.question} It searches {plural(len(e.template.knobs), 'knob')}"
        f"{' and edits of files' if e.edits else ''} with"
        f" {plural(e.facts['search.trials'].value, 'trial', e.facts['search.trials'].text)} and {outcome}"
        f" (effect {e.facts['claim.effect'].text}, {sure})."
    )


PaperCriterion = Callable[[Submission], Iterator[Judgement]]
Criterion = Callable[[StudySubmission], Iterator[Judgement]]


def protocol(s: StudySubmission) -> Iterator[Judgement]:
    """Was the claim fixed in advance and tested where the search could not look?"""
    if "Holdout" in s.evidence.notes:
        text = "The holdout gives what the development split gives in every run, so it hardly is one."
        yield Judgement(side="soundness", points=-0.5, text=text)
    elif "Shared data" in s.evidence.notes:
        text = "Private data stand among the inputs, so the experiments could read what they are scored by."
        yield Judgement(side="soundness", points=-0.5, text=text)
    elif "Both splits" in s.evidence.notes:
        text = "Items stand in the development split and in the holdout alike, so the search had seen a part of it."
        yield Judgement(side="soundness", points=-0.5, text=text)
    elif s.evidence.fresh_data:
        of = f"{row(s.evidence.claim)}s"
        text = f"The claim was fixed before the search and tested once, on {of} and a sealed holdout."
        yield Judgement(side="soundness", points=0.5, text=text)
    elif s.evidence.first and s.evidence.first.fresh_data:
        text = "The first claim was tested once on a sealed holdout, that of the extension on fresh seeds of dev data."
        yield Judgement(side="soundness", points=0.25, text=text)
    elif s.evidence.template.exact:
        text = "The result is one on this problem and was judged anew by exact arithmetic, which needs no holdout."
        yield Judgement(side="soundness", points=0.5, text=text)
    else:
        yield Judgement(side="soundness", points=-0.5, text="There is no holdout; the claim rests on dev data.")
    if s.evidence.template.trust == "reported":
        yield Judgement(side="soundness", points=-1.0, text=source(s.evidence))
    if s.evidence.claim.n < 8 and not s.evidence.template.exact:
        yield Judgement(side="soundness", points=-0.5, text="The confirmation has fewer than eight pairs of seeds.")


def honesty(s: StudySubmission) -> Iterator[Judgement]:
    """Does the paper say what went wrong and where its numbers come from?"""
    e = s.evidence
    text = " ".join(section.body for section in s.manuscript.sections).casefold()
    if "fail" in text and "{fact:search.failed}" in text:
        yield Judgement(side="soundness", points=0.25, text="Failed and reverted trials are counted and listed.")
    else:
        yield Judgement(
            side="soundness",
            points=-0.25,
            text="The paper does not say how many trials failed.",
        )
    if not e.improved and "negative" not in s.manuscript.abstract.casefold():
        yield Judgement(
            side="soundness",
            points=-1.0,
            text="The result is negative, and the abstract does not say so.",
        )


def audited(s: Submission) -> Iterator[Judgement]:
    """What the mechanical audit found."""
    errors = [f for f in s.findings if f.severity == "error"]
    if not errors:
        yield Judgement(side="presentation", points=0.5, text="The mechanical audit has no objection.")
        return
    yield Judgement(
        side="presentation",
        points=-min(1.5, 0.25 * len(errors)),
        text=f"The mechanical audit objects {plural(len(errors), 'time')},"
        f" first: {errors[0].text} ({errors[0].where}).",
    )


def readability(s: Submission) -> Iterator[Judgement]:
    """Length of the abstract and of the sentences, figures and tables."""
    abstract = len(s.manuscript.abstract.split())
    brief = isinstance(s, StudySubmission) and not s.evidence.improved  # nothing found may be told in few words
    if not (1 if brief else 80) <= abstract <= 260:
        yield Judgement(
            side="presentation",
            points=-0.25,
            text=f"The abstract has {plural(abstract, 'word')}; 80 to 260 read well.",
        )
    prose = " ".join(section.body for section in s.manuscript.sections)
    sentences = [len(x.split()) for x in re.split(r"[.:;?!]\s", prose) if x.split()]
    mean = sum(sentences) / max(1, len(sentences))
    if mean > 30:
        yield Judgement(
            side="presentation", points=-0.25, text="Sentences are long: more than thirty words on average."
        )
    if len(s.manuscript.figures) >= (1 if brief else 3) and len(s.manuscript.tables) >= 2:
        yield Judgement(side="presentation", points=0.25, text="Figures and tables show the search and its outcome.")
    else:
        yield Judgement(
            side="presentation", points=-0.5, text="There are too few figures and tables to follow the work."
        )


def related_work(s: Submission) -> Iterator[Judgement]:
    """How much literature is cited."""
    cited = len(keys_cited(s.manuscript))
    if cited >= 12:
        yield Judgement(
            side="presentation", points=0.25, text=f"Related work is covered by {plural(cited, 'reference')}."
        )
    else:
        yield Judgement(side="presentation", points=-0.5, text=f"It cites {plural(cited, 'reference')} only.")


def effect(s: StudySubmission) -> Iterator[Judgement]:
    """How much better is it?"""
    e = s.evidence
    if not e.improved:
        yield Judgement(side="contribution", points=-0.75, text="No improvement over the baseline is shown.")
        return
    if "claim.relative" not in e.facts:
        yield Judgement(side="contribution", points=0.25, text="The gain is significant.")
        return
    relative = e.facts["claim.relative"].value
    if relative >= 20:
        text = f"The gain is large: {e.facts['claim.relative'].text} of the baseline."
        yield Judgement(side="contribution", points=0.75, text=text)
    elif relative >= 5:
        yield Judgement(side="contribution", points=0.25, text="The gain is moderate and clearly beyond the noise.")
    else:
        yield Judgement(side="contribution", points=-0.25, text="The gain is significant, but small.")


def scope(s: StudySubmission) -> Iterator[Judgement]:
    """How far does the result reach?"""
    yield Judgement(
        side="contribution",
        points=-0.5,
        text="The study covers one task only; whether its findings carry over is open.",
        question="Does the best configuration help on a second task?",
    )
    if len(s.idea.strategies) >= 3:
        yield Judgement(
            side="contribution",
            points=0.25,
            text=f"Changes of {len(s.idea.strategies)} kinds compete under equal conditions.",
        )
    if s.idea.novelty < 0.5:
        yield Judgement(
            side="contribution", points=-0.25, text=f"The idea is close to the work cited as {s.idea.nearest!r}."
        )


OF_PAPERS: tuple[PaperCriterion, ...] = (audited, readability, related_work)
OF_STUDIES: tuple[Criterion, ...] = (protocol, honesty, effect, scope)


def criteria() -> list[Criterion]:
    """What is asked of a study's paper: those above, and one for each action."""
    return [*OF_STUDIES, *(action.criterion for action in actions().values())]


def _grade(value: float, high: int = 4) -> int:
    """A score of the form: a whole number from 1 to `high`."""
    return max(1, min(high, round(value)))
