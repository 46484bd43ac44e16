"""Reviewing with a language model: the form, filled in and reconsidered once, above a floor of evidence.

A model cannot accept a paper in which the audit finds an error, nor one whose claim the test does not bear and whose
abstract does not say so: its overall score then ends below acceptance, and the review says why.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, Field

from nightlab.agents.actions.registry import possible
from nightlab.agents.chat.models import Chat, NoAnswer, quoted
from nightlab.agents.model import context
from nightlab.agents.model.prompts import render
from nightlab.agents.team import (
    ACCEPT,
    AreaChair,
    MetaReview,
    Preference,
    Questions,
    Request,
    Review,
    Reviewer,
    StudySubmission,
    Submission,
    decided,
)
from nightlab.agents.telling.disclosure import shown
from nightlab.experiments.numbers import plural
from nightlab.papers.audit.reading.document import Document, Shown

PART = 80_000  # characters of the paper that one prompt shows; a longer one is read in parts, with notes on each
MOST_NOTES = 6
MOST_POINTS = 5
MOST_REQUESTS = 3
PERSONAS = {
    "methodology": "You weigh soundness most: protocol, noise, statistics, ablations, threats to validity.",
    "literature": "You weigh contribution most: the question, its novelty against the cited work, what is learned.",
    "clarity": "You weigh presentation most: clarity, structure, whether a reader can repeat the study.",
}
TEXTS = {
    "introduction": "write the introduction's opening again",
    "related": "say better how the study stands to the cited work",
    "discussion": "discuss the outcome better",
    "conclusion": "write the outlook again",
}


def _whole(value: Any) -> Any:
    """Models like to give halves ("6.5") and texts ("3/4") for whole numbers."""
    if isinstance(value, str):
        number = re.fullmatch(r"\D*(\d{1,2}(?:\.\d+)?)(?:\s*/\s*\d+)?\D*", value)
        return round(float(number[1])) if number else value
    return round(value) if isinstance(value, float) and value == value and abs(value) < 1e6 else value


def _points(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Score4 = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=4)]
Points = Annotated[list[str], BeforeValidator(_points)]


class Wish(BaseModel):
    action: str
    text: str = ""


class Form(BaseModel):
    """NeurIPS' form as a model gives it."""

    summary: str
    strengths: Points
    weaknesses: Points
    questions: Points = []
    limitations: Points = []
    ethical_concerns: str = "none"
    originality: Score4
    quality: Score4
    clarity: Score4
    significance: Score4
    soundness: Score4
    presentation: Score4
    contribution: Score4
    overall: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=10)]
    confidence: Annotated[int, BeforeValidator(_whole), Field(ge=1, le=5)]
    requests: list[Wish] = []


def model_panel(chat: Chat, offline: Sequence[Reviewer]) -> tuple[Reviewer, ...]:
    """The offline panel's reviewers, each with the model before it."""
    return tuple(ModelReviewer(chat, reviewer) for reviewer in offline)


class Notes(BaseModel):
    """What a reviewer notes of one part of a paper."""

    notes: Points


class Better(BaseModel):
    """Which of two versions a model prefers."""

    reason: str = ""
    better: str


