"""What a study would take: time by one timed run of the baseline, calls and tokens by what its models are asked for."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from nightlab.agents.actions.registry import actions
from nightlab.agents.assemble import questions
from nightlab.agents.chat.configuration import configured
from nightlab.agents.chat.settings import SOLVER, ModelSettings, model_settings
from nightlab.agents.offline.actions.shipped import PARTS
from nightlab.agents.telling.disclosure import shown
from nightlab.experiments.claim.parts.ablation import ABLATION_SEEDS
from nightlab.experiments.claim.parts.knobs import KNOB_SEEDS
from nightlab.experiments.claim.rivals import REFERENCE
from nightlab.experiments.claim.selection import RUNGS, SELECTION_SHARE
from nightlab.experiments.executors.executor import Place
from nightlab.experiments.executors.registry import runs_at
from nightlab.experiments.ledger.documents.study import Mode
from nightlab.experiments.loop.loop import CALIBRATION
from nightlab.experiments.records import Draw, RunRequest
from nightlab.experiments.study.errors import BaselineError
from nightlab.experiments.study.settings import Settings, refuse_idle
from nightlab.experiments.study.study import Study, create, reopen
from nightlab.experiments.template.loading import load
from nightlab.graph.template.requirements import refuse_lacking

TOKENS_IN, TOKENS_OUT = 1500, 300  # of one call, roughly
VERSION_S = (3.0, 8.0)  # to analyse, draw, write, compile and review a version of the paper, without a model's answers


@dataclass(frozen=True, kw_only=True)
class Probe:
    """Seconds of a run, of one of the baseline's, which try the evaluator as well, and of all that comes before the
    first of them; those that the claim's draws of the data take beside their runs; and whether two seeds gave different
    metrics."""

    run_s: float
    tried_s: float
    start_s: float
    draws_s: float
    noisy: bool


def estimate(begin: Callable[[Path], Path]) -> dict[str, Any]:
    """Ranges (low, high) of runs and seconds, and the calls and tokens of the models with their price.

    The least is that the first run settles every trial and nobody asks for a revision; the most, that every trial takes
    all its replicates and every revision all its experiments. The seconds are without those of the models' answers.
    begin: makes the study in a folder; there a few runs of the baseline are timed, and then it is thrown away. `usd` is
    None where a model has no known price. solver: the model that the template's judge asks besides, nobody knows how
    often. Raises BaselineError where the baseline does not run.
    """
    with tempfile.TemporaryDirectory(prefix="nightlab-estimate-") as name, reopen(begin(Path(name))) as study:
        mode = study.mode
        probe, settings, title = _probe(study), study.settings, study.template.name
        draws, asks = study.confirmations if study.template.redraws else 0, study.template.spec.evaluate.asks
        models = model_settings(study.ledger)
        taken = cost(study, probe)
    calls = _calls(settings, models, mode)
    return {
        "template": title,
        "probe_s": round(probe.run_s, 3),
        "trials": settings.trials,
        "workers": settings.workers,
        "runs": taken["runs"],
        "draws": draws,
        "draws_s": round(probe.draws_s, 1),
        "time_s": taken["time_s"],
        "limit_s": settings.hours * 3600,
        "calls": sum(calls.values()),
        "tokens_in": sum(calls.values()) * TOKENS_IN,
        "tokens_out": sum(calls.values()) * TOKENS_OUT,
        "usd": _price(models, calls),
        "solver": shown(models.of(SOLVER)) if asks else "",
    }


def cost(study: Study, probe: Probe) -> dict[str, list[Any]]:
    """The runs of a study and its seconds, each at least and at most, without those of its models' answers."""
    settings, mode, fresh = study.settings, study.mode, 2 * study.confirmations
    runs = [count + fresh for count in _runs(study, probe, mode)]
    versions = (1, 1 + settings.rounds) if mode == "pipeline" else (0, 0)
    more_s = (
        probe.start_s + probe.draws_s + _baseline(settings) * max(0.0, probe.tried_s - probe.run_s) / settings.workers
    )
    span = [
        min(settings.hours * 3600, more_s + count * probe.run_s / settings.workers + papers * version_s)
        for count, papers, version_s in zip(runs, versions, VERSION_S, strict=True)
    ]
    return {"runs": runs, "time_s": [round(s, 1) for s in span]}


def keyless(
    template: str | Path, settings: Settings, out: Path, mode: Mode, models: ModelSettings | None = None
) -> Path:
    """A study to estimate, as `nightlab.graph.session.begin` makes one, but for models whose keys are not there yet."""
    loaded, models = load(template), configured(models or ModelSettings(), Path.cwd())
    refuse_lacking(loaded)
    refuse_idle(loaded, edits=models.edits)
    return create(loaded, settings, out, mode, [models], draw_key=not models.replay, vary=not models.edits)


