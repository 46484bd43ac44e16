"""Writing with a language model: readings of the outcome, set apart from the offline writer's exact sections.

All that is measured, cited or claimed stays as the offline writer has it. A model's part is of free sentences, which
the gate licenses, and of frames, which code fills; it stands under a heading that says whose reading it is. A sentence
that the gate refuses goes back once with the reason, and is cut when it comes again.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from pydantic import BaseModel

from nightlab.agents.chat.models import Chat, NoAnswer
from nightlab.agents.documents import Prose
from nightlab.agents.model import context
from nightlab.agents.model.prompts import Prompt, render
from nightlab.agents.model.prose import Rules, as_paragraph, counted, faults, kept, sentences
from nightlab.agents.team import Brief, Questions, Writer
from nightlab.agents.telling.disclosure import shown
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.papers.manuscript.manuscript import Manuscript, Section
from nightlab.papers.manuscript.markup import literal

LONGEST = 400  # words of a part as it is printed
LEAST = 8  # words of a part
SENT_BACK = 1  # times that sentences which cannot stand go back; then they are cut
MOST_NOTES = 2  # parts that the self-revision writes again


@dataclasses.dataclass(frozen=True, kw_only=True)
class Part:
    """A part that a model writes; it ends the offline section of the same key."""

    key: str
    words: int
    purpose: str


PARTS = (
    Part(
        key="introduction",
        words=110,
        purpose="why the question matters, and what makes it hard to answer.",
    ),
    Part(
        key="discussion",
        words=150,
        purpose="what the outcome may mean and what it does not show: frames for what was found, guesses as such.",
    ),
    Part(
        key="limitations",
        words=80,
        purpose="what was not tested, and what should be studied next.",
    ),
)


class Answer(BaseModel):
    text: str


class Outline(BaseModel):
    introduction: str = ""
    discussion: str = ""
    limitations: str = ""


class Note(BaseModel):
    part: str
    problem: str


class Critique(BaseModel):
    notes: list[Note]


class ModelWriter:
    questions: ClassVar = Questions(version=len(PARTS) + 2)  # an outline, the parts, a critique

    def __init__(self, chat: Chat, offline: Writer, ledger: Ledger) -> None:
        self._chat = chat
        self._offline = offline
        self._ledger = ledger

    def write(self, brief: Brief) -> Manuscript:
        prose = self._prose(brief)
        written = dataclasses.replace(brief, model=self._chat.name if any(prose.parts.values()) else "")
        base = self._offline.write(written)
        rules = context.rules(brief.evidence.template, brief.references, brief.evidence, base)
        return _assembled(base, prose.parts, rules, self._chat.name)

    def _prose(self, brief: Brief) -> Prose:
        """The parts of this draft: new ones, or those of the draft before with what was asked for."""
        done = self._ledger.all(Prose)
        if brief.stage in done:
            return done[brief.stage]
        last = list(done.values())[-1] if done else None
        desk = _Desk(self._chat, brief, self._offline.write(brief))
        outcome = context.outcome(brief.evidence)
        if last is None or last.outcome != outcome:
            desk.draft()
        else:
            desk.revise(last.parts)
        free, frames = counted(desk.texts.values())
        prose = Prose(parts=desk.texts, cut=desk.cut, free=free, frames=frames, outcome=outcome)
        return self._ledger.put(prose, brief.stage)


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
            "frames": context.frames(e, self._rules.frames),
            "references": context.references(brief.references, brief.idea.strategies),
            "conclusions": brief.analysis.conclusions.get("view", ""),
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


def _assembled(base: Manuscript, texts: Mapping[str, str], rules: Rules, model: str) -> Manuscript:
    """The offline manuscript with the model's parts as readings at the ends of their sections."""
    used: Counter[str] = Counter()
    parts = {part.key: texts[part.key] for part in PARTS if texts.get(part.key)}

    def ended(section: Section) -> Section:
        text = as_paragraph(kept(parts.get(section.key, ""), rules, words=LONGEST), rules, used)
        return dataclasses.replace(section, body=f"{section.body}\n\n> {text}") if text else section

    sections = tuple(map(ended, base.sections))
    return dataclasses.replace(base, sections=sections, reader=literal(shown(model)) if parts else base.reader)
