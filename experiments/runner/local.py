"""The runner of one machine: slots that are kept busy, each run in a sandbox, judged in another."""

from __future__ import annotations

import os
import queue
import shutil
import socket
import tempfile
import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Self

from nightlab.experiments.records import Level, RunOutcome, RunRequest
from nightlab.experiments.runner.execution import Execution, Station
from nightlab.experiments.runner.launch import RunnerError
from nightlab.experiments.runner.sandbox import choose
from nightlab.experiments.template import Template

_Job = tuple[RunRequest, "Future[RunOutcome]"]


def local_runner(
    template: Template,
    *,
    inputs: Path,
    private: Path,
    scratch: Path,
    workers: int = 1,
    minimum: Level | None = None,
    own_code: bool = True,
) -> LocalRunner:
    """A runner for a template whose data is prepared in `inputs` and `private`.

    scratch: a folder that it may use, and leaves empty. minimum: refuse to isolate less. own_code: only the
    template's own code will run; code of a model needs S2, unless `minimum` is given as S0.

    Raises IsolationError where the machine isolates too little, RunnerError where it lacks the GPUs.
    """
    level = choose(minimum, own_code=own_code)
    return LocalRunner(template, inputs=inputs, private=private, scratch=scratch, workers=workers, level=level)


class LocalRunner:
    """See `local_runner`. Closing it, or the death of its process, ends everything that it started."""

    def __init__(
        self, template: Template, *, inputs: Path, private: Path, scratch: Path, workers: int, level: Level
    ) -> None:
        self._level = level
        self._workers = workers
        scratch.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(prefix="runner-", dir=scratch))
        station = Station(
            template=template,
            inputs=inputs,
            private=private,
            scratch=self._scratch,
            level=level,
            threads=max(1, (os.cpu_count() or 1) // workers),
            gpus=_gpus(template.spec.run.gpus, workers),
        )
        self._execution = Execution(station)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._pending: dict[Future[RunOutcome], socket.socket | None] = {}
        self._slots = [
            threading.Thread(target=self._work, args=(slot,), name=f"slot-{slot}", daemon=True)
            for slot in range(workers)
        ]
        for thread in self._slots:
            thread.start()

    @property
    def level(self) -> Level:
        return self._level

    @property
    def workers(self) -> int:
        return self._workers

    def submit(self, request: RunRequest) -> Future[RunOutcome]:
        """Queue a run. Cancelling the future ends the run, also while it is under way."""
        future: Future[RunOutcome] = Future()
        with self._lock:
            if self._closed:
                raise RunnerError("the runner is closed")
            self._pending[future] = None
        future.add_done_callback(self._abandon)
        self._jobs.put((request, future))
        return future

    def close(self) -> None:
        """End all runs at once; the futures of those that are queued or under way are cancelled."""
        with self._lock:
            self._closed = True
            pending = list(self._pending)
        for future in pending:
            future.cancel()
        for _ in self._slots:
            self._jobs.put(None)
        self._execution.close()
        for thread in self._slots:
            thread.join()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self, slot: int) -> None:
        while job := self._jobs.get():
            request, future = job

            def register(connection: socket.socket, future: Future[RunOutcome] = future) -> None:
                with self._lock:
                    self._pending[future] = connection
                if future.cancelled():
                    self._abandon(future)

            if future.cancelled():
                continue
            try:
                outcome = self._execution.run(request, slot, register)
            except BaseException as error:  # noqa: BLE001: it belongs to whoever waits for the future
                self._settle(future, error=error)
            else:
                self._settle(future, outcome=outcome)

    @staticmethod
    def _settle(
        future: Future[RunOutcome], outcome: RunOutcome | None = None, error: BaseException | None = None
    ) -> None:
        with suppress(Exception):  # cancelled meanwhile
            if outcome is not None:
                future.set_result(outcome)
            else:
                future.set_exception(error)

    def _abandon(self, future: Future[RunOutcome]) -> None:
        with self._lock:
            connection = self._pending.pop(future, None)
        if connection is not None and future.cancelled():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _gpus(each: int, workers: int) -> tuple[tuple[str, ...], ...]:
    """The GPUs of each slot; RunnerError where there are not enough."""
    if each == 0:
        return ()
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    there = [path.name.removeprefix("nvidia") for path in sorted(Path("/dev").glob("nvidia[0-9]*"))]
    there = visible.split(",") if visible and there else there
    if len(there) < each * workers:
        raise RunnerError(
            f"the template asks for {each} GPU{'s' if each > 1 else ''} per run, {workers} at a time, and this machine"
            f" has {len(there)} (looked for /dev/nvidia0 and on): use a machine with more, fewer --workers,"
            " or set gpus = 0 under [run]"
        )
    return tuple(tuple(there[slot * each : (slot + 1) * each]) for slot in range(workers))
