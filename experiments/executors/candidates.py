"""The candidates of one judgement: runs that are under way while a judge at home calls them."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.executors.executor import Executor, Order, Performed, Talking
from nightlab.experiments.executors.ticket import Cancelled, Ticket
from nightlab.experiments.records import Level

_PATIENCE = 0.5  # s that an executor is asked to wait at once

T = TypeVar("T")


class Candidates:
    """Runs of one order, one at a time: each begins when the judge asks for it, and ends when it has closed its line.

    performed: what came out of those that have ended.
    """

    def __init__(self, executor: Executor, order: Order, ticket: Ticket) -> None:
        assert isinstance(executor, Talking)
        self._executor, self._talking, self._order, self._ticket = executor, executor, order, ticket
        self._handle = ""
        self._error: Exception | None = None
        self.performed: list[Performed] = []
        self.asked = 0  # how many the judge has asked for

    @property
    def level(self) -> Level:
        return self._executor.level

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
        """Give the judge a line for each byte that it sends."""
        try:
            with desk:
                while desk.recv(1):
                    self.asked += 1
                    self._end()
                    with self._line() as line:
                        socket.send_fds(desk, [b"+"], [line.fileno()])
        except OSError:  # the judge has ended
            pass
        except Exception as error:  # noqa: BLE001 - it belongs to whoever waits for the judge
            self._error = error

    def _line(self) -> socket.socket:
        """A line to a candidate that has begun, which is the first thing that it says: before that it costs no time."""
        self._handle = self._executor.submit(self._order)
        line = self._talking.line(self._handle)
        while not select.select([line], [], [], _PATIENCE)[0]:
            if self._ticket.cancelled:
                line.close()
                raise Cancelled
            if self._executor.poll(self._handle) not in ("queued", "running"):
                break
        return line

    def _end(self) -> None:
        """Wait for the end of the candidate whose line was closed, if there is one."""
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
            ' executor = "local", or give it a method line(), as in nightlab.experiments.executors.executor.Talking'
        )
