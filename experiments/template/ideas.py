"""The tables of ideas.toml, each key with its bounds."""

from __future__ import annotations

import re

from pydantic import (
    field_validator,
)

from nightlab.experiments.template.table import Name, Sentence, Table


class HypothesisPart(Table):
    """A part of a hypothesis, and what answers it: improves, several, helps NAME, helps KNOB WAY, more NAME NAME, or
    nothing. A way is up, down, or values of the knob with | between them."""

    says: Sentence
    by: str = ""

    @field_validator("by")
    @classmethod
    def _answerable(cls, by: str) -> str:
        if by and not re.fullmatch(r"improves|several|helps [\w-]+( \S+)?|more [\w-]+ [\w-]+", by):
            known = '"improves", "several", "helps NAME", "helps KNOB WAY", "more NAME NAME"'
            raise ValueError(f'must be {known}, or "" where nothing does')
        return by

    @property
    def names(self) -> tuple[str, ...]:
        """The strategies and knobs that it names."""
        kind, *names = self.by.split() or [""]
        return tuple(names[:1] if kind == "helps" else names)

    @property
    def way(self) -> str:
        """Where its knob is to have gone: up, down, or to values; empty where that is left open."""
        return "".join(self.by.split()[2:3]) if self.by.startswith("helps") else ""


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
