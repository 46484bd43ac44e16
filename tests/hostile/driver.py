"""`python -m tests.hostile.driver LEVEL` runs every hostile program and says, as JSON, what went wrong."""

from __future__ import annotations

import json
import os
import resource
import select
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

from nightlab.experiments.records import Level, RunOutcome, RunRequest
from nightlab.experiments.runner.inside import limits, syscalls
from nightlab.experiments.runner.local import LocalRunner
from nightlab.experiments.template import load
from tests.hostile.programs import ALL, PRELUDE, Program

SECRET = "hunter2-private-label"
TOML = """
[template]
name = "hostile"
title = "Hostile programs"
description = "Programs that try to break out."
[artifact]
editable = ["experiment.py"]
[run]
entry = "experiment:run"
timeout_s = 3
memory_mb = 400
hide = ["sklearn/datasets/data"]
[evaluate]
entry = "evaluate:evaluate"
[objective]
metric = "score"
direction = "minimize"
"""
EVALUATE = f"""
import json
import numpy
def evaluate(out, private, split):
    assert "{SECRET}" in (private / "labels.prey").read_text()
    if (out / "data.npy").exists():
        numpy.load(out / "data.npy", allow_pickle=False)
    if (out / "raw").exists():
        return {{"score": float((out / "raw").read_text())}}
    return {{"score": int((out / "score").read_text())}}
"""
FORBIDDEN = [*map(chr, (0, 7, 0x1B, 0x90, 0x9B, 0x9C, 0x9D, 0x202E)), "\r"]


