"""The sandboxes of a runner: warm ones that are replaced when they die, cold ones for one run."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from nightlab.experiments.executors.local.isolation.launch import Overdue, RunnerError, Sandbox, Settings, exchange
from nightlab.experiments.executors.local.text import clean
from nightlab.experiments.executors.ticket import Cancelled, Ticket

Reply = tuple[dict[str, Any], dict[str, bytes]]


class Broken(Exception):
    """A sandbox that worked ended twice during this run, or gave no answer; the message says what it said."""


class Pool:
    """Asks sandboxes; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._open: set[Sandbox] = set()
        self._warm: dict[Settings, Sandbox] = {}
        self._proven: set[Settings] = set()

    def warm(self, settings: Settings) -> Sandbox:
        """The warm sandbox with these settings, started now unless it is there."""
        with self._lock:
            if settings not in self._warm:
                self._warm[settings] = self._started(settings)
            return self._warm[settings]

    def ask(
        self,
        settings: Settings,
        header: Mapping[str, Any],
        files: Mapping[str, bytes],
        ticket: Ticket,
        channel: socket.socket | None = None,
        *,
        cold: bool = False,
    ) -> Reply:
        """Ask a sandbox. cold: one that is started for this run and ends with it. channel: as in `exchange`."""

        def exchanged(sandbox: Sandbox) -> Reply:
            try:
                with sandbox.connect() as connection:
                    ticket.attach(lambda: _cut(connection))
                    return exchange(connection, header, files, channel)
            except EOFError:
                if ticket.cancelled:
                    raise Cancelled from None
                raise

        return self._ask_cold(settings, exchanged) if cold else self._ask_warm(settings, exchanged)

    def _ask_warm(self, settings: Settings, exchanged: Callable[[Sandbox], Reply]) -> Reply:
        """Where the sandbox ends before it answers, once more."""
        said = ""
        for _ in range(2):
            sandbox = self.warm(settings)
            try:
                reply = exchanged(sandbox)
            except Overdue as late:
                self._discard(settings, sandbox)
                raise Broken(str(late)) from None
            except EOFError:
                said = clean(sandbox.errors()) or said
                if sandbox.alive():  # only the part of it that watched this run has ended
                    self._proven.add(settings)
                else:
                    self._discard(settings, sandbox)
            else:
                self._proven.add(settings)
                return reply
        if settings in self._proven:
            raise Broken(said or "it said nothing")
        raise RunnerError(f"a sandbox at level {settings.level} cannot start: {said or 'it said nothing'}")

    def _ask_cold(self, settings: Settings, exchanged: Callable[[Sandbox], Reply]) -> Reply:
        with self._lock:
            sandbox = self._started(settings)
        try:
            return exchanged(sandbox)
        except EOFError:
            raise Broken(clean(sandbox.errors()) or "it said nothing") from None
        finally:
            self._end(sandbox)

    def _started(self, settings: Settings) -> Sandbox:
        """A new sandbox; the caller holds the lock."""
        if self._closed:
            raise Cancelled
        sandbox = Sandbox(settings)
        self._open.add(sandbox)
        return sandbox

    def close(self) -> None:
        with self._lock:
            self._closed = True
            sandboxes = list(self._open)
        for sandbox in sandboxes:
            self._end(sandbox)

    def _discard(self, settings: Settings, sandbox: Sandbox) -> None:
        with self._lock:
            if self._warm.get(settings) is sandbox:
                del self._warm[settings]
        self._end(sandbox)

    def _end(self, sandbox: Sandbox) -> None:
        with self._lock:
            mine = sandbox in self._open
            self._open.discard(sandbox)
        if mine:
            sandbox.close()


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):  # the answer was there already
        connection.shutdown(socket.SHUT_RDWR)