class ModelReviewer:
    # The form and a reflection on it, and a comparison in both orders; a long paper's parts come to it.
    questions: ClassVar = Questions(version=2, revision=2)

    def __init__(self, chat: Chat, offline: Reviewer) -> None:
        self.name = offline.name
        self._chat = chat
        self._offline = offline

    def review(self, submission: Submission) -> Review:
        stage = f"{submission.stage} {self.name}"
        return self._chat.attempt(
            stage, lambda: self._filled_in(submission, stage), lambda: self._offline.review(submission)
        )

    def _filled_in(self, s: Submission, stage: str) -> Review:
        study = s if isinstance(s, StudySubmission) else None
        known = possible(study.evidence, s.manuscript) if study else {}
        told: dict[str, Any] = {
            "persona": PERSONAS[self.name.split()[0]],
            "task": context.task(study.evidence.template) if study else "",
            "outcome": context.outcome(study.evidence) if study else "",
            "facts": context.facts(study.evidence) if study else [],
            "findings": [f"{f.severity}: {f.text[:160]} ({f.where})" for f in s.found[:12]],
            "verified": len(s.document.used & s.document.facts.keys()),
            "paper": self._read(s, stage),
            "actions": {name: request.text for name, request in known.items()} | TEXTS if study else {},
        }
        seen = s.pictures() if self._chat.sees else ()
        form = self._chat.ask(Form, replace(render("reviewer", **told, first=None), images=seen), stage=stage)
        again = replace(render("reviewer", **told, first=_first_form(form)), images=seen)
        with contextlib.suppress(NoAnswer):  # then the first form stands
            form = self._chat.ask(Form, again, stage=f"{stage} reflection")
        return _review(form, s, self.name, shown(self._chat.name), known)

    def prefer(self, first: Submission, second: Submission) -> Preference:
        stage = f"{first.stage} {self.name}"
        return self._chat.attempt(
            stage, lambda: self._preferred(first, second, stage), lambda: self._offline.prefer(first, second)
        )

    def _preferred(self, first: Submission, second: Submission, stage: str) -> Preference:
        one, other = (self._read(s, stage, of=2) for s in (first, second))
        asked = render("compare", persona=PERSONAS[self.name.split()[0]], first=one, second=other)
        found = self._chat.ask(Better, asked, stage=stage)
        named = found.better.strip().casefold().removeprefix("version ")[:1]
        return "first" if named == "a" else "second" if named == "b" else "neither"

    def _read(self, s: Submission, stage: str, of: int = 1) -> str:
        """The whole paper, or, where it is longer than a prompt takes, the notes that were taken part by part. of: how
        many papers the prompt shows."""
        parts = whole(s.document, min(PART, self._chat.room) // of)
        if len(parts) == 1:
            return quoted(parts[0], limit=len(parts[0]))
        notes = []
        for number, text in enumerate(parts, 1):
            asked = render("reading", persona=PERSONAS[self.name.split()[0]], part=quoted(text, limit=len(text)))
            found = self._chat.ask(Notes, asked, stage=f"{stage} part {number}")
            notes += [f"part {number}: {_line(note, 300)}" for note in found.notes[:MOST_NOTES]]
        head = f"Title: {s.document.title}\nAbstract: {s.document.abstract.text}"
        return quoted("\n".join([head, "Your notes on the whole paper:", *notes]), limit=PART // of)


def whole(doc: Document, size: int = PART) -> list[str]:
    """A paper as its readers see it, with its tables and captions, in parts of at most so many characters."""
    lines = [f"Title: {doc.title}"]
    by = {f.key: f for f in doc.shown}
    for part in doc.parts:
        lines += [f"## {part.heading}", *(" ".join(s.text for s in p) for p in part.paragraphs)]
        lines += [line for key in part.floats if key in by for line in _float(by[key])]
    lines += [f"[{r.key}] {r.title}" for r in doc.references if r.key in doc.cited] or list(doc.listed)
    parts = [""]
    for line in (piece for x in lines for piece in _pieces(x, size)):
        if parts[-1] and len(parts[-1]) + len(line) > size:
            parts.append("")
        parts[-1] += f"{line}\n"
    return parts


def _float(f: Shown) -> list[str]:
    """A caption, and the rows of a table."""
    rows = [" | ".join(cell.text for cell in row) for row in f.cells]
    return [f"{f.kind.capitalize()} {f.key}: {' '.join(s.text for s in f.caption)}", *rows]


def _pieces(text: str, size: int) -> list[str]:
    return [text[i : i + size - 1] for i in range(0, len(text), size - 1)] or [""]


def _first_form(form: Form) -> str:
    scores = "soundness", "presentation", "contribution", "overall"
    told = ", ".join(f"{name} {getattr(form, name)}" for name in scores)
    return f"{told}. Weaknesses: {'; '.join(form.weaknesses)[:400]}"


def objections(s: Submission) -> list[str]:
    """Why no review may accept the paper, whatever it thinks of it."""
    found = []
    errors = [f for f in s.found if f.severity == "error"]
    if errors:
        found.append(
            f"The mechanical audit objects {plural(len(errors), 'time')}, first: {errors[0].text} ({errors[0].where})."
        )
    negative = isinstance(s, StudySubmission) and not s.evidence.improved
    if negative and "negative" not in s.document.abstract.text.casefold():
        found.append("The result is negative, and the abstract does not say so.")
    return found


def _review(form: Form, s: Submission, name: str, by: str, known: Mapping[str, Request]) -> Review:
    """The form as the panel's record, held to the evidence and to what can be asked for."""
    grave = objections(s)
    overall = min(form.overall, ACCEPT - 1) if grave else form.overall
    data = form.model_dump(exclude={"requests", "overall", "summary", "ethical_concerns"})
    points: dict[str, Any] = {k: _clean(v) if isinstance(v, list) else v for k, v in data.items()}
    points["weaknesses"] = (*grave, *points["weaknesses"])
    return Review(
        **points,
        reviewer=name,
        by=by,
        summary=_line(form.summary, 800),
        ethical_concerns=_line(form.ethical_concerns, 300),
        overall=overall,
        decision=decided(overall),
        requests=_requests(form, known),
    )


def _requests(form: Form, known: Mapping[str, Request]) -> tuple[Request, ...]:
    """What is asked for, of what can be done; an experiment's text is the mechanical one."""
    found: dict[str, Request] = {}
    for wish in form.requests:
        action, said = wish.action.strip().casefold(), _line(wish.text, 300)
        if request := known.get(action):
            texts = {} if request.kind == "evidence" or not said else {"text": said}
            found[action] = request.model_copy(update=texts)
        elif action in TEXTS:
            found[action] = Request(kind="text", action=action, text=said or TEXTS[action])
    return tuple(found.values())[:MOST_REQUESTS]


def _clean(points: list[str]) -> tuple[str, ...]:
    return tuple(line for p in points[:MOST_POINTS] if (line := _line(p, 400)))


def _line(text: str, limit: int) -> str:
    """One printable line."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:limit]


class Word(BaseModel):
    """The area chair's word as a model gives it."""

    agreement: Points = []
    disagreement: Points = []
    summary: str
    decision: str


class ModelChair:
    """Weighs the reviews by a model: it names agreement and disagreement, and may reject what the mean accepts."""

    def __init__(self, chat: Chat, offline: AreaChair) -> None:
        self._chat = chat
        self._offline = offline

    def weigh(self, submission: Submission, reviews: Sequence[Review], mean: MetaReview) -> MetaReview:
        ruled = self._offline.weigh(submission, reviews, mean)
        stage = f"{submission.stage} chair"
        return self._chat.attempt(stage, lambda: self._weighed(submission, reviews, ruled, stage), lambda: ruled)

    def _weighed(self, s: Submission, reviews: Sequence[Review], ruled: MetaReview, stage: str) -> MetaReview:
        told = [
            (r.reviewer, r.overall, r.soundness, "; ".join(r.strengths)[:600], "; ".join(r.weaknesses)[:900])
            for r in reviews
        ]
        asked = render("chair", title=s.document.title, reviews=told, mean=ruled.overall, least=ACCEPT)
        word = self._chat.ask(Word, asked, stage=stage)
        rejects = ruled.decision == "reject" or word.decision.strip().casefold().startswith("reject")
        return ruled.model_copy(
            update={
                "decision": "reject" if rejects else "accept",
                "agreement": _clean(word.agreement) or ruled.agreement,
                "disagreement": _clean(word.disagreement) or ruled.disagreement,
                "summary": f"{ruled.summary} {_line(word.summary, 600)}",
                "by": shown(self._chat.name),
            }
        )
