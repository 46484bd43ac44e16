"""A figure that the analyst's model asks for: it declares what to plot, and code draws it from the ledger's rows."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from pydantic import BaseModel

from nightlab.agents.chat.models import Chat
from nightlab.agents.documents import AskedFigure
from nightlab.agents.model import context
from nightlab.agents.model.prompts import render
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.figures.declared import KINDS, MOST, Declared, Kind, draw, fault
from nightlab.papers.manuscript.manuscript import Figure

KEY = "analyst-figure"
FILE = "figures/analyst.pdf"
SENT_BACK = 1
TOLD = (
    f"*A further view.* {{ref:{KEY}}} shows what the analyst's model asked to see; the code that draws all figures drew"
    f" it from the rows of the ledger.\n\n{{float:{KEY}}}"
)


class Drawing(BaseModel):
    """What a model wants to see plotted."""

    show: Kind
    knobs: list[str] = []


def picture(chat: Chat, ledger: Ledger, e: Evidence, folder: Path, stage: str) -> Figure | None:
    """The figure for a draft, its file written below `folder`; None where there is none."""
    if ledger.get(AskedFigure) is None:
        ledger.put(chat.attempt("figure", lambda: _asked(chat, e), AskedFigure))
    return chat.attempt(f"{stage} figure", lambda: redrawn(ledger, e, folder), lambda: None)


def redrawn(ledger: Ledger, e: Evidence, folder: Path) -> Figure | None:
    """The figure that a model asked for in this study, drawn once more; None where there is none to draw."""
    asked = ledger.get(AskedFigure)
    if asked is None or asked.show not in KINDS:
        return None
    plot = _declared(Drawing.model_validate(asdict(asked)), e)
    return None if fault(plot, e) else Figure(KEY, FILE, draw(plot, e, folder / FILE))


def _declared(drawing: Drawing, e: Evidence) -> Declared:
    """The drawing with the knobs' own names."""
    names = {k.name.replace("_", " ").casefold(): k.name for k in e.template.knobs}
    found = (names.get(name.replace("_", " ").casefold(), name) for name in drawing.knobs[: MOST + 1])
    return Declared(kind=drawing.show, knobs=tuple(dict.fromkeys(found)))


def _asked(chat: Chat, e: Evidence) -> AskedFigure:
    prompt = render("figure", task=context.task(e.template), knobs=[k.name for k in e.template.knobs], most=MOST)
    answer = chat.ask(Drawing, prompt, stage="figure", check=lambda d: fault(_declared(d, e), e), corrections=SENT_BACK)
    return AskedFigure(show=answer.show, knobs=tuple(answer.knobs))
