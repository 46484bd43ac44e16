"""`python -m tests.hostile.calls.driver LEVEL [NAME ...]` has candidates judged, and says as JSON what went wrong."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from nightlab.experiments.executors.local.local import LocalRunner
from nightlab.experiments.records import Level, RunOutcome, RunRequest
from nightlab.experiments.template.loading import load
from tests.hostile.calls.program import JUDGE, PRELUDE, Program
from tests.hostile.calls.programs import ALL
from tests.hostile.driver import FORBIDDEN, hunting_ground
from tests.hostile.prey import SECRET, Prey

TOML = """
[template]
name = "hostile"
title = "Hostile candidates"
description = "Candidates that behave badly towards their judge."
[artifact]
editable = ["experiment.py"]
[run]
entry = "experiment:start"
timeout_s = {timeout_s}
memory_mb = 400
[evaluate]
interactive = "judge:judge"
fresh = {fresh}
[objective]
metric = "score"
direction = "minimize"
"""
SHORT, PATIENT, WORKERS = 1.0, 30.0, 12  # s for those that end by their time, and for all others; side by side
KINDS = (False, False), (False, True), (True, False)  # whether calls have processes of their own, and end by time


def _runner(prey: Prey, level: Level, *, fresh: bool, ends: bool) -> LocalRunner:
    toml = TOML.format(fresh=str(fresh).lower(), timeout_s=SHORT if ends else PATIENT)
    prey.put("template/template.toml", toml)
    prey.put("template/judge.py", JUDGE)
    prey.put("template/experiment.py", PRELUDE)
    folders = {name: prey.folder / name for name in ("inputs", "private", "scratch")}
    workers = WORKERS if ends else 2
    return LocalRunner(load(prey.folder / "template"), workers=workers, level=level, **folders)


def _wrong(program: Program, outcome: RunOutcome) -> Iterator[str]:
    if outcome.status != program.status:
        yield f"it ended as {outcome.status}, not {program.status}: {outcome.error[-300:]!r} {outcome.metrics}"
    if missing := [words for words in program.says if words not in outcome.error]:
        yield f"{outcome.error[-400:]!r} does not say {missing}"
    for metrics in outcome.metrics.values():
        if metrics["score"] or metrics["grown"] > 0 or not program.wants(metrics):
            yield f"it got what it wanted: {metrics}"
    said = outcome.output + outcome.error
    if SECRET in said or any(c in said for c in FORBIDDEN) or len(outcome.error) > 20_000:
        yield f"what came out: {said[:300]!r}"


def judged(programs: Sequence[Program], prey: Prey, level: Level) -> dict[str, list[str]]:
    """What went wrong, by the programs' names; all are under way at once, as many as there are workers."""
    failures: dict[str, list[str]] = {}
    with _runner(prey, level, fresh=programs[0].fresh, ends=programs[0].ends) as runner:
        futures = {}
        for number, program in enumerate(programs):
            artifact = prey.folder / "scratch" / f"artifact-{len(list((prey.folder / 'scratch').iterdir()))}-{number}"
            artifact.mkdir(mode=0o755)
            (artifact / "experiment.py").write_text(program.source)
            futures[program.name] = runner.submit(RunRequest(artifact=artifact, params=prey.params, seed=1))
        for program in programs:
            if wrong := list(_wrong(program, futures[program.name].result(120))):
                failures[program.name] = wrong
    return failures


def main(level: Level, names: list[str]) -> None:
    failures: dict[str, list[str]] = {}
    began, count = time.monotonic(), 0
    with hunting_ground() as prey:
        for fresh, ends in KINDS:
            mine = [p for p in ALL if level in p.levels and (p.fresh, p.ends) == (fresh, ends)]
            mine = [p for p in mine if not names or p.name in names]
            count += len(mine)
            failures |= judged(mine, prey, level) if mine else {}
        if harm := list(prey.harm()):
            failures["all"] = harm
        if left := [pid for pid in _children() if pid != prey.victim.pid]:
            failures["close"] = [f"{len(left)} processes are left"]
    print(json.dumps({"programs": count, "failures": failures, "seconds": round(time.monotonic() - began, 1)}))


def _children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


if __name__ == "__main__":
    main(cast(Level, sys.argv[1]), sys.argv[2:])
