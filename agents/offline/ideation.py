"""Ideation without a language model: the template's seed ideas, ranked by novelty, breadth and headroom."""

from __future__ import annotations

from collections.abc import Sequence

from nightlab.agents.team import Idea
from nightlab.experiments.template.ideas import SeedIdea
from nightlab.experiments.template.template import Template
from nightlab.papers.audit.naming import modest
from nightlab.papers.literature.literature import Reference

NOVELTY_WEIGHT = 0.5


class OfflineIdeator:
    """Ranks the ideas of a template; where it has none, one idea a strategy and one that joins them all."""

    def ideate(self, template: Template, references: Sequence[Reference]) -> list[Idea]:
        seeds = template.ideas or _own(modest(template))
        ideas = [_rated(seed, template, references) for seed in seeds]
        return sorted(ideas, key=lambda idea: (-idea.rank_score, idea.key))


def _rated(seed: SeedIdea, template: Template, references: Sequence[Reference]) -> Idea:
    """Novelty: one minus the cosine likeness (TF-IDF) to the nearest reference. Breadth: share of knobs in reach."""
    strategies = seed.strategies or template.strategies
    new, nearest = novelty(f"{seed.title}. {seed.question} {seed.hypothesis}", references)
    knobs = len(template.knobs) or 1
    breadth = sum(k.strategy in strategies for k in template.knobs) / knobs
    return Idea(
        key=seed.key,
        title=seed.title,
        question=seed.question,
        hypothesis=seed.hypothesis,
        parts=seed.parts,
        strategies=strategies,
        expected_effect=seed.expected_effect,
        risks=seed.risks,
        novelty=round(new, 4),
        nearest=nearest,
        rank_score=round(NOVELTY_WEIGHT * new + (1 - NOVELTY_WEIGHT) * breadth, 4),
    )


def novelty(text: str, references: Sequence[Reference]) -> tuple[float, str]:
    """One minus the likeness to the nearest reference, and that one's key."""
    if not references:
        return 1.0, ""
    near = likeness(text, references)
    best = max(range(len(references)), key=lambda i: near[i])
    return 1.0 - near[best], references[best].key


def likeness(text: str, references: Sequence[Reference]) -> list[float]:
    """Cosine of the TF-IDF vectors of the text and of each reference's title and abstract."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    documents = [text, *(f"{r.title}. {r.abstract}" for r in references)]
    matrix = TfidfVectorizer(stop_words="english", sublinear_tf=True).fit_transform(documents)
    return [float(v) for v in (matrix[1:] @ matrix[0].T).toarray().ravel()]


def _own(template: Template) -> tuple[SeedIdea, ...]:
    """Ideas made from the declared strategies alone."""
    title, metric = template.spec.template.title, template.metric_label
    verb = "lower" if template.spec.objective.direction == "minimize" else "raise"
    single = [
        SeedIdea(
            key=f"tune-{strategy}".replace("_", "-"),
            title=f"{title}: what the {strategy.replace('_', ' ')} is worth",
            question=f"How far does the {strategy.replace('_', ' ')} alone {verb} the {metric}?",
            hypothesis=f"a better {strategy.replace('_', ' ')} alone {verb}s the {metric}",
            strategies=(strategy,),
        )
        for strategy in template.strategies
    ]
    joint = SeedIdea(
        key="tune-jointly",
        title=f"{title}: joint tuning under a budget",
        question=f"How far do changes of all kinds together {verb} the {metric}?",
        hypothesis=f"changes of several kinds, each judged against noise, together {verb} the {metric}",
        strategies=template.strategies,
    )
    return (joint, *single)
