"""A study whose experiments take no time, for what measures all that is around them."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

TOML = """\
[template]
name = "instant"
title = "Instant experiments"
description = "A function that costs nothing, to measure the loop around it."
[artifact]
editable = ["experiment.py"]
[run]
entry = "experiment:run"
[evaluate]
entry = "evaluate:evaluate"
[objective]
metric = "value"
direction = "minimize"
[search.space.x]
strategy = "x"
type = "float"
low = 0.0
high = 1.0
default = 0.5
[search.space.y]
strategy = "y"
type = "float"
low = 0.0
high = 1.0
default = 0.5
[budget]
confirm_seeds = 2
"""


class InstantRunner:
    """Answers at once with a value that depends on parameters and seed."""

    level = "S0"
    workers = 1

    def started(self, _future):  # type: ignore[no-untyped-def]
        return True

    def submit(self, request):  # type: ignore[no-untyped-def]
        from nightlab.experiments.records import RunOutcome

        noise = (request.seed % 1000) * 1e-6
        value = (request.params["x"] - 0.3) ** 2 + (request.params["y"] - 0.7) ** 2 + noise
        done: Future[RunOutcome] = Future()
        done.set_result(
            RunOutcome(status="ok", wall_s=0.001, metrics={split: {"value": value} for split in request.splits})
        )
        return done

    def close(self) -> None:
        pass


def memory_mb(what: str = "VmRSS") -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def begin(place: Path, mode: str, **settings):  # type: ignore[no-untyped-def]
    """A new study below `place`, with the instant runner, one seed a verdict and the random policy; its folder."""
    from nightlab.experiments.study.settings import Settings
    from nightlab.graph import session
    from nightlab.heap import share_heap

    share_heap()  # as the command line does
    session._runner = lambda _study: InstantRunner()  # type: ignore[assignment]
    folder = place / "template"
    folder.mkdir()
    (folder / "template.toml").write_text(TOML)
    (folder / "experiment.py").write_text("def run(params, inputs, out, seed):\n    pass\n")
    (folder / "evaluate.py").write_text("def evaluate(out, private, split):\n    return {}\n")
    chosen = Settings(seeds=1, policy="random", **settings)
    return session.begin(folder, chosen, place / "studies", mode)  # type: ignore[arg-type]


def by_size(script: str, about: str, study: Callable[[int], None]) -> Iterator[tuple[int, dict[str, Any]]]:
    """For each number of trials that the command line asks for: the JSON that `study` prints in a fresh process."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--one", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        study(args.one)
        return
    for trials in args.trials:
        done = subprocess.run([sys.executable, script, "--one", str(trials)], stdout=subprocess.PIPE, check=True)
        yield trials, json.loads(done.stdout.splitlines()[-1])
