"""An executor from outside the package, by its public names: plain processes in a folder, which outlive a session."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path

from nightlab.experiments.executors.executor import Order, Performed, Place, State
from nightlab.experiments.records import Level, RunOutcome

JOB = """
import importlib, json, os, sys, time, traceback
from pathlib import Path
folder, inputs, (module, function) = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split(":")
began = time.monotonic()
if (child := os.fork()) == 0:
    try:
        sys.path.insert(0, str(folder / "artifact"))
        order = json.loads((folder / "order.json").read_text())
        getattr(importlib.import_module(module), function)(order["params"], inputs, folder / "out", order["seed"])
        os._exit(0)
    except BaseException:
        (folder / "error").write_text(traceback.format_exc()[-2000:])
    os._exit(1)
code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
error = (folder / "error").read_text() if (folder / "error").exists() else f"exit code {code}"
told = {"code": code, "error": error, "wall_s": time.monotonic() - began}
(folder / "told.new").write_text(json.dumps(told))
(folder / "told.new").rename(folder / "told.json")
"""


class PlainExecutor:
    """A job is a folder: order.json, artifact/, out/, the number of its process, and in the end told.json."""

    durable = True
    level: Level = "S0"

    def __init__(self, place: Place, jobs: Path) -> None:
        """jobs: where they lie, for all sessions."""
        self.workers = place.workers
        self._place, self._jobs = place, jobs
        self._started: dict[str, subprocess.Popen[bytes]] = {}  # by this session, which must wait for them
        jobs.mkdir(exist_ok=True)

    def submit(self, order: Order) -> str:
        handle = f"{order.key[:8]}-{uuid.uuid4().hex[:8]}"
        folder = self._jobs / handle
        (folder / "out").mkdir(parents=True)
        shutil.copytree(order.files, folder / "artifact")
        (folder / "order.json").write_text(json.dumps({"params": dict(order.params), "seed": order.seed}))
        words = [str(folder), str(self._place.inputs), str(self._place.template.spec.run.entry)]
        job = subprocess.Popen([sys.executable, "-I", "-S", "-c", JOB, *words], start_new_session=True)
        (folder / "process").write_text(str(job.pid))
        self._started[handle] = job
        return handle

    def poll(self, handle: str, patience: float = 0.0) -> State:
        until = time.monotonic() + patience
        while (state := self._state(handle)) == "running" and time.monotonic() < until:
            time.sleep(0.01)
        return state

    def _state(self, handle: str) -> State:
        folder = self._jobs / handle
        if job := self._started.get(handle):
            job.poll()
        if (folder / "told.json").is_file():
            return "ended"
        with suppress(OSError, ValueError):
            os.kill(int((folder / "process").read_text()), 0)
            return "running"
        return "ended" if (folder / "told.json").is_file() else "lost"  # it may have ended since the first look

    def collect(self, handle: str) -> Performed:
        told = json.loads((self._jobs / handle / "told.json").read_text())
        out = self._jobs / handle / "out"
        outcome = RunOutcome(
            status="crash" if told["code"] else "ok",
            error=told["error"] if told["code"] else "",
            wall_s=told["wall_s"],
            level=self.level,
        )
        files = (path for path in out.rglob("*") if path.is_file())
        return Performed(outcome=outcome, outputs={str(p.relative_to(out)): p.read_bytes() for p in files})

    def cancel(self, handle: str) -> None:
        with suppress(OSError, ValueError):
            os.killpg(int((self._jobs / handle / "process").read_text()), signal.SIGKILL)
        if job := self._started.pop(handle, None):
            job.wait()
        shutil.rmtree(self._jobs / handle, ignore_errors=True)

    def close(self) -> None:
        """The jobs go on."""
        for job in self._started.values():
            job.poll()
            job.returncode = job.returncode or 0  # nobody of this session waits for it any more
