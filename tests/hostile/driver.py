"""`python -m tests.hostile.driver LEVEL [NAME ...]` runs hostile programs and says, as JSON, what went wrong."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

from nightlab.experiments.executors.local.inside.kernel import limits, syscalls
from nightlab.experiments.executors.local.local import LocalRunner
from nightlab.experiments.records import Level, RunOutcome, RunRequest
from nightlab.experiments.template.loading import load
from tests.hostile.prey import SECRET, Prey
from tests.hostile.programs import ALL
from tests.hostile.programs.program import PRELUDE, Program

TOML = """
[template]
name = "hostile"
title = "Hostile programs"
description = "Programs that try to break out."
[artifact]
editable = ["experiment.py"]
[run]
entry = "experiment:run"
timeout_s = {timeout_s}
memory_mb = 400
disk_files = 2000
hide = ["sklearn/datasets/data"]
network = {network}
[evaluate]
entry = "evaluate:evaluate"
[objective]
metric = "score"
direction = "minimize"
"""
EVALUATE = """
import json
import numpy
def evaluate(out, private, split):
    labels = (private / "labels.prey").read_text()
    assert labels.startswith("hunter2")
    if (out / "data.npy").exists():
        numpy.load(out / "data.npy", allow_pickle=False)
    if (out / "data.npz").exists():
        numpy.load(out / "data.npz", allow_pickle=False)["a"]
    if (out / "raw").exists():
        return {"score": float((out / "raw").read_text())}
    if (out / "quoted").exists():
        raise ValueError(f"cannot read {(out / 'quoted').read_text()}")
    if (out / "told").exists():
        raise ValueError("item", labels, "is missing")
    return {"score": int((out / "score").read_text())}
