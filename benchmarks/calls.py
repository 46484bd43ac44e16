"""What a call costs that a judge makes: of a function that does nothing, in microseconds, by the judge's own clock.

Beside it, in the same run, the same calls to a plain process by `multiprocessing.Pipe`, which pickles and isolates
nothing. The last line is JSON: *_us are medians, least_us the least; `wall` is what the judge waits in all, with the
packing and unpacking that no call's time contains.
"""

from __future__ import annotations

import json
import multiprocessing
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from nightlab.experiments.executors.local.local import local_runner
from nightlab.experiments.records import RunRequest
from nightlab.experiments.template.loading import load

TOML = """
[template]
name = "calls"
title = "Calls of a function"
description = "Functions that do nothing, called by a judge."
[artifact]
editable = ["experiment.py"]
[run]
entry = "experiment:start"
[evaluate]
interactive = "judge:judge"
fresh = {fresh}
[objective]
metric = "plain_us"
direction = "minimize"
"""
EXPERIMENT = """
import numpy


def start(params, inputs, out, seed):
    pass


def same(value):
    return value


def ask(tools):
    return tools["ask"](1)
"""
JUDGE = """
import statistics
import time

import numpy


def judge(candidate, private, split, seed):
    found = {}
    for name, count, function, args, options in (
        ("plain", COUNT, "same", [1.5], {}),
        ("array_8kB", COUNT, "same", [numpy.zeros(1000)], {}),
        ("array_8MB", COUNT // 50, "same", [numpy.zeros(1000_000)], {}),
        ("tool", COUNT, "ask", [], {"tools": {"ask": lambda n: n}}),
    )[:STEPS]:
        taken, wall = [], []
        for _ in range(count):
            began = time.perf_counter()
            candidate.call(function, *args, **options)
            wall.append(time.perf_counter() - began)
            taken.append(candidate.seconds)
        found |= {f"{name}_us": 1e6 * statistics.median(taken), f"{name}_wall_us": 1e6 * statistics.median(wall)}
        found[f"{name}_least_us"] = 1e6 * min(taken)
    return found
"""


def measured(folder: Path, *, fresh: bool, count: int, steps: int) -> dict[str, float]:
    """The judge's metrics of one run."""
    template = Path(tempfile.mkdtemp(dir=folder))
    judge = JUDGE.replace("COUNT", str(count)).replace("STEPS", str(steps))
    for name, text in {
        "template.toml": TOML.format(fresh=str(fresh).lower()),
        "experiment.py": EXPERIMENT,
        "judge.py": judge,
    }.items():
        (template / name).write_text(text)
    folders = {name: template / name for name in ("inputs", "private", "scratch")}
    for path in folders.values():
        path.mkdir()
    with local_runner(load(template), **folders) as runner:
        outcome = runner.submit(RunRequest(artifact=template, params={}, seed=0)).result()
    if outcome.status != "ok":
        raise SystemExit(f"the calls failed: {outcome.error}")
    return dict(outcome.metrics["dev"])


def _echo(end: Connection) -> None:
    while (value := end.recv()) is not None:
        end.send(value)


def plain(count: int) -> float:
    """The median of calls to a process that nothing isolates."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=_echo, args=(theirs,))
    process.start()
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        ours.send(1.5)
        ours.recv()
        taken.append(time.perf_counter() - began)
    ours.send(None)
    process.join()
    return 1e6 * statistics.median(taken)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="nightlab-calls-") as name:
        found = measured(Path(name), fresh=False, count=5000, steps=4)
        pipe = plain(5000)
        fresh = measured(Path(name), fresh=True, count=200, steps=1)
    result = {name: round(value, 1) for name, value in found.items()}
    result |= {"pipe_us": round(pipe, 1), "to_pipe": round(found["plain_wall_us"] / pipe, 2)}
    result |= {"fresh_us": round(fresh["plain_us"], 1), "fresh_wall_ms": round(fresh["plain_wall_us"] / 1000, 2)}
    for name in ("plain", "array_8kB", "array_8MB", "tool"):
        print(f"{name}: {result[f'{name}_us']} us a call, {result[f'{name}_wall_us']} with packing")
    print(
        f"by a pipe of multiprocessing: {result['pipe_us']} us; a process for each call: {result['fresh_wall_ms']} ms"
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