class Prey:
    """What the programs hunt, and whether it is as it was."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        for name in ("inputs", "private", "template", "study", "home", "scratch"):
            (folder / name).mkdir()
        self.files = {
            "private/labels.prey": SECRET,
            "home/.key.prey": SECRET,
            "study/study.db": SECRET,
            "study/target": "precious",
            "inputs/data": "public",
            "template/template.toml": TOML,
            "template/evaluate.py": EVALUATE,
            "template/experiment.py": "def run(params, inputs, out, seed): ...\n" + PRELUDE + "import numpy\n",
        }
        for name, text in self.files.items():
            (folder / name).write_text(text)
        for path in (folder / "study", folder / "study" / "target", folder / "study" / "study.db"):
            path.chmod(0o777)  # so that nothing but the sandbox is in the way
        self.listeners = [
            _listener(stack, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            _listener(stack, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            _listener(stack, socket.AF_UNIX, socket.SOCK_STREAM, f"\0nightlab-hostile-{os.getpid()}"),
            _listener(stack, socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "study" / "socket")),
        ]
        (folder / "study" / "socket").chmod(0o777)
        self.victim = stack.enter_context(subprocess.Popen(["sleep", "1000"], env={"KEY": SECRET}))
        stack.callback(self.victim.kill)
        self.before = self._state()

    @property
    def params(self) -> dict[str, str]:
        tcp, udp, abstract, _ = (listener.getsockname() for listener in self.listeners)
        return {
            "secret": f"{self.folder}/private/labels.prey",
            "home": f"{self.folder}/home/.key.prey",
            "ledger": f"{self.folder}/study/study.db",
            "target": f"{self.folder}/study/target",
            "evaluator": f"{self.folder}/template/evaluate.py",
            "scratch": f"{self.folder}/scratch",
            "socket": f"{self.folder}/study/socket",
            "abstract": abstract[1:].decode(),
            "tcp": str(tcp[1]),
            "udp": str(udp[1]),
            "pid": str(os.getpid()),
            "victim": str(self.victim.pid),
        }

    def harm(self) -> Iterator[str]:
        if self.victim.poll() is not None:
            yield "the bystander was ended"
        elif os.sched_getaffinity(self.victim.pid) != os.sched_getaffinity(0):
            yield "the bystander was moved"
        for listener in self.listeners:
            if select.select([listener], [], [], 0)[0]:
                yield f"{listener.getsockname()!r} was reached"
        for name, text in self.files.items():
            path = self.folder / name
            if not path.is_file() or path.read_text() != text:
                yield f"{name} was changed"
        if (state := self._state()) != self.before:
            yield f"files outside changed: {sorted(map(str, state ^ self.before))[:4]}"
        if Path("/tmp/nightlab-hostile-pickle").exists():
            yield "a pickle was loaded"

    def _state(self) -> set[tuple[str, int, int]]:
        kept = [p for p in self.folder.rglob("*") if "scratch" not in p.parts and "__pycache__" not in p.parts]
        return {(str(p), p.stat().st_mode, p.stat().st_mtime_ns) for p in kept}


def _listener(stack: ExitStack, family: int, kind: int, address: object) -> socket.socket:
    listener = stack.enter_context(socket.socket(family, kind))
    listener.bind(address)  # type: ignore[arg-type]
    if kind == socket.SOCK_STREAM:
        listener.listen()
    return listener


@contextmanager
def hunting_ground() -> Iterator[Prey]:
    with tempfile.TemporaryDirectory(prefix="nightlab-hostile-") as name, ExitStack() as stack:
        yield Prey(Path(name), stack)


def misbehaviour(program: Program, prey: Prey, runner: LocalRunner, resting: int) -> Iterator[str]:
    """Run a program and yield all that must not be."""
    artifact = Path(tempfile.mkdtemp(dir=prey.folder / "scratch"))
    artifact.chmod(0o755)
    (artifact / "experiment.py").write_text(program.source)
    for _ in range(program.runs):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.monotonic()
        outcome = runner.submit(RunRequest(artifact=artifact, params=prey.params, seed=1)).result(60)
        took = time.monotonic() - start
        yield from _wrong(program, outcome)
        if took > 10:
            yield f"it took {took:.1f} s"
        if (grown := resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) > 300_000:
            yield f"the runner's memory grew by {grown} kB"
    if left := _remaining(resting):
        yield f"{left} processes are left"
    yield from prey.harm()


def _resting(calm: float = 2.0) -> int:
    """How many processes there are below this one when none is being prepared any more, after `calm` seconds alike."""
    number, since = 0, time.monotonic()
    while time.monotonic() < since + calm:
        if (now := _remaining(0, 1)) != number:
            number, since = now, time.monotonic()
        time.sleep(0.05)
    return number


def _remaining(resting: int, patience: int = 100) -> int:
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
    if SECRET in outcome.output + outcome.error:
        yield "the secret came out"
    if bad := [c for c in FORBIDDEN if c in outcome.output + outcome.error]:
        yield f"control characters came out: {bad!r}"
    if len(outcome.output) > 20_000 or len(outcome.error) > 10_000:
        yield "too much text came out"
    if outcome.wall_s < program.wall:
        yield f"it took {outcome.wall_s} s by its own account"


def main(level: Level) -> None:
    syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)  # whoever gets away comes home
    os.environ["NIGHTLAB_TEST_KEY"] = SECRET
    failures: dict[str, list[str]] = {}
    seconds: dict[str, float] = {}
    with hunting_ground() as prey:
        folder = prey.folder
        runner = LocalRunner(
            load(folder / "template"),
            inputs=folder / "inputs",
            private=folder / "private",
            scratch=folder / "scratch",
            workers=1,
            level=level,
        )
        with runner:
            first = list(misbehaviour(Program("nothing", "pass"), prey, runner, 1 << 22))
            resting = _resting()
            failures |= {"nothing": first} if first else {}
            for program in ALL:
                start = time.monotonic()
                if wrong := list(misbehaviour(program, prey, runner, resting)):
                    failures[program.name] = wrong
                    print(f"{program.name}: {'; '.join(wrong)}", file=sys.stderr, flush=True)
                seconds[program.name] = round(time.monotonic() - start, 2)
        if left := _remaining(1):  # the prey's victim
            failures["close"] = [f"{left} processes are left"]
    print(json.dumps({"programs": len(ALL), "failures": failures, "seconds": seconds}))


if __name__ == "__main__":
    if sys.argv[1] not in ("S3", "S2"):
        raise SystemExit("these programs end and spoil what they can reach: only S3 and S2 hold them")
    main(cast(Level, sys.argv[1]))
