"""Whether a run can learn what it is for: a classifier, trained on all that runs see, must do no better than chance.

Runs of baseline and candidate, for the search and for a confirmation, are made in an order drawn by chance, so that a
clock or a counter that only grows tells nobody which of them it is. Each prints what it sees of itself, its files and
the machine. `--runs 1000 --level S3`; the last line is JSON: the accuracy for each question, what chance reaches at
most (one time in ten thousand), and the accuracy where the answer is planted, which shows that the classifier learns.
"""

from __future__ import annotations

import argparse
import base64
import json
import random
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy
import scipy.stats
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import cross_val_score

from nightlab.experiments.executors.local.isolation.sandbox import probe
from nightlab.experiments.executors.local.local import LocalRunner
from nightlab.experiments.records import Level, RunRequest
from nightlab.experiments.template.loading import load

TOML = """
[template]
name = "blindness"
title = "What runs see"
description = "Each run prints what it sees."
[artifact]
editable = ["experiment.py"]
[run]
entry = "experiment:run"
[evaluate]
entry = "evaluate:evaluate"
[objective]
metric = "loss"
direction = "minimize"
"""
EVALUATE = "def evaluate(out, private, split):\n    return {'loss': 1.0}\n"
EXPERIMENT = """
import base64, json, os, resource, socket, sys, threading, time, zlib


def numbers(path):
    try:
        words = open(path).read().replace(":", " ").split()
    except OSError:
        return
    for n, word in enumerate(words):
        if word.lstrip("-").replace(".", "", 1).isdigit():
            yield f"{path} {n}", float(word)


def told(inputs, out, seed):
    began = time.perf_counter()
    (inputs / "data").read_bytes()
    yield "reading", time.perf_counter() - began
    yield from {"wall": time.time(), "monotonic": time.monotonic(), "used": time.process_time(), "seed": seed}.items()
    yield from {"pid": os.getpid(), "parent": os.getppid(), "user": os.getuid()}.items()
    yield from {"modules": sorted(sys.modules), "path": sys.path, "argv": sys.argv, "around": os.listdir("..")}.items()
    yield from {"threads": threading.active_count(), "descriptors": sorted(os.listdir("/proc/self/fd"))}.items()
    yield from {f"environment {name}": value for name, value in os.environ.items()}.items()
    yield from {name: os.path.realpath(f"/proc/self/{name}") for name in ("cwd", "exe", "root")}.items()
    for kind in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        yield from {f"usage {kind} {n}": value for n, value in enumerate(resource.getrusage(kind))}.items()
    yield from {f"limit {n}": resource.getrlimit(n)[0] for n in range(16)}.items()
    for path in (".", "..", out, inputs, inputs / "data", "experiment.py", "/tmp", "../params.json", "/proc"):
        yield from {f"{path} {n}": value for n, value in enumerate(os.stat(path))}.items()
        yield from {f"space {path} {n}": value for n, value in enumerate(os.statvfs(path))}.items()
    for name in ("stat", "status", "sched", "io", "cgroup", "net/dev", "net/sockstat"):
        yield from numbers(f"/proc/self/{name}")
    for name in ("meminfo", "loadavg", "vmstat", "stat", "uptime"):
        yield from numbers(f"/proc/{name}")
    for name in ("kernel/ns_last_pid", "fs/file-nr", "fs/inode-nr", "kernel/random/entropy_avail"):
        yield from numbers(f"/proc/sys/{name}")
    yield from {f"socket {n}": os.fstat(one.fileno()).st_ino for n, one in enumerate(socket.socketpair())}.items()


def run(params, inputs, out, seed):
    told_all = json.dumps(dict(told(inputs, out, seed)), default=str)
    print(base64.b64encode(zlib.compress(told_all.encode(), 9)).decode())
"""
QUESTIONS = {"is it a confirmation": ("search", "confirm"), "is it the candidate": ("baseline", "candidate")}
SURE = 0.9999  # of the classifier's accuracy being within what chance reaches


def seen(level: Level, roles: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """What a run sees of each role, as a study asks for it."""
    with tempfile.TemporaryDirectory(prefix="nightlab-blindness-") as name:
        folder = Path(name)
        for place in ("template", "inputs", "private", "baseline", "candidate"):
            (folder / place).mkdir()
        for place in ("template", "baseline", "candidate"):
            (folder / place / "experiment.py").write_text(EXPERIMENT)
        (folder / "template" / "template.toml").write_text(TOML)
        (folder / "template" / "evaluate.py").write_text(EVALUATE)
        (folder / "inputs" / "data").write_bytes(bytes(1 << 20))
        places = {place: folder / place for place in ("inputs", "private", "scratch")}
        with LocalRunner(load(folder / "template"), workers=1, level=level, **places) as runner:
            return [_look(runner, folder, *role) for role in roles]


def _look(runner: LocalRunner, folder: Path, phase: str, whose: str) -> dict[str, Any]:
    confirms = phase == "confirm"
    request = RunRequest(
        artifact=folder / whose,
        params={},
        seed=random.getrandbits(31),
        splits=("dev", "holdout") if confirms else ("dev",),
        probe=not confirms and whose == "baseline",
    )
    outcome = runner.submit(request).result(60)
    if outcome.status != "ok":
        raise SystemExit(f"a run failed: {outcome.error}")
    return cast(dict[str, Any], json.loads(zlib.decompress(base64.b64decode(outcome.output))))


def features(told: Sequence[Mapping[str, Any]]) -> numpy.ndarray[Any, Any]:
    """A row for each run, of numbers; a text is a number that is equal for equal texts."""
    names = sorted(set().union(*told))
    rows = [[_number(one.get(name)) for name in names] for one in told]
    return numpy.array(rows)


def _number(value: Any) -> float:
    number = float(value) if isinstance(value, int | float) else zlib.crc32(str(value).encode()) * 1.0
    return max(-1e30, min(1e30, number))


def accuracy(rows: numpy.ndarray[Any, Any], answers: Sequence[str]) -> float:
    """How often trees, trained on four fifths of the runs, tell the answer for the last fifth."""
    trees = ExtraTreesClassifier(n_estimators=60, random_state=0)
    return float(cross_val_score(trees, rows, answers, cv=5).mean())


def measure(level: Level, runs: int) -> dict[str, float]:
    """The accuracy for each question, what chance reaches at most, and the accuracy where the answer is planted."""
    roles = [(phase, whose) for phase in ("search", "confirm") for whose in ("baseline", "candidate")] * (runs // 4)
    random.shuffle(roles)
    rows = features(seen(level, roles))
    found = {
        question: accuracy(rows, [next(word for word in role if word in answers) for role in roles])
        for question, answers in QUESTIONS.items()
    }
    planted = numpy.array([[float(phase == "confirm")] for phase, _ in roles])
    found["planted"] = accuracy(numpy.hstack([rows, *[planted] * 9]), [phase for phase, _ in roles])
    return found | {"chance": float(scipy.stats.binom.ppf(SURE, len(roles), 0.5)) / len(roles)}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=1000)
    options.add_argument("--level", choices=("S3", "S2", "S1", "S0"), default=probe())
    given = options.parse_args()
    found = measure(given.level, given.runs)
    for name, value in found.items():
        print(f"{name}: {value:.3f}")
    print(json.dumps({"level": given.level, "runs": given.runs} | found))


if __name__ == "__main__":
    main()
