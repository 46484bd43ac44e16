"""The tables of ideas.toml, each key with its bounds."""

from __future__ import annotations

import re

from pydantic import (
    field_validator,
)

from nightlab.experiments.template.table import Name, Sentence, Table


class HypothesisPart(Table):
    """A part of a hypothesis, and what answers it: improves, several, helps NAME, more NAME NAME, or nothing."""

    says: Sentence
    by: str = ""

    @field_validator("by")
    @classmethod
    def _answerable(cls, by: str) -> str:
        if by and not re.fullmatch(r"improves|several|helps [\w-]+|more [\w-]+ [\w-]+", by):
            raise ValueError('must be "improves", "several", "helps NAME", "more NAME NAME", or "" where nothing does')
        return by

    @property
    def names(self) -> tuple[str, ...]:
        """The strategies and knobs that it names."""
        return tuple(self.by.split()[1:])


class SeedIdea(Table):
    """A research question that the template's author proposes."""

    key: Name
    title: Sentence
    question: Sentence
    hypothesis: Sentence
    parts: tuple[HypothesisPart, ...] = ()  # of the hypothesis, each with what answers it
    strategies: tuple[str, ...] = ()
    expected_effect: str = ""
    risks: str = ""


class Ideas(Table):
    idea: tuple[SeedIdea, ...] = ()
