"""The curve of a search: a picture for whoever runs only the experiment."""

from __future__ import annotations

from pathlib import Path

from nightlab.experiments.claim.inference import summarize
from nightlab.experiments.ledger.ledger import Trial, by_verdict
from nightlab.experiments.study.study import Study
from nightlab.papers.figures import figures
from nightlab.papers.figures.figures import Point


def draw_curve(study: Study) -> Path:
    """Write progress.pdf into the study's folder; returns its path."""
    file = study.folder / "progress.pdf"
    claim = study.ledger.document("claim", study.era("claim"))
    best = claim["best"] if claim else None
    figures.progress(file, points(study), f"dev {study.template.fitness_label}", best or None)
    return file


def points(study: Study) -> list[Point]:
    """The settled trials as points of the curve, by their verdicts, on the seeds of these, as in the paper."""
    values: dict[str, list[float]] = {}
    for run in study.ledger.runs("search"):
        if run.replicate < study.settings.seeds and run.outcome and run.outcome.status == "ok":
            values.setdefault(run.subject, []).append(study.template.fitness(dict(run.outcome.metrics["dev"])))
    return [point(t, values.get(str(t.number), [])) for t in by_verdict(study.ledger.trials())]


def point(trial: Trial, scores: list[float]) -> Point:
    """A trial as a point of the curve."""
    kind = trial.verdict.kind if trial.verdict else "failed"
    s = summarize(scores) if scores and kind != "failed" else None
    return Point(
        number=trial.number,
        value=s.mean if s else None,
        stderr=s.stderr if s else 0.0,
        verdict=kind,
        strategy=trial.change.strategy,
    )
