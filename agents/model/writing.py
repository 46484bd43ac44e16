"""Writing with a language model: part by part, around the offline writer's exact sections.

Claim statement, set-up, tables and lists stay as the offline writer has them; the model's prose goes about them. A
sentence that breaks the rules goes back once with the reason, and is cut when it comes again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, TypeAdapter

from nightlab.agents.chat.models import Chat, NoAnswer
from nightlab.agents.model import context
from nightlab.agents.model.prompts import Prompt, render
from nightlab.agents.model.prose import Rules, faults, kept, sentences
from nightlab.agents.team import Brief, Questions, Writer
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.papers.manuscript.manuscript import Manuscript, Section

LEAST = 8  # words of a part
OPENING = 25  # words that may take the place of the offline writer's opening
SENT_BACK = 1  # times that sentences which cannot stand go back; then they are cut
MOST_NOTES = 2  # parts that the self-revision writes again
KIND = "prose"  # the ledger's documents with the model's parts, one a draft


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """A part that a model writes, and where it goes in the offline section of the same key."""

    key: str
    place: Literal["instead", "before", "after"]  # instead of its first paragraph
    words: int
    purpose: str


PARTS = (
    Part(
        key="introduction",
        place="instead",
        words=120,
        purpose="what the task is and why the question matters; question and contributions follow by themselves.",
    ),
    Part(
        key="related",
        place="before",
        words=120,
        purpose="how the study stands to the works listed, each cited by its key.",
    ),
    Part(
        key="discussion",
        place="before",
        words=140,
        purpose="what the outcome means and what it does not show, in the light of the facts.",
    ),
    Part(
        key="conclusion",
        place="after",
        words=60,
        purpose="what should be studied next, and why.",
    ),
    Part(
        key="abstract",
        place="before",
        words=45,
        purpose="one or two sentences that motivate the question; the results follow by themselves.",
    ),
)


class Answer(BaseModel):
    text: str


class Outline(BaseModel):
    introduction: str = ""
    related: str = ""
    discussion: str = ""
    conclusion: str = ""
    abstract: str = ""


class Note(BaseModel):
    part: str
    problem: str


class Critique(BaseModel):
    notes: list[Note]


class Prose(BaseModel):
    """The model's parts of one draft as markup, and how many sentences were cut from them."""

    parts: dict[str, str]
    cut: int = 0
    outcome: str = ""  # for which it was written


class ModelWriter:
    questions: ClassVar = Questions(version=len(PARTS) + 2)  # an outline, the parts, a critique

    def __init__(self, chat: Chat, offline: Writer, ledger: Ledger) -> None:
        self._chat = chat
        self._offline = offline
        self._ledger = ledger

    def write(self, brief: Brief) -> Manuscript:
        prose = self._prose(brief)
        written = dataclasses.replace(brief, model=self._chat.name if any(prose.parts.values()) else "")
        return _assembled(self._offline.write(written), prose.parts)

    def _prose(self, brief: Brief) -> Prose:
        """The parts of this draft: new ones, or those of the draft before with what was asked for."""
        adapter = TypeAdapter(Prose)
        done = self._ledger.documents(KIND)
        if brief.stage in done:
            return adapter.validate_python(done[brief.stage])
        last = adapter.validate_python(list(done.values())[-1]) if done else None
        desk = _Desk(self._chat, brief, self._offline.write(brief))
        outcome = context.outcome(brief.evidence)
        if last is None or last.outcome != outcome:
            desk.draft()
        else:
            desk.revise(last.parts)
        body = Prose(parts=desk.texts, cut=desk.cut, outcome=outcome).model_dump(mode="json")
        return adapter.validate_python(self._ledger.once(KIND, brief.stage, body))


