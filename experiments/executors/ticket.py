"""One run that somebody waits for, and who may give it up meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Cancelled(Exception):
    """The run was cancelled, or whoever was asked for it has closed."""


class Ticket:
    """One run, which can be cancelled from another thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cut: Callable[[], None] = lambda: None
        self.cancelled = False
        self.started = False  # whether it has left the queue

    def attach(self, cut: Callable[[], None]) -> None:
        """Make `cut` what cancelling calls: it ends what is being waited for. Where that is cancelled already, it is
        called now, and Cancelled raised."""
        with self._lock:
            self._cut = cut
            if not self.cancelled:
                return
        cut()
        raise Cancelled

    def cancel(self) -> None:
        with self._lock:
            self.cancelled = True
            cut = self._cut
        cut()
