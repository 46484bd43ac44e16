"""The runner of one machine: slots that are kept busy, each run in a sandbox, judged in another."""

from __future__ import annotations

import logging
import os
import queue
import tempfile
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from pathlib import Path
from typing import Self

from nightlab.experiments.executors.local.execution import Execution, Station
from nightlab.experiments.executors.local.gpus import share
from nightlab.experiments.executors.local.inside.kernel.tree import remove
from nightlab.experiments.executors.local.launch import RunnerError
from nightlab.experiments.executors.local.pool import Cancelled, Ticket
from nightlab.experiments.executors.local.sandbox import choose, describe
from nightlab.experiments.records import Level, RunOutcome, RunRequest
from nightlab.experiments.template.template import Template

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
    template's own code will run; code of a model needs S3, unless `minimum` accepts S2 or S0.

    Raises IsolationError where the machine isolates too little, RunnerError where it lacks the GPUs.
    """
    level = choose(minimum, own_code=own_code)
    if level in ("S0", "S1") or (level == "S2" and not own_code):
        logging.getLogger(__name__).warning("experiments run at level %s: %s", level, describe(level))
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
            gpus=share(template.spec.run.gpus, workers),
        )
        self._execution = Execution(station)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._tickets: dict[Future[RunOutcome], Ticket] = {}
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
            self._tickets[future] = Ticket()
        future.add_done_callback(self._done)
        self._jobs.put((request, future))
        return future

    def started(self, future: Future[RunOutcome]) -> bool:
        """Whether a submitted run has left the queue."""
        with self._lock:
            return future not in self._tickets or self._tickets[future].started

    def close(self) -> None:
        """End all runs at once; the futures of those that are queued or under way are cancelled."""
        with self._lock:
            self._closed = True
            futures = list(self._tickets)
        for future in futures:
            if future.cancel():
                future.set_running_or_notify_cancel()  # wakes whoever is in concurrent.futures.wait
        for _ in self._slots:
            self._jobs.put(None)
        self._execution.close()
        for thread in self._slots:
            thread.join()
        with suppress(OSError):  # what the system does not let go
            remove(self._scratch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self, slot: int) -> None:
        while job := self._jobs.get():
            request, future = job
            with self._lock:
                ticket = self._tickets.get(future)
                if ticket is not None:
                    ticket.started = True
            if ticket is None:
                continue  # cancelled while it was queued
            try:
                outcome = self._execution.run(request, slot, ticket)
            except Cancelled:
                future.cancel()
            except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the future
                with suppress(InvalidStateError):
                    future.set_exception(error)
            else:
                with suppress(InvalidStateError):  # cancelled at the last moment
                    future.set_result(outcome)

    def _done(self, future: Future[RunOutcome]) -> None:
        with self._lock:
            ticket = self._tickets.pop(future)
        if future.cancelled():
            ticket.cancel()
