"""The candidates of one judgement: runs that are under way while a judge at home calls them, and asks for them."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.executors.executor import Executor, Order, Performed, Solver, Talking
from nightlab.experiments.executors.local.inside.conversation import talk
from nightlab.experiments.executors.ticket import Cancelled, Ticket
from nightlab.experiments.records import Level

_PATIENCE = 0.5  # s that an executor is asked to wait at once

T = TypeVar("T")


class Candidates:
    """Runs of one order, one at a time: each begins when the judge asks, and ends when it has closed its channel.

    performed: what came out of those that have ended.
    """

    def __init__(
        self, executor: Executor, order: Order, ticket: Ticket, solver: Solver | None = None, run: int = 0
    ) -> None:
        """solver: who answers what the judge asks for a candidate. run: its number in the ledger."""
        assert isinstance(executor, Talking)
        self._solver, self._run, self._questions = solver, run, 0
        self._executor, self._talking, self._order, self._ticket = executor, executor, order, ticket
        self._handle = ""
        self._error: Exception | None = None
        self.performed: list[Performed] = []
        self.asked = 0  # how many the judge has asked for

    @property
    def level(self) -> Level:
        return self._executor.level

    @property
    def solver(self) -> str:
        """Who answers the judge's questions; empty where nobody does."""
        return self._solver.name if self._solver else ""

    def during(self, judging: Callable[[socket.socket], T]) -> T:
        """What `judging` gives, which may ask for candidates on the socket that it gets; raises what it raises, and
        what the executor does."""
        desk, theirs = socket.socketpair()
        clerk = threading.Thread(target=self._serve, args=(desk,), name="candidates", daemon=True)
        clerk.start()
        try:
            with theirs:
                return judging(theirs)
        finally:
            with suppress(OSError):
                desk.shutdown(socket.SHUT_RDWR)  # the clerk, if it waits there
            clerk.join()
            self._end()
            if self._error:
                raise self._error

    def _serve(self, desk: socket.socket) -> None:
        """Give the judge what it wants: a channel, or the answer to a question."""
        try:
            with desk:
                while wanted := desk.recv(1):
                    if wanted == talk.QUESTION:
                        self._answer(talk.Channel(desk, 0))
                        continue
                    self._end()
                    if wanted == talk.DONE:
                        desk.sendall(talk.DONE)
                        continue
                    self.asked += 1
                    with self._channel() as channel:
                        socket.send_fds(desk, [talk.CANDIDATE], [channel.fileno()])
        except OSError:  # the judge has ended
            pass
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the judge
            self._error = error

    def _answer(self, desk: talk.Channel) -> None:
        assert self._solver, "the judge was told that nobody answers"
        if self._ticket.cancelled:
            raise Cancelled
        self._questions += 1
        question = talk.unpacked(*desk.receive())
        found = self._solver.answer(self._run, self._questions, question)
        desk.send(talk.packed(None if found is None else dict(found)))

    def _channel(self) -> socket.socket:
        """A channel to a candidate that has begun, which it says first: before that it costs no time."""
        self._handle = self._executor.submit(self._order)
        channel = self._talking.channel(self._handle)
        while not select.select([channel], [], [], _PATIENCE)[0]:
            if self._ticket.cancelled:
                channel.close()
                raise Cancelled
            if self._executor.poll(self._handle) not in ("queued", "running"):
                break
        return channel

    def _end(self) -> None:
        """Wait for the end of the candidate whose channel was closed, if there is one."""
        if not self._handle:
            return
        while (state := self._executor.poll(self._handle, _PATIENCE)) in ("queued", "running"):
            if self._ticket.cancelled:
                self._executor.cancel(self._handle)
                raise Cancelled
        if state == "ended":
            self.performed.append(self._executor.collect(self._handle))
        self._handle = ""


def require_talking(name: str, executor: Executor) -> None:
    """Refuse an executor whose runs no judge can call. Raises NightlabError."""
    if not isinstance(executor, Talking):
        raise NightlabError(
            f"the executor {name!r} cannot hold a run open for a judge that calls it (evaluate.interactive); use"
            ' executor = "local", or give it a method channel(), as in nightlab.experiments.executors.executor.Talking'
        )
