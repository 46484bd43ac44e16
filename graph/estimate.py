"""What a study would take: time by one timed run of the baseline, calls and tokens by what its models are asked for."""

from __future__ import annotations

import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

from nightlab.experiments.budget import COLD_S, PAPER_S
from nightlab.experiments.confirm import ABLATION_SEEDS
from nightlab.experiments.loop import CALIBRATION
from nightlab.experiments.records import RunRequest
from nightlab.experiments.runner.local import local_runner
from nightlab.experiments.study import BaselineError, Settings, Study, create, reopen
from nightlab.experiments.template import load

TOKENS_IN, TOKENS_OUT = 1500, 300  # of one call, roughly
SECTIONS = 8  # of a paper; the writer is asked for each
REVIEWERS = 3
PARTS = 4  # kept changes that an ablation may have to take out
RERUNS = 160  # replicates at most that the selection gives the most promising trials


def estimate(template: str | Path, settings: Settings, mode: Literal["pipeline", "experiment"]) -> dict[str, Any]:
    """Ranges (low, high) of runs and seconds, and the calls and tokens of the models with their price.

    One run of the baseline is made and timed, in a study that is thrown away. `usd` is None where a model has no known
    price. Raises BaselineError where the baseline does not run.
    """
    with tempfile.TemporaryDirectory(prefix="nightlab-estimate-") as name:
        folder = create(load(template), settings, Path(name))
        with reopen(folder) as study:
            probe_s = _probe(study)
            settings, n = study.settings, study.template.spec.budget.confirm_seeds
            title = study.template.name
    owed = max(CALIBRATION, settings.seeds) + 2 * n
    most = owed + settings.trials * settings.seeds + min(RERUNS, 8 * settings.trials) + PARTS * min(ABLATION_SEEDS, n)
    runs = (owed + settings.trials, most)
    paper = PAPER_S / 6 * (1 + settings.rounds) if mode == "pipeline" else 0.0
    cold = 2 * n * COLD_S
    limit = settings.hours * 3600
    span = [min(limit, (count * probe_s + cold) / settings.workers + paper) for count in runs]
    calls = _calls(settings, mode)
    return {
        "template": title,
        "probe_s": round(probe_s, 3),
        "trials": settings.trials,
        "workers": settings.workers,
        "runs": list(runs),
        "time_s": [round(s, 1) for s in span],
        "limit_s": limit,
        "calls": sum(calls.values()),
        "tokens_in": sum(calls.values()) * TOKENS_IN,
        "tokens_out": sum(calls.values()) * TOKENS_OUT,
        "usd": _price(settings, calls),
    }


def _probe(study: Study) -> float:
    """Seconds of one run of the baseline with all that belongs to it, but for the start of its sandbox."""
    study.prepare()
    request = RunRequest(
        artifact=study.artifacts.path(study.baseline_artifact),
        params=study.template.defaults,
        seed=study.seed_of("search", 0),
    )
    minimum = study.settings.isolation
    with closing(
        local_runner(
            study.template,
            inputs=study.inputs,
            private=study.private,
            scratch=study.folder / "scratch",
            minimum=minimum,
        )
    ) as runner:
        runner.submit(request).result()  # starts the sandboxes
        started = time.monotonic()
        outcome = runner.submit(request).result()
        took = time.monotonic() - started
    if outcome.status != "ok":
        raise BaselineError(f"the baseline of {study.template.name!r} does not run ({outcome.status}): {outcome.error}")
    return took


def _calls(settings: Settings, mode: str) -> dict[str, int]:
    """Calls by role, for the roles that have a model."""
    versions = 1 + settings.rounds
    asked = {"coder": settings.trials}
    if mode == "pipeline":
        asked |= {
            "ideator": 2,
            "analyst": versions + 1,  # and the figure
            "writer": SECTIONS * versions,
            "reviewer": REVIEWERS * versions,
        }
    return {role: calls for role, calls in asked.items() if settings.models.get(role, settings.model)}


def _price(settings: Settings, calls: dict[str, int]) -> float | None:
    from nightlab.agents.usage import price_of

    total = 0.0
    for role, count in calls.items():
        price = price_of(settings.models.get(role, settings.model), settings.prices)
        if price is None:
            return None
        total += count * price.of(TOKENS_IN, 0, TOKENS_OUT)
    return round(total, 4)
