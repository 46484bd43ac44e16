"""The sessions of a study: when work on it began and ended, how long it took, and which deaths its runs may explain.

No time here is the difference of two readings of the wall clock, unless a session was killed before it could write
down its own length; then the stamps of its rows tell, and a jump of the clock is left out.
"""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

from nightlab.experiments.ledger.documents.study import SessionClosed, SessionOpened
from nightlab.experiments.ledger.events import Told
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.experiments.study.environment import environment

GAP_S = 900.0  # between two rows of one session; a longer gap is taken to be a jump of the clock


class Session:
    """This process's work on a study."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._started = time.monotonic()
        self.before_s = worked_s(ledger)  # of all sessions before this one
        self._key = str(len(ledger.all(SessionOpened)))
        ledger.put(_opened(time.time()), self._key)
        ledger.put(environment(), self._key)

    @property
    def elapsed_s(self) -> float:
        """Working time over all sessions of the study, in seconds."""
        return self.before_s + time.monotonic() - self._started

    def tell(self, told: Told) -> None:
        """Tell something of the session, once."""
        self._ledger.tell(told, during=f"session {self._key}")

    def close(self) -> None:
        """Write down that the session ended in order, and its length."""
        self._ledger.put(SessionClosed(wall_s=round(time.monotonic() - self._started, 2)), self._key)


def worked_s(ledger: Ledger, gap_s: float = GAP_S) -> float:
    """Working time of the sessions that are over, the killed ones up to their last row, in seconds."""
    opened, closed = list(ledger.all(SessionOpened).items()), ledger.all(SessionClosed)
    total = sum(session.wall_s for session in closed.values())
    ends = [*(session.at or 0.0 for _, session in opened[1:]), float("inf")]
    for (key, session), end in zip(opened, ends, strict=False):
        if key not in closed and session.at is not None:
            stamps = ledger.stamps(session.at, end)
            total += sum(b - a for a, b in pairwise([session.at, *stamps]) if b - a <= gap_s)
    return total


def last_death(ledger: Ledger) -> str:
    """How the session before this one ended: "" in order, "killed", or "broken" where the machine itself went down or
    ran out of memory, which a run may have caused."""
    opened, closed = list(ledger.all(SessionOpened).items()), ledger.all(SessionClosed)
    if len(opened) < 2 or opened[-2][0] in closed:
        return ""
    (_, before), (_, now) = opened[-2:]
    alike = (before.boot, before.out_of_memory) == (now.boot, now.out_of_memory)
    return "killed" if alike else "broken"


def _opened(at: float) -> SessionOpened:
    """With what tells that the machine was started again, or has ended a process for want of memory (Linux; else
    empty)."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return SessionOpened(at=at)
    killed = next((line.split()[1] for line in lines if line.startswith("oom_kill ")), "")
    return SessionOpened(at=at, boot=boot, out_of_memory=killed)