def _runs(study: Study, probe: Probe, mode: str) -> tuple[int, int]:
    """The runs of a study at least and at most, beside those of the confirmation."""
    settings, n = study.settings, study.confirmations
    baseline = _baseline(settings)
    searched = [baseline + settings.trials * runs for runs in (1, settings.seeds)]
    again = [
        min(_reruns(settings.trials, baseline, had), int(SELECTION_SHARE * runs))
        for had, runs in zip((settings.seeds, 1), searched, strict=True)
    ]
    parts = PARTS * min(ABLATION_SEEDS, n) + len(study.template.knobs) * min(KNOB_SEEDS, n)
    own = [
        first - baseline + more
        for first, more in zip(searched, (again[0] if probe.noisy else 0, again[1]), strict=True)
    ]
    rivals = [_rivals(settings, n, runs) for runs in own]
    if mode == "pipeline":
        parts += sum(a.cost(study.template) for a in actions().values() if settings.rounds or a.first_draft)
    return baseline + own[0] + rivals[0], baseline + own[1] + rivals[1] + parts


def _rivals(settings: Settings, pairs: int, runs: int) -> int:
    """The runs of the baselines that are asked for: those of a search each, but for the reference's, and of pairs."""
    return sum((name != REFERENCE) * runs + pairs for name in settings.rivals)


def _baseline(settings: Settings) -> int:
    """The runs of the baseline in the search."""
    return max(CALIBRATION, settings.seeds)


def _reruns(trials: int, baseline: int, had: int) -> int:
    """The runs of the selection, where the baseline and each of the most promising trials had so many before."""
    total = 0
    for count, replicates in RUNGS:
        total += min(count, trials) * max(0, replicates - had) + max(0, replicates - baseline)
        had, baseline = max(had, replicates), max(baseline, replicates)
    return total


def _probe(study: Study) -> Probe:
    """Time runs of the baseline with all that belongs to them."""
    begun = time.monotonic()
    study.data.prepare()
    prepared = time.monotonic()
    tries = study.template.trust == "verified"  # as the loop does with the baseline's
    requests = [
        RunRequest(
            artifact=study.artifacts.path(study.baseline_artifact),
            params=study.template.defaults,
            seed=study.seeds.of("search", replicate),
            probe=probe,
        )
        for replicate, probe in enumerate((tries, tries, False))
    ]
    place = Place(
        template=study.template,
        inputs=study.inputs,
        private=study.private,
        scratch=study.folder / "scratch",
        minimum=study.settings.isolation,
    )
    with runs_at(study.settings.executor, place) as runner:
        outcomes, times = [], [begun]
        for request in requests:  # the first one starts the sandboxes
            outcomes.append(runner.submit(request).result())
            times.append(time.monotonic())
    for outcome in outcomes:
        if outcome.status != "ok":
            raise BaselineError(
                f"the baseline of {study.template.name!r} does not run ({outcome.status}): {outcome.error}"
            )
    start_s, tried_s, run_s = (b - a for a, b in pairwise(times))
    draws_s = 0.0
    if study.template.redraws:  # each has sandboxes of its own
        laid = time.monotonic()
        study.data.draw(Draw(number=0))
        draws_s = time.monotonic() - laid + study.confirmations * max(0.0, times[1] - prepared - tried_s)
    noisy = any(outcome.metrics["dev"] != outcomes[0].metrics["dev"] for outcome in outcomes)
    return Probe(run_s=run_s, tried_s=tried_s, start_s=start_s, draws_s=draws_s, noisy=noisy)


def _calls(settings: Settings, models: ModelSettings, mode: str) -> dict[str, int]:
    """Calls by role, for the roles that have a model."""
    versions = 1 + settings.rounds
    asked = {
        role: wanted.study
        + wanted.trial * settings.trials
        + wanted.version * versions
        + wanted.revision * settings.rounds
        for role, wanted in questions().items()
        if mode == "pipeline" or role == "coder"
    }
    return {role: calls for role, calls in asked.items() if models.of(role)}


def _price(models: ModelSettings, calls: dict[str, int]) -> float | None:
    from nightlab.agents.chat.usage import price_of

    total = 0.0
    for role, count in calls.items():
        price = price_of(models.of(role), models.prices)
        if price is None:
            return None
        total += count * price.of(TOKENS_IN, 0, TOKENS_OUT)
    return round(total, 4)
