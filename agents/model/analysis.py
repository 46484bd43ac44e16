"""Analysis with a language model: the offline agent's facts, figures and tables, and conclusions drawn from them."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel

from nightlab.agents.chat.models import Chat, NoAnswer
from nightlab.agents.model import context
from nightlab.agents.model.model_figure import TOLD, picture
from nightlab.agents.model.prompts import render
from nightlab.agents.model.prose import Rules, as_paragraph, faults, kept
from nightlab.agents.team import Analysis, Analyst, Questions, Request
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.papers.facts.evidence import Evidence

WORDS = 160
MOST_THREATS = 3
SENT_BACK = 1  # times that sentences which cannot stand go back; then they are cut


class Reading(BaseModel):
    """What a model concludes."""

    conclusions: str
    threats: list[str] = []
    experiment: str = ""


class ModelAnalyst:
    """What the offline analyst measures stays as it is; the model reads it."""

    questions: ClassVar = Questions(study=1, version=1)  # the figure, and each version's conclusions

    def __init__(self, chat: Chat, offline: Analyst, ledger: Ledger) -> None:
        self._chat = chat
        self._offline = offline
        self._ledger = ledger

    def draw(self, evidence: Evidence, folder: Path, stage: str) -> None:
        self._offline.draw(evidence, folder, stage)
        picture(self._chat, self._ledger, evidence, folder, stage)

    def analyse(self, evidence: Evidence, folder: Path, stage: str) -> Analysis:
        measured = self._offline.analyse(evidence, folder, stage)
        whole = dataclasses.replace(evidence, facts={**evidence.facts, **measured.facts})
        rules = context.rules(evidence.template, (), whole)
        read = self._chat.attempt(stage, lambda: self._read(whole, rules, measured, stage), lambda: measured)
        figure = picture(self._chat, self._ledger, evidence, folder, stage)
        if figure is None:
            return read
        return dataclasses.replace(
            read, figures=(*read.figures, figure), conclusions={**read.conclusions, "picture": TOLD}
        )

    def _read(self, e: Evidence, rules: Rules, measured: Analysis, stage: str) -> Analysis:
        wanted = context.experiments(e)
        prompt = render(
            "analyst",
            task=context.task(e.template),
            outcome=context.outcome(e),
            frames=context.frames(e, rules.frames),
            experiments=wanted,
        )
        seen: list[Reading] = []

        def check(reading: Reading) -> str:
            seen.append(reading)
            return faults(reading.conclusions, rules) if len(seen) <= SENT_BACK else ""

        try:
            reading = self._chat.ask(Reading, prompt, stage=stage, check=check)
        except NoAnswer:
            if not seen:
                raise
            reading = seen[-1]
        read = as_paragraph(kept(reading.conclusions, rules, words=WORDS), rules)
        threats = [t for x in reading.threats[: 2 * MOST_THREATS] if (t := _line(x, rules))][:MOST_THREATS]
        if not read and not threats:
            raise NoAnswer("no sentence of the analysis could stand")
        return dataclasses.replace(
            measured,
            conclusions={**measured.conclusions, "view": read, "threats_seen": " ".join(threats)},
            requests=tuple(
                Request(kind="evidence", action=action, text=text)
                for action, text in wanted.items()
                if action == reading.experiment.strip().casefold()
            ),
        )


def _line(text: str, rules: Rules) -> str:
    """A threat as one line of markup."""
    return as_paragraph(kept(text, rules, words=40), rules)
