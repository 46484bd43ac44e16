"""The heap of the command line's own process. A library leaves that of its host alone."""

from __future__ import annotations

import ctypes
from contextlib import suppress

M_ARENA_MAX = -8  # of glibc's mallopt


def share_heap() -> None:
    """Let the threads of this process share one heap, where the C library is glibc: LangGraph's threads take turns, and
    what each freed in a heap of its own stayed there in pieces too small for the next trial (30 to 190 MB a study)."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