"""
KINDS = (False, False), (False, True), (True, False)  # runners: whether with the network, and for endless programs
SHORT, PATIENT = 3, 40  # s for those that may be endless, and for all others
FORBIDDEN = [*map(chr, (0, 7, 0x1B, 0x90, 0x9B, 0x9C, 0x9D, 0x202E)), "\r"]


@contextmanager
def hunting_ground() -> Iterator[Prey]:
    with ExitStack() as stack:
        name = tempfile.mkdtemp(prefix="nightlab-hostile-")
        stack.callback(subprocess.run, ["rm", "-rf", name], check=False)  # which no tree is too deep for
        files = {
            "template/template.toml": TOML,
            "template/evaluate.py": EVALUATE,
            "template/experiment.py": "def run(params, inputs, out, seed): ...\n" + PRELUDE + "import numpy\n",
        }
        yield Prey(Path(name), files, stack)


def _runner(prey: Prey, level: Level, *, network: bool, endless: bool) -> LocalRunner:
    folder = prey.folder
    timeout_s = SHORT if endless else PATIENT
    prey.put("template/template.toml", TOML.format(network=str(network).lower(), timeout_s=timeout_s))
    return LocalRunner(
        load(folder / "template"),
        inputs=folder / "inputs",
        private=folder / "private",
        scratch=folder / "scratch",
        workers=1,
        level=level,
    )


def misbehaviour(program: Program, prey: Prey, runner: LocalRunner) -> Iterator[str]:
    """Run a program and yield all that must not be."""
    artifact = Path(tempfile.mkdtemp(dir=prey.folder / "scratch"))
    artifact.chmod(0o755)
    (artifact / "experiment.py").write_text(program.source)
    outcomes = []
    for n in range(program.runs):
        prey.warm()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.monotonic()
        params = {**prey.params, "run": n, **program.params}
        request = RunRequest(artifact=artifact, params=params, seed=1, cold=n in program.cold)
        future = runner.submit(request)
        while program.beside and not future.done():
            if seen := program.beside(prey):
                yield seen
                break
            time.sleep(0.02)
        outcomes.append(outcome := future.result(200))
        took = time.monotonic() - start
        yield from _wrong(program, outcome)
        if took > PATIENT + 20:  # a slow disk takes 10 s to remove thousands of folders
            yield f"it took {took:.1f} s"
        if (grown := resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) > 300_000:
            yield f"the runner's memory grew by {grown} kB"
    if program.judge and (seen := program.judge(outcomes)):
        yield seen
    yield from prey.harm()


def _rested(prey: Prey, runner: LocalRunner, calm: float = 2.0) -> int:
    """How many processes there are below this one when none is being prepared any more, after `calm` seconds alike."""
    most = 0
    for _ in range(2):
        if wrong := list(misbehaviour(Program("nothing", "pass"), prey, runner)):
            raise SystemExit(f"a program that does nothing: {wrong}")
        number, since = 0, time.monotonic()
        while time.monotonic() < since + calm:
            if (now := _remaining(0, 1)) != number:
                number, since = now, time.monotonic()
            time.sleep(0.05)
        most = max(most, number)
    return most


def _remaining(resting: int, patience: int = 1000) -> int:
    """How many more than `resting` processes are still below this one after a while, each look 20 ms.

    Monitors take some time to go; those that wait for the next run change, so that only their number is known.
    """
    for _ in range(patience):
        proc = os.open("/proc", os.O_RDONLY)
        left = len(limits.descendants(proc, os.getpid())) - resting
        os.close(proc)
        if left <= 0:
            return 0
        time.sleep(0.02)
    return left


def _wrong(program: Program, outcome: RunOutcome) -> Iterator[str]:
    if outcome.status not in program.statuses:
        yield f"it ended as {outcome.status}, not {program.statuses}: {outcome.error[-300:]!r}"
    if outcome.status == "ok" and outcome.metrics["dev"] != {"score": 0.0}:
        yield f"it got what it wanted: {outcome.metrics} {outcome.output[-300:]!r}"
    if outcome.status != "ok" and (outcome.metrics or not outcome.error):
        yield f"a failure without a reason, or with metrics: {outcome}"
    said = "".join((outcome.output, outcome.error, *outcome.notes))
    if SECRET in said:
        yield "the secret came out"
    if bad := [c for c in FORBIDDEN if c in said]:
        yield f"control characters came out: {bad!r}"
    if len(outcome.output) > 20_000 or len(outcome.error) > 10_000:
        yield "too much text came out"
    if outcome.wall_s < program.wall:
        yield f"it took {outcome.wall_s} s by its own account"


def main(level: Level, names: list[str]) -> None:
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)  # whoever gets away comes home
    os.environ["NIGHTLAB_TEST_KEY"] = SECRET
    failures: dict[str, list[str]] = {}
    seconds: dict[str, float] = {}
    promised = [p for p in ALL if level in p.levels and (os.geteuid() == 0 or not p.root_only)]
    programs = [p for p in promised if not names or p.name in names]
    with hunting_ground() as prey:
        for network, endless in KINDS:
            mine = [p for p in programs if (p.network, p.endless) == (network, endless)]
            if not mine:
                continue
            with _runner(prey, level, network=network, endless=endless) as runner:
                resting = _rested(prey, runner)
                for program in mine:
                    start = time.monotonic()
                    wrong = list(misbehaviour(program, prey, runner))
                    if left := _remaining(resting):
                        wrong.append(f"{left} processes are left")
                        resting += left  # the next one is not to blame
                    if wrong:
                        failures[program.name] = wrong
                        print(f"{program.name}: {'; '.join(wrong)}", file=sys.stderr, flush=True)
                    seconds[program.name] = round(time.monotonic() - start, 2)
        if left := _remaining(1):  # the prey's victim
            failures["close"] = [f"{left} processes are left"]
        if kept := [str(path) for path in (prey.folder / "scratch").glob("runner-*")]:
            failures["scratch"] = [f"left on disk: {kept}"]
    print(json.dumps({"programs": len(programs), "failures": failures, "seconds": seconds}))


if __name__ == "__main__":
    if sys.argv[1] not in ("S3", "S2"):
        raise SystemExit("these programs end and spoil what they can reach: only S3 and S2 hold them")
    main(cast(Level, sys.argv[1]), sys.argv[2:])
