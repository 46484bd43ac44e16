"""Nightlab: an AI scientist that can be believed.

import nightlab

study = nightlab.run("digits", trials=40)          # the whole pipeline: a reviewed paper
result = nightlab.experiment("path/to/template")   # only the experiment subgraph
nightlab.scores(study)                             # the panel's scores, round by round
nightlab.trials(study)                             # what was tried, with the verdicts
nightlab.events(study, after=120)                  # what it told since then, also while another process works on it
nightlab.resume(study, trials=50)                  # go on; trials extends a finished one
nightlab.fork(study, 12, trials=100)               # a new study that starts from a trial
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nightlab.agents.team import Review

__all__ = ["events", "experiment", "fork", "resume", "run", "scores", "trials"]
__version__ = "0.1.0"


def run(template: str | Path, *, out: str | Path = "studies", **settings: Any) -> Path:
    """Run the whole pipeline on a template; returns the study's folder, with the paper in `paper/`.

    template: the name of one that ships with nightlab, or a folder. settings: fields of
    `nightlab.experiments.study.settings.Settings` (trials, seeds, hours, workers, seed, rounds, isolation) and of
    `nightlab.agents.chat.settings.ModelSettings` (model, models, base_url, tokens, usd, record, replay).
    Raises TemplateError for a broken template and StudyError where the study cannot go on.
    """
    return _work(template, Path(out), "pipeline", settings)


def experiment(template: str | Path, *, out: str | Path = "studies", **settings: Any) -> dict[str, Any]:
    """Run only the experiment subgraph; returns counts, baseline, best and claim as in `nightlab experiment --json`."""
    from nightlab.experiments.claim.summary import experiment_summary
    from nightlab.experiments.study.study import read

    study = read(_work(template, Path(out), "experiment", settings))
    try:
        return experiment_summary(study)
    finally:
        study.close()


def resume(study: str | Path, *, trials: int | None = None) -> Path:
    """Go on with a study where it stopped; returns its folder.

    trials: so many more for a finished one, with a claim of their own. Raises StudyError where that is not finished,
    SettingsError where it is no number of trials.
    """
    from nightlab.graph.session import extend

    if trials is not None:
        extend(Path(study), trials)
    return _worked(Path(study))


def fork(study: str | Path, trial: int, *, out: str | Path = "studies", **settings: Any) -> Path:
    """Start a new study whose baseline is a trial of another, and work on it to its end; returns its folder.

    settings: what differs from those of the study. Raises NoTrial for a trial that is missing, ForkError for
    one that failed.
    """
    from nightlab.graph.session import fork

    return _worked(fork(Path(study), trial, Path(out), **settings))


def scores(study: str | Path) -> list[Review]:
    """All reviews of a study's paper, in the order of the rounds."""
    from nightlab.agents.team import Review
    from nightlab.experiments.study.study import read

    opened = read(Path(study))
    try:
        return list(opened.ledger.all(Review).values())
    finally:
        opened.close()


def trials(study: str | Path) -> list[dict[str, Any]]:
    """All trials of a study with their changes, verdicts and fitness, as in `nightlab trials --json`."""
    from nightlab.telling.report import opened
    from nightlab.telling.trials_view import rows

    with opened(Path(study)) as found:
        return rows(found)


def events(study: str | Path, *, after: int = 0) -> list[dict[str, Any]]:
    """What a study told after the event of that number, as in `nightlab follow --json`; each has its own `number`.

    Asking again with the last number goes on from there, while another process works on the study.
    """
    from nightlab.telling.report import opened

    with opened(Path(study)) as found:
        return [event.record() for event in found.ledger.events(after)]


def _work(template: str | Path, out: Path, mode: Any, settings: dict[str, Any]) -> Path:
    from nightlab.agents.chat.settings import settings_from
    from nightlab.graph.session import begin

    asked, models = settings_from(settings)
    return _worked(begin(template, asked, out, mode, models))


def _worked(folder: Path) -> Path:
    from nightlab.graph.session import work

    work(folder, lambda _event: None)
    return folder
