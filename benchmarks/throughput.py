"""How much of the machine's time experiments get: this runner against a plain loop of subprocesses, in one run.

Work is counted in seconds of processor time, so that whatever else uses the machine slows both sides alike. Each
experiment imports numpy and scikit-learn, as the plain script does; each is judged by an evaluator of its own. The
warm process starts once per study and is not part of the steady state that is measured here.
A line for each length of work says by how much this runner is faster, and by how much one would be that took no time
at all. The last line is JSON: speedup_* are ratios of wall time per experiment with one worker, efficiency_* is the
summed work / (wall x workers), isolation_ms is the median time of an experiment that does nothing, without evaluator.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nightlab.experiments.executors.local.local import LocalRunner, local_runner
from nightlab.experiments.records import RunRequest
from nightlab.experiments.template.loading import load

TOML = """
[template]
name = "work"
title = "Pure work"
description = "Burns a given amount of processor time."
[artifact]
editable = ["experiment.py"]
[run]
entry = "experiment:run"
timeout_s = 60
[evaluate]
{judge}
[objective]
metric = "loss"
direction = "minimize"
"""
EXPERIMENT = """
import time

import numpy
import sklearn.linear_model


def work(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        numpy.dot(A, A)


A = numpy.ones((30, 30))


def run(params, inputs, out, seed):
    work(params["seconds"])
    (out / "loss").write_text("1.0")
    print("loss: 1.0")
"""
TRAIN = (
    EXPERIMENT
    + """

if __name__ == "__main__":
    import sys

    work(float(sys.argv[1]))
    print("loss: 1.0")
"""
)
EVALUATE = """
def evaluate(out, private, split):
    return {"loss": float((out / "loss").read_text())}
"""


@contextmanager
def runner(folder: Path, *, workers: int, judge: str = 'entry = "evaluate:evaluate"') -> Iterator[LocalRunner]:
    template = Path(tempfile.mkdtemp(dir=folder))
    for name, text in {
        "template.toml": TOML.format(judge=judge),
        "experiment.py": EXPERIMENT,
        "evaluate.py": EVALUATE,
    }.items():
        (template / name).write_text(text)
    for name in ("inputs", "private"):
        (template / name).mkdir()
    with local_runner(
        load(template),
        inputs=template / "inputs",
        private=template / "private",
        scratch=template / "scratch",
        workers=workers,
    ) as local:
        timed(local, template.parent / "artifact", 0.0, workers)
        yield local


def timed(local: LocalRunner, artifact: Path, seconds: float, count: int) -> float:
    """Wall time for `count` experiments of `seconds` of work."""
    start = time.perf_counter()
    futures = [
        local.submit(RunRequest(artifact=artifact, params={"seconds": seconds}, seed=seed)) for seed in range(count)
    ]
    for outcome in (future.result() for future in futures):
        if outcome.status != "ok":
            raise SystemExit(f"an experiment failed: {outcome.error}")
    return time.perf_counter() - start


def plain(folder: Path, seconds: float, count: int) -> float:
    """Wall time for `count` runs of the same work by a plain loop."""
    script = folder / "train.py"
    script.write_text(TRAIN)
    start = time.perf_counter()
    for _ in range(count):
        subprocess.run([sys.executable, str(script), str(seconds)], check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def main() -> None:
    result: dict[str, float | str] = {}
    with tempfile.TemporaryDirectory(prefix="nightlab-throughput-") as name:
        folder = Path(name)
        artifact = folder / "artifact"
        artifact.mkdir()
        (artifact / "experiment.py").write_text(EXPERIMENT)
        with runner(folder, workers=1) as local:
            result["level"] = local.level
            for seconds, slow, fast in ((0.1, 6, 40), (1.0, 3, 8), (5.0, 2, 2)):
                loop = plain(folder, seconds, slow) / slow
                ours = timed(local, artifact, seconds, fast) / fast
                times = f"{loop / ours:.1f} times of {loop / seconds:.1f}"
                print(f"{seconds:g} s of work: plain loop {loop:.3f} s, runner {ours:.3f} s, {times}")
                result[f"speedup_{seconds:g}s"] = round(loop / ours, 2)
        for workers in (1, 2):
            with runner(folder, workers=workers) as local:
                wall = timed(local, artifact, 1.0, 8 * workers)
                result[f"efficiency_1s_{workers}w"] = round(8 / wall, 4)
                print(f"1 s of work on {workers}: {8 * workers} experiments in {wall:.2f} s")
        with runner(folder, workers=1, judge='parse = "stdout"') as local:
            result["isolation_ms"] = round(statistics.median(timed(local, artifact, 0, 1) for _ in range(40)) * 1000, 1)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
