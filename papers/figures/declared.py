"""A figure that is declared and not programmed: what to plot, by a closed vocabulary, drawn from the ledger's rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from nightlab.experiments.ledger.ledger import Trial
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.figures import figures
from nightlab.papers.figures.figures import Panel, Share

Kind = Literal["knobs", "strategies", "verdicts", "proposers"]
KINDS: tuple[str, ...] = get_args(Kind)
MOST = 3  # knobs in one figure


@dataclass(frozen=True, kw_only=True)
class Declared:
    """kind: the score of the trials against knobs, or the number of trials of each strategy, verdict or proposer."""

    kind: Kind
    knobs: tuple[str, ...] = ()


def fault(plot: Declared, e: Evidence) -> str:
    """Why a figure cannot be drawn; empty if it can."""
    names = [k.name for k in e.template.knobs]
    if plot.kind == "knobs":
        if not plot.knobs or len(plot.knobs) > MOST:
            return f"a figure of knobs shows one to {MOST} of them"
        if missing := [name for name in plot.knobs if name not in names]:
            return f"there is no knob {missing[0]!r}; there are: {', '.join(names)}"
        if not _scored(e):
            return "no trial has a score"
    return ""


def draw(plot: Declared, e: Evidence, file: Path) -> str:
    """Draw the figure and return its caption, which says what is seen and nothing of what it means."""
    if plot.kind == "knobs":
        figures.response(file, [_panel(name, e) for name in plot.knobs], f"{e.template.fitness_label} (dev)")
        told = ", ".join(name.replace("_", " ") for name in plot.knobs)
        return (
            f"Fitness in the search on the development split against {told}, trial by trial, with bars at the"
            " medians of three neighbouring trials or more."
        )
    counts = Counter(_group(plot.kind, t) for t in e.trials[1:])
    bars = [Share(label=name.replace("_", " "), value=count) for name, count in counts.most_common()]
    figures.importance(file, bars, "number of trials")
    return f"Number of trials by {plot.kind.removesuffix('s').replace('strategie', 'strategy')}, without the baseline."


def _scored(e: Evidence) -> list[tuple[int, float]]:
    scores = ((t.number, [v for _, v in e.search_scores(t.number)]) for t in e.trials if t.verdict)
    return [(number, sum(values) / len(values)) for number, values in scores if values]


def _panel(name: str, e: Evidence) -> Panel:
    knob = next(k for k in e.template.knobs if k.name == name)
    rows = [(e.trials[number], score) for number, score in _scored(e)]
    return Panel(
        knob=name.replace("_", " "),
        values=[t.change.params[name] for t, _ in rows],
        scores=[score for _, score in rows],
        verdicts=[t.verdict.kind for t, _ in rows if t.verdict],
        log=knob.log,
        confirmed=next((i for i, (t, _) in enumerate(rows) if t.number == (e.claim.best or None)), None),
    )


def _group(kind: Kind, trial: Trial) -> str:
    if kind == "verdicts":
        return trial.verdict.kind if trial.verdict else "open"
    return trial.change.strategy if kind == "strategies" else trial.change.proposer
