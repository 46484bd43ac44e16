"""The curve of a search: a picture for whoever runs only the experiment."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from nightlab.experiments.claim.statistics.inference import summarize
from nightlab.experiments.ledger.ledger import Run, Trial, by_verdict
from nightlab.experiments.ledger.trial_scores import SEARCH, trial_scores
from nightlab.experiments.study.study import Study
from nightlab.papers.figures import figures
from nightlab.papers.figures.figures import Point


def draw_curve(study: Study) -> Path:
    """Write progress.pdf into the study's folder; returns its path."""
    file = study.folder / "progress.pdf"
    claim = study.claim
    best = claim.best if claim else None
    figures.progress(file, points(study), f"dev {study.template.search_label}", best or None)
    return file


def points(study: Study) -> list[Point]:
    """The settled trials as points of the curve, in the order of their verdicts."""
    runs = defaultdict[str, list[Run]](list)
    for run in study.ledger.runs(SEARCH):
        runs[run.subject].append(run)
    scores = {trial: trial_scores(study.template, found, study.settings.seeds) for trial, found in runs.items()}
    return [point(t, list(scores.get(str(t.number), {}).values())) for t in by_verdict(study.ledger.trials())]


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
