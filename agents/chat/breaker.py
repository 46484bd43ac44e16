"""A circuit breaker: a model that does not answer is left alone for a while, then tried with one call."""

from __future__ import annotations

import threading
import time

from nightlab.agents.chat.protocol import CallFailed, NoAnswer

COUNTED = ("timeout", "connection", "busy")


class Breaker:
    """One for each model. failures: in a row. pause_s: seconds without a call after them."""

    def __init__(self, failures: int, pause_s: float) -> None:
        self._failures = failures
        self._pause_s = pause_s
        self._lock = threading.Lock()
        self._count = 0
        self._open_until = 0.0
        self._reason = ""

    def check(self) -> None:
        """Raises NoAnswer while the model is left alone."""
        with self._lock:
            if (now := time.monotonic()) < self._open_until:
                raise NoAnswer(self._reason)
            if self._count >= self._failures:
                self._open_until = now + self._pause_s  # one call may try; the others wait for how it ends

    def worked(self) -> None:
        with self._lock:
            self._count, self._open_until = 0, 0.0

    def failed(self, error: CallFailed) -> None:
        if error.outcome not in COUNTED and not error.lasting:
            return
        with self._lock:
            self._count += 1
            after = f"{self._count} failed calls in a row, the last one: {error.reason}"
            self._reason = error.reason if error.lasting else f"the model is left alone for a while after {after}"
            if error.lasting or self._count >= self._failures:
                self._open_until = time.monotonic() + (float("inf") if error.lasting else self._pause_s)
