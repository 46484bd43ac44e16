"""Ideation with a language model: ideas from the template, the survey and earlier studies, each reconsidered once."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, ClassVar

from pydantic import BaseModel, Field

from nightlab.agents.chat.models import Chat, NoAnswer
from nightlab.agents.documents import EarlierIdea
from nightlab.agents.model import context
from nightlab.agents.model.idea_archive import earlier
from nightlab.agents.model.prompts import Prompt, render
from nightlab.agents.model.prose import Rules, phrase, sentences, unfit
from nightlab.agents.offline.ideation import novelty
from nightlab.agents.team import Idea, Ideator, Questions
from nightlab.agents.telling.disclosure import shown
from nightlab.experiments.study.study import Study
from nightlab.experiments.template.template import Template
from nightlab.papers.literature.literature import Reference

IDEAS = 2  # asked of the model, one a call
NEAR = 6  # references that an idea is held against by name


class Draft(BaseModel):
    """An idea as a model gives it."""

    title: str
    question: str
    hypothesis: str
    strategies: list[str]
    plan: str = ""
    expected_effect: str = ""
    risks: str = ""


class Second(BaseModel):
    """A model's second thoughts: the nearest paper by key, how new the idea is against it, a sharper hypothesis."""

    nearest: str = ""
    novelty: int = Field(ge=0, le=10)
    hypothesis: str = ""


class ModelIdeator:
    """A model's ideas in their order, the template's own behind them as a reserve."""

    questions: ClassVar = Questions(study=2 * IDEAS)  # a draft and a reflection each

    def __init__(self, chat: Chat, offline: Ideator, study: Study) -> None:
        self._chat = chat
        self._offline = offline
        self._study = study

    def ideate(self, template: Template, references: Sequence[Reference]) -> list[Idea]:
        reserve = self._offline.ideate(template, references)
        before = earlier(self._study)
        ideas: list[Idea] = []
        for n in range(IDEAS):
            made = self._chat.attempt(
                f"idea {n}",
                lambda n=n: self._idea(n, template, references, before, [*ideas, *reserve]),  # type: ignore[misc]
                lambda: None,
            )
            if made:
                ideas.append(made)
        return [*sorted(ideas, key=lambda idea: (-idea.rank_score, idea.key)), *reserve]

    def _idea(
        self,
        n: int,
        template: Template,
        references: Sequence[Reference],
        before: Sequence[EarlierIdea],
        others: Sequence[Idea],
    ) -> Idea:
        rules = context.rules(template, references)
        told: dict[str, Any] = {
            "task": context.task(template),
            "strategies": _strategies(template),
            "references": context.references(references, template.strategies),
            "earlier": before,
        }
        ask = render("ideator", **told, number=n, others=[i.title for i in others], draft=None, near=())
        draft = self._chat.ask(Draft, ask, stage=f"idea {n}", check=lambda d: _refused(d, template, rules, others))
        first = _as_idea(n, draft, template, references, rules, shown(self._chat.name))
        near = _nearest(first, references)
        again = render("ideator", **told, number=n, others=[i.title for i in others], draft=first, near=near)
        return self._reconsidered(first, again, [r.key for r in near], rules, before)

    def _reconsidered(
        self, idea: Idea, prompt: Prompt, keys: Sequence[str], rules: Rules, before: Sequence[EarlierIdea]
    ) -> Idea:
        """The idea after one reflection; as it was, by the mechanical measure alone, if there is no usable one."""

        def refused(second: Second) -> str:
            if keys and second.nearest not in keys:
                return f"nearest must be one of {', '.join(keys)}, not {second.nearest[:60]!r}"
            return ""

        new, nearest, hypothesis = idea.novelty, idea.nearest, idea.hypothesis
        try:
            second = self._chat.ask(Second, prompt, stage=f"{idea.key[:7]} reflection", check=refused)
        except NoAnswer:
            pass
        else:
            new, nearest = min(new, second.novelty / 10), second.nearest or nearest
            hypothesis = _clause(phrase(second.hypothesis, rules)) or hypothesis
        repeated = any(set(b.strategies) == set(idea.strategies) for b in before)
        score = 0.5 * new + 0.5 * idea.rank_score - (0.25 if repeated else 0)
        return idea.model_copy(
            update={
                "novelty": round(new, 4),
                "nearest": nearest,
                "hypothesis": hypothesis,
                "rank_score": round(score, 4),
            }
        )


def _strategies(template: Template) -> list[tuple[str, str]]:
    """Each strategy with the names of its knobs."""
    knobs = template.knobs
    return [(s, ", ".join(k.name for k in knobs if k.strategy == s)) for s in template.strategies]


def _refused(draft: Draft, template: Template, rules: Rules, others: Sequence[Idea]) -> str:
    known = template.strategies
    if known and not set(draft.strategies) & set(known):
        return f"strategies must be some of {', '.join(known)}"
    for name in ("title", "question", "hypothesis"):
        said = [s for paragraph in sentences(getattr(draft, name)) for s in paragraph]
        if reason := next(filter(None, (unfit(s, rules) for s in said)), "" if said else "it is empty"):
            return f"{name}: {reason}"
    if any(draft.title.casefold().strip(" .") == idea.title.casefold() for idea in others):
        return "this title is taken: give another idea"
    return ""


def _as_idea(
    n: int, d: Draft, template: Template, references: Sequence[Reference], rules: Rules, proposer: str
) -> Idea:
    """The checked draft as an idea; a minor text that cannot stand is left out. Novelty is by TF-IDF until later."""
    strategies = tuple(s for s in template.strategies if s in d.strategies) or template.strategies
    title, question = phrase(d.title, rules, words=18).rstrip("."), phrase(d.question, rules)
    hypothesis = _clause(phrase(d.hypothesis, rules))
    new, nearest = novelty(f"{title}. {question} {hypothesis}", references)
    breadth = sum(k.strategy in strategies for k in template.knobs) / (len(template.knobs) or 1)
    slug = re.sub(r"[^a-z]+", "-", title.casefold()).strip("-")[:40].strip("-")
    return Idea(
        key=f"model-{n}-{slug or 'idea'}",
        title=title,
        question=question if question.endswith("?") else f"{question.rstrip('.')}?",
        hypothesis=hypothesis,
        strategies=strategies,
        expected_effect=phrase(d.expected_effect, rules),
        risks=phrase(d.risks, rules),
        novelty=round(new, 4),
        nearest=nearest,
        rank_score=round(breadth, 4),
        plan=phrase(d.plan, rules, words=60),
        proposer=proposer,
    )


def _clause(text: str) -> str:
    """A sentence as it follows "We hypothesise that"."""
    text = re.sub(r"^(?:we (?:hypothesi[sz]e|expect) that|hypothesis:?)\s+", "", text, flags=re.IGNORECASE).rstrip(".")
    return text[0].lower() + text[1:] if text[1:2].islower() else text


def _nearest(idea: Idea, references: Sequence[Reference]) -> list[Reference]:
    """The references most like the idea by their words, the nearest first."""
    from nightlab.agents.offline.ideation import likeness

    if not references:
        return []
    near = likeness(f"{idea.title}. {idea.question} {idea.hypothesis}", references)
    order = sorted(range(len(references)), key=lambda i: -near[i])
    return [references[i] for i in order[:NEAR]]
