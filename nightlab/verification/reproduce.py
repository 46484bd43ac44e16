"""Runs of a study once more, drawn at random, in the sandbox: the same to the bit, or within the noise."""

from __future__ import annotations

import math
import random
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

from nightlab.agents.chat.settings import SOLVER
from nightlab.experiments.executors.executor import Place
from nightlab.experiments.executors.registry import runs_at
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.loop.run_accounts import inputs_of
from nightlab.experiments.records import Change, RunRequest, Split
from nightlab.experiments.study.environment import Environment, environment
from nightlab.experiments.study.study import Study, read
from nightlab.papers.audit.finding import Finding
from nightlab.verification.files import PRIVATE

NOISE = 4.0  # standard deviations between runs beyond which another machine's run is another result
ROUNDING = 1e-9  # of a value: what another order of the same sums may do to it


def reproduced(folder: Path, count: int) -> Iterator[Finding]:
    """Repeat so many runs of a study; warnings tell where it was within the noise, or could not be.

    The evaluator and the experiment are the study's own code; each runs in a sandbox.
    """
    with closing(read(folder)) as study, tempfile.TemporaryDirectory(prefix="nightlab-again-") as scratch:
        if not study.private.is_dir():
            yield Finding("reproduce", PRIVATE, "left out of the bundle, so no run can be scored again", "warning")
            return
        if any(call.role == SOLVER for call in study.ledger.calls.all()):
            told = "the judge asked a language model, which may answer otherwise, so no run is scored again"
            yield Finding("reproduce", "runs", told, "warning")
            return
        found = _candidates(study)
        chosen = random.SystemRandom().sample(found, min(count, len(found)))
        if len(chosen) < count:
            told = f"{len(chosen)} of {count} runs asked for can be repeated: the others are on draws of the data"
            yield Finding("reproduce", "runs", told, "warning")
        place = Place(
            template=study.template,
            inputs=study.inputs,
            private=study.private,
            scratch=Path(scratch),
            minimum=study.settings.isolation,
        )
        alike = _alike(study)
        with runs_at("local", place) as runner:
            for run, change in chosen:
                request = _request(study, run, change)
                outcome = runner.submit(request).result()
                yield from _compared(study, run, outcome.metrics, outcome.error, alike=alike)


def _candidates(study: Study) -> list[tuple[Run, Change]]:
    """The good runs on the study's own data of what a trial was, with its change."""
    trials = study.ledger.trials()
    by_inputs: dict[str, tuple[Run, Change]] = {}
    good = [run for run in study.ledger.each_run() if run.outcome and run.outcome.status == "ok"]
    seeds = {run.seed for run in good}
    known = {inputs_of(t.change, seed): t.change for t in trials for seed in seeds}
    for run in good:
        if run.inputs in known:
            by_inputs.setdefault(run.inputs, (run, known[run.inputs]))
    return list(by_inputs.values())


def _request(study: Study, run: Run, change: Change) -> RunRequest:
    assert run.outcome
    table = study.template.spec.fidelity
    return RunRequest(
        artifact=study.artifacts.path(change.artifact),
        params={**change.params, **(table.full if table else {})},
        seed=run.seed,
        splits=tuple(run.outcome.metrics),
    )


def _alike(study: Study) -> bool:
    """Whether processor and versions are those of all sessions of the study."""
    now, sessions = environment().of, study.ledger.all(Environment).values()
    names = now.keys() - {"nightlab", "code", "matplotlib", "pylatex"}
    return bool(sessions) and all(each.of.get(name) == now[name] for each in sessions for name in names)


def _compared(
    study: Study, run: Run, now: Mapping[Split, Mapping[str, float]], error: str, *, alike: bool
) -> Iterator[Finding]:
    assert run.outcome
    where, then = f"run {run.id}", run.outcome.metrics
    if not now:
        yield Finding("reproduce", where, f"it does not run again: {error}")
        return
    differing = [(split, name) for split in then for name, value in then[split].items() if now[split][name] != value]
    if not differing:
        return
    wide = [f"{split} {name}" for split, name in differing if not _within(study, run, split, name, now[split][name])]
    strict = alike and not study.template.interleaved
    if strict or wide:
        told = "to the bit, on the same processor and versions" if strict else f"within the noise: {', '.join(wide)}"
        yield Finding("reproduce", where, f"it does not give what the ledger has {told}")
    else:
        yield Finding("reproduce", where, "not to the bit, but within the noise of its subject's runs", "warning")


def _within(study: Study, run: Run, split: Split, name: str, now: float) -> bool:
    """Whether a value lies among those of the same subject on other seeds, or is another one by rounding alone."""
    by = defaultdict[tuple[str, str], list[float]](list)
    for each in study.ledger.each_run():
        metrics = each.outcome.metrics.get(split, {}) if each.outcome and each.outcome.status == "ok" else {}
        if name in metrics:
            by[each.phase, each.subject].append(metrics[name])
    values = by[run.phase, run.subject]
    spreads = [statistics.variance(group) for group in by.values() if len(group) > 1]
    own = statistics.stdev(values) if len(values) > 1 else 0.0
    noise = max(own, math.sqrt(statistics.fmean(spreads)) if spreads else 0.0)  # two runs tell little of their spread
    middle = statistics.fmean(values)
    return abs(now - middle) <= NOISE * noise or math.isclose(now, middle, rel_tol=ROUNDING)
