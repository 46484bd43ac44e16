"""The executor of this machine: slots that are kept busy, each run in a sandbox."""

from __future__ import annotations

import itertools
import logging
import queue
import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from nightlab.experiments.executors.executor import Order, Performed, Place, State
from nightlab.experiments.executors.local.execution import Execution
from nightlab.experiments.executors.local.inside.kernel.tree import remove
from nightlab.experiments.executors.local.isolation.sandbox import choose, describe
from nightlab.experiments.executors.local.judging import LocalJudge
from nightlab.experiments.executors.local.station import Station
from nightlab.experiments.executors.runs import Runs
from nightlab.experiments.executors.ticket import Cancelled, Ticket
from nightlab.experiments.records import Level
from nightlab.experiments.template.template import Template


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
    level = _level(minimum, own_code=own_code)
    return LocalRunner(template, inputs=inputs, private=private, scratch=scratch, workers=workers, level=level)


def _level(minimum: Level | None, *, own_code: bool) -> Level:
    level = choose(minimum, own_code=own_code)
    if level in ("S0", "S1") or (level == "S2" and not own_code):
        logging.getLogger(__name__).warning("experiments run at level %s: %s", level, describe(level))
    return level


class LocalRunner(Runs):
    """See `local_runner`. Closing it, or the death of its process, ends everything that it started."""

    def __init__(
        self, template: Template, *, inputs: Path, private: Path, scratch: Path, workers: int, level: Level
    ) -> None:
        station = Station.made(template, inputs=inputs, private=private, scratch=scratch, workers=workers, level=level)
        super().__init__(LocalExecutor(station, workers), LocalJudge(station))


@dataclass
class _Task:
    """A run that was submitted and not collected yet."""

    order: Order
    ticket: Ticket = field(default_factory=Ticket)
    ended: threading.Event = field(default_factory=threading.Event)
    ends: tuple[socket.socket, socket.socket] | None = None  # of the channel on which it talks: ours and its own
    performed: Performed | None = None
    error: Exception | None = None


class LocalExecutor:
    """Runs experiments in the sandboxes of this machine; they end with it, and their handles with them."""

    durable = False

    def __init__(self, station: Station, workers: int) -> None:
        self._station = station
        self._execution = Execution(station)
        self._numbers = itertools.count(1)
        self._tasks: dict[str, _Task] = {}
        self._queue: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._slots = [
            threading.Thread(target=self._work, args=(slot,), name=f"slot-{slot}", daemon=True)
            for slot in range(workers)
        ]
        for thread in self._slots:
            thread.start()

    @classmethod
    def at(cls, place: Place) -> LocalExecutor:
        """See `local_runner`."""
        level = _level(place.minimum, own_code=place.own_code)
        station = Station.made(
            place.template,
            inputs=place.inputs,
            private=place.private,
            scratch=place.scratch,
            workers=place.workers,
            level=level,
        )
        return cls(station, place.workers)

    @property
    def level(self) -> Level:
        return self._station.level

    @property
    def workers(self) -> int:
        return len(self._slots)

    def submit(self, order: Order) -> str:
        handle, task = str(next(self._numbers)), _Task(order)
        if order.talks:
            task.ends = socket.socketpair()
        self._tasks[handle] = task
        self._queue.put(task)
        return handle

    def channel(self, handle: str) -> socket.socket:
        """See `Talking`."""
        ends = self._tasks[handle].ends
        assert ends, "the order said that it would not talk"
        return ends[0]

    def poll(self, handle: str, patience: float = 0.0) -> State:
        if not (task := self._tasks.get(handle)):
            return "lost"
        if not task.ended.wait(patience):
            return "running" if task.ticket.started else "queued"
        return "lost" if task.ticket.cancelled else "ended"

    def collect(self, handle: str) -> Performed:
        """Once: what it has told, it forgets."""
        task = self._tasks.pop(handle)
        if task.error:
            raise task.error
        assert task.performed, f"run {handle} has not ended"
        return task.performed

    def cancel(self, handle: str) -> None:
        if task := self._tasks.pop(handle, None):
            task.ticket.cancel()
            task.ended.set()

    def close(self) -> None:
        for task in list(self._tasks.values()):
            task.ticket.cancel()
        for _ in self._slots:
            self._queue.put(None)
        self._execution.close()
        for thread in self._slots:
            thread.join()
        with suppress(OSError):  # what the system does not let go
            remove(self._station.scratch)

    def _work(self, slot: int) -> None:
        while task := self._queue.get():
            task.ticket.started = True
            try:
                if not task.ticket.cancelled:
                    channel = task.ends[1] if task.ends else None
                    task.performed = self._execution.perform(task.order, slot, task.ticket, channel)
            except Cancelled:
                task.ticket.cancelled = True
            except Exception as error:  # noqa: BLE001 - it belongs to whoever collects the run
                task.error = error
            if task.ends:
                task.ends[1].close()
            task.ended.set()
