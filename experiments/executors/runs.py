"""The runs of a study: made by an executor, judged at home, and found again by their handles."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from typing import Protocol, Self

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.executors.candidates import Candidates
from nightlab.experiments.executors.executor import Executor, Order, Performed, Solver
from nightlab.experiments.executors.ticket import Cancelled, Ticket
from nightlab.experiments.records import Level, RunOutcome, RunRequest

_PATIENCE = 0.5  # s that an executor is asked to wait at once
_LOSSES = 3  # times that a run may be lost before it counts as a crash

_Job = tuple[RunRequest, "Future[RunOutcome]"]


class Judge(Protocol):
    """Scores what came out of runs, at home, where evaluator and private data are."""

    @property
    def setting(self) -> str:
        """The hash of the template and the inputs."""
        ...

    @property
    def tampered(self) -> str:
        """What of template, private data or inputs was altered, so that no run counts any more; empty if nothing."""
        ...

    @property
    def calls(self) -> bool:
        """Whether it calls the candidate while that runs, so that `converse` is what it does."""
        ...

    def converse(self, request: RunRequest, candidates: Candidates, ticket: Ticket) -> RunOutcome:
        """The outcome of a run whose candidates it calls; Cancelled where the ticket is."""
        ...

    def judge(self, request: RunRequest, performed: Performed, ticket: Ticket) -> RunOutcome:
        """The outcome of a run; Cancelled where the ticket is."""
        ...

    def close(self) -> None: ...


class Handles(Protocol):
    """Where the handles of claimed runs are kept, by the numbers of the runs."""

    def find(self, run: int) -> str:
        """The last handle that was kept for a run; empty if there is none."""
        ...

    def keep(self, run: int, handle: str) -> None: ...


class Runs:
    """A `Runner` on an executor and a judge. Closing it ends all runs, but for those of a durable executor."""

    def __init__(
        self, executor: Executor, judge: Judge, handles: Handles | None = None, solver: Solver | None = None
    ) -> None:
        """handles: needed by a durable executor, whose runs of an earlier session are then found again. solver: who
        answers what the judge asks in runs of the ledger."""
        self._executor, self._judge, self._solver = executor, judge, solver
        self._handles = handles if executor.durable else None
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self._tickets: dict[Future[RunOutcome], Ticket] = {}
        self._slots = [
            threading.Thread(target=self._work, name=f"run-{slot}", daemon=True) for slot in range(executor.workers)
        ]
        for thread in self._slots:
            thread.start()

    @property
    def level(self) -> Level:
        return self._executor.level

    @property
    def workers(self) -> int:
        return len(self._slots)

    def submit(self, request: RunRequest) -> Future[RunOutcome]:
        """Queue a run. Cancelling the future ends the run, also while it is under way."""
        future: Future[RunOutcome] = Future()
        with self._lock:
            if self._closed:
                raise NightlabError("the runner is closed")
            self._tickets[future] = Ticket()
        future.add_done_callback(self._done)
        self._jobs.put((request, future))
        return future

    def started(self, future: Future[RunOutcome]) -> bool:
        """Whether a submitted run has left the queue."""
        with self._lock:
            return future not in self._tickets or self._tickets[future].started

    def close(self) -> None:
        """The futures of runs that are queued or under way are cancelled."""
        with self._lock:
            self._closed = True
            futures = list(self._tickets)
        for future in futures:
            if future.cancel():
                future.set_running_or_notify_cancel()  # wakes whoever is in concurrent.futures.wait
        for _ in self._slots:
            self._jobs.put(None)
        self._executor.close()
        self._judge.close()
        for thread in self._slots:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        while job := self._jobs.get():
            request, future = job
            with self._lock:
                ticket = self._tickets.get(future)
                if ticket is not None:
                    ticket.started = True
            if ticket is None:
                continue  # cancelled while it was queued
            try:
                outcome = self._outcome(request, ticket)
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

    def _outcome(self, request: RunRequest, ticket: Ticket) -> RunOutcome:
        if tampered := self._judge.tampered:
            return RunOutcome(status="tampered", level=self.level, error=tampered)
        if self._judge.calls:
            solver = self._solver if request.run else None
            candidates = Candidates(self._executor, self._order(request), ticket, solver, request.run)
            return self._judge.converse(request, candidates, ticket)
        return self._judge.judge(request, self._performed(request, ticket), ticket)

    def _performed(self, request: RunRequest, ticket: Ticket) -> Performed:
        """What the executor made of a run: one that an earlier session submitted is waited for, not run twice."""
        handle = (self._handles.find(request.run) if self._handles and request.run else "") or self._submit(request)
        for _ in range(_LOSSES):
            ticket.attach(lambda of=handle: self._give_up(of))  # type: ignore[misc]
            while (state := self._executor.poll(handle, _PATIENCE)) in ("queued", "running"):
                if ticket.cancelled:
                    raise Cancelled
            if ticket.cancelled:
                raise Cancelled
            if state == "ended":
                return self._executor.collect(handle)
            handle = self._submit(request)
        error = f"its executor has lost the run {_LOSSES} times"
        return Performed(outcome=RunOutcome(status="crash", level=self.level, error=error))

    def _submit(self, request: RunRequest) -> str:
        handle = self._executor.submit(self._order(request))
        if self._handles and request.run:
            self._handles.keep(request.run, handle)
        return handle

    def _order(self, request: RunRequest) -> Order:
        return Order(
            setting=self._judge.setting,
            files=request.artifact,
            params=request.params,
            seed=request.seed,
            cold=request.cold,
            talks=self._judge.calls,
        )

    def _give_up(self, handle: str) -> None:
        """End a run that nobody wants any more; one that a later session will look for goes on."""
        if not (self._closed and self._executor.durable):
            self._executor.cancel(handle)
