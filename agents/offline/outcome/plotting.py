"""The figures of the offline analyst, with their captions."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any

from nightlab.agents.offline.outcome import importance
from nightlab.agents.offline.wording import caption
from nightlab.experiments.claim.statistics.inference import exact
from nightlab.experiments.ledger.documents.claim import KnobStep
from nightlab.experiments.ledger.ledger import by_verdict
from nightlab.experiments.records import Effect, Knob
from nightlab.papers.facts.evidence import Evidence, confirmed
from nightlab.papers.figures import figures
from nightlab.papers.figures.curve import point
from nightlab.papers.figures.figures import Bar, Panel, Share
from nightlab.papers.manuscript.manuscript import Figure

SHOWN_KNOBS = 6
SHOWN_BARS = 10


def progress(e: Evidence, folder: Path) -> Figure:
    points = [point(t, [v for _, v in e.search_scores(t.number)]) for t in by_verdict(e.trials)]
    figures.progress(folder / "figures/progress.pdf", points, _label(e, "dev"), e.best.number or None)
    verdicts = [p.verdict for p in points]
    told = caption(
        "progress",
        e,
        banded=verdicts.count("reverted") > figures.DOTS,
        thinned=verdicts.count("failed") > figures.TICKS,
        best=e.best.number,
    )
    return Figure("progress", "figures/progress.pdf", told)


def confirmation(e: Evidence, folder: Path) -> list[Figure]:
    if e.best.number == 0:
        return []
    splits = ["dev", "holdout"] if e.claim.split == "holdout" else ["dev"]
    values = {subject: {split: _confirmed(e, subject, split) for split in splits} for subject in ("baseline", "best")}
    file = "figures/confirmation.pdf"
    figures.confirmation(folder / file, values["baseline"], values["best"], _label(e))  # type: ignore[arg-type]
    return [Figure("confirmation", file, caption("confirmation", e, sure=exact(e.claim)))]


def _confirmed(e: Evidence, subject: str, split: Any) -> list[float]:
    return [value for run in confirmed(e, subject) if (value := e.fitness(run, split)) is not None]


def ablation(e: Evidence, folder: Path) -> list[Figure]:
    if not e.ablation:
        return []
    rows = _bars((f"{r.strategy.replace('_', ' ')} (trial {r.trial})", r) for r in e.ablation)
    figures.ablation(folder / "figures/ablation.pdf", rows, f"{_label(e, 'dev')} lost without the part")
    return [
        Figure(
            "ablation-intervals",
            "figures/ablation.pdf",
            caption("ablation-intervals", e, sure=all(map(exact, e.ablation))),
        )
    ]


def response(e: Evidence, folder: Path, shares: importance.Shares) -> list[Figure]:
    rows = importance.scored(e)
    knobs = {k.name: k for k in e.template.knobs}
    if not shares:
        return []
    panels = [
        Panel(
            knob=name.replace("_", " "),
            values=[_shown(knobs[name], t.change.params[name]) for t, _ in rows],
            scores=[value for _, value in rows],
            verdicts=[t.verdict.kind for t, _ in rows if t.verdict],
            log=knobs[name].log,
            confirmed=next((i for i, (t, _) in enumerate(rows) if t.number == (e.best.number or None)), None),
        )
        for name in list(shares)[:SHOWN_KNOBS]
    ]
    figures.response(folder / "figures/response.pdf", panels, _label(e, "dev"))
    crowded = panels[0].verdicts.count("reverted") > figures.DOTS
    bars = [
        Share(label=name.replace("_", " "), value=median(found), low=min(found), high=max(found))
        for name, found in list(shares.items())[:SHOWN_BARS]
    ]
    figures.importance(folder / "figures/importance.pdf", bars, "share of the variance of the ranks")
    most = caption("importance", e, sampled=len(rows) > importance.WEIGHED)
    return [
        Figure("importance", "figures/importance.pdf", most),
        Figure("response", "figures/response.pdf", caption("response", e, crowded=crowded)),
    ]


def sensitivity(e: Evidence, folder: Path) -> list[Figure]:
    """What a step of each knob costs."""
    if not e.sensitivity:
        return []
    rows = _bars((f"{r.knob.replace('_', ' ')} = {_printed(e, r)}", r) for r in e.sensitivity)
    figures.sensitivity(folder / "figures/sensitivity.pdf", rows, f"{_label(e, 'dev')} lost by the step")
    printed = tuple(id for r in e.sensitivity if (id := f"sensitivity.{r.key}.value") in e.facts)
    told = caption("sensitivity-intervals", e, sure=all(map(exact, e.sensitivity)))
    return [Figure("sensitivity-intervals", "figures/sensitivity.pdf", told, printed)]


def _bars(effects: Iterable[tuple[str, Effect]]) -> list[Bar]:
    """Effects by their labels, the largest first."""
    return [
        Bar(label=label, effect=r.effect, low=r.low, high=r.high, significant=r.low > 0 or r.high < 0)
        for label, r in sorted(effects, key=lambda each: -each[1].effect)
    ]


def _printed(e: Evidence, step: KnobStep) -> str:
    """The value of a step as its fact is printed."""
    return step.value if isinstance(step.value, str) else e.facts[f"sensitivity.{step.key}.value"].text


def _label(e: Evidence, split: str = "", label: str = "") -> str:
    unit = f" ({e.template.spec.objective.unit})" if e.template.spec.objective.unit else ""
    return f"{split + ' ' if split else ''}{label or e.template.fitness_label}{unit}"


def _shown(knob: Knob, value: Any) -> Any:
    return str(value) if knob.type == "choice" else value