class _Desk:
    """One draft at work."""

    def __init__(self, chat: Chat, brief: Brief, base: Manuscript) -> None:
        self.texts: dict[str, str] = {}
        self.cut = 0
        self._chat = chat
        self._brief = brief
        e = brief.evidence
        self._rules = context.rules(e.template, brief.references, e, base)
        self._told: dict[str, Any] = {
            "task": context.task(e.template),
            "idea": context.idea_told(brief.idea),
            "outcome": context.outcome(e),
            "facts": context.facts(e),
            "references": context.references(brief.references, brief.idea.strategies),
            "conclusions": brief.analysis.conclusions.get("reading", ""),
        }

    def draft(self) -> None:
        """Outline, every part, and one self-revision."""
        plan = self._chat.attempt(self._stage("outline"), self._outline, dict[str, str])
        for part in PARTS:
            self._write(part, self._stage(part.key), plan=plan.get(part.key, ""))
        written = {key: text for key, text in self.texts.items() if text}
        if written:
            notes = self._chat.attempt(self._stage("critique"), lambda: self._critique(written), list[Note])
            for note in notes[:MOST_NOTES]:
                self._rewrite(note.part, [note.problem[:300]])

    def revise(self, before: Mapping[str, str]) -> None:
        """Write again what the reviewers or the audit object to; the rest stays."""
        self.texts = dict(before)
        for part in PARTS:
            wishes = [r.text[:300] for r in self._brief.requests if r.kind == "text" and r.action == part.key]
            wishes += [f.text[:300] for f in self._brief.findings if f.where in (part.key, f"section:{part.key}")]
            if wishes:
                self._rewrite(part.key, wishes)

    def _stage(self, step: str) -> str:
        return f"{self._brief.stage} {step}"

    def _prompt(self, step: str, **more: Any) -> Prompt:
        values = {"parts": PARTS, "part": None, "plan": "", "before": "", "wishes": (), "texts": {}} | more
        return render("writer", **self._told, step=step, **values)

    def _outline(self) -> dict[str, str]:
        outline = self._chat.ask(Outline, self._prompt("outline"), stage=self._stage("outline"))
        return {key: text[:300] for key, text in outline.model_dump().items()}

    def _critique(self, written: Mapping[str, str]) -> list[Note]:
        answer = self._chat.ask(Critique, self._prompt("critique", texts=written), stage=self._stage("critique"))
        known = [n for n in answer.notes if n.part in written]
        return list({n.part: n for n in known}.values())

    def _rewrite(self, key: str, wishes: Sequence[str]) -> None:
        part = next(p for p in PARTS if p.key == key)
        self._write(part, self._stage(f"{key} again"), wishes=wishes)

    def _write(self, part: Part, stage: str, *, plan: str = "", wishes: Sequence[str] = ()) -> None:
        """The part's text, or the one before it where the model gives none that can stand."""
        before = self.texts.get(part.key, "")
        prompt = self._prompt("part", part=part, plan=plan, before=before, wishes=wishes)
        self.texts[part.key] = self._chat.attempt(stage, lambda: self._asked(part, prompt, stage), lambda: before)

    def _asked(self, part: Part, prompt: Prompt, stage: str) -> str:
        seen: list[str] = []

        def check(answer: Answer) -> str:
            seen.append(answer.text)
            return faults(answer.text, self._rules) if len(seen) <= SENT_BACK else ""

        try:
            self._chat.ask(Answer, prompt, stage=stage, check=check)
        except NoAnswer:
            if not seen:
                raise
        best = max(reversed(seen), key=lambda text: len(self._kept(part, text).split()))
        text = self._kept(part, best)
        if len(text.split()) < LEAST:
            raise NoAnswer("next to nothing of it could stand")
        self.cut += _cut(best, self._rules)
        return text

    def _kept(self, part: Part, text: str) -> str:
        return kept(text, self._rules, words=part.words + part.words // 2)


def _cut(text: str, rules: Rules) -> int:
    """How many sentences could not stand."""
    return sum(bool(faults(s, rules, most=1)) for paragraph in sentences(text) for s in paragraph)


def _assembled(base: Manuscript, texts: Mapping[str, str]) -> Manuscript:
    """The offline manuscript with the model's parts in their places."""
    parts = {p.key: p for p in PARTS if texts.get(p.key)}

    def joined(key: str, body: str) -> str:
        if key not in parts:
            return body
        text = texts[key]
        place = parts[key].place
        match "before" if place == "instead" and len(text.split()) < OPENING else place:
            case "before":
                return f"{text}\n\n{body}" if key != "abstract" else f"{' '.join(text.split())} {body}"
            case "after":
                return f"{body}\n\n{text}"
            case "instead":
                return "\n\n".join([text, *body.split("\n\n")[1:]])

    sections = tuple(Section(s.key, s.heading, joined(s.key, s.body)) for s in base.sections)
    return dataclasses.replace(base, abstract=joined("abstract", base.abstract), sections=sections)
