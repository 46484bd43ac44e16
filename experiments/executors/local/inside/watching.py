"""Watches a run until it is over: what it says, whether it ends or is cancelled, and which limit it hits."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import sys
import time
from collections.abc import Iterator, Sequence

from .kernel import tree
from .kernel.usage import unlinked
from .run import MB, Run

_TICK = 0.05, 0.2  # s between two looks at the processes: at least and at most
_CLOSE_TICK = 0.01  # where processes end that nobody waits for: only who looks knows their time
_GROWTH = 4 << 30  # bytes/s: how fast processes may fill memory; what is far from its limit is looked at less often
_HUNG_UP = select.POLLRDHUP if sys.platform == "linux" else select.POLLHUP
_SETUP = 60.0  # s until the code of the experiment starts: imports in a cold process


def watch(run: Run, client: socket.socket, proc: int, box: str | None) -> None:
    """Return when the run's first process has ended, a limit is hit or the client has gone; `run.ended` says which.

    box: the run's folder, where no quota holds in it.
    """
    started = time.monotonic()
    due = started + _TICK[0]
    with _events(run, client) as (poll, exited):
        while not run.ended:
            heard = {fd for fd, _ in poll.poll(max(0.0, due - time.monotonic()) * 1000)}
            now = time.monotonic()
            run.ended = _end_heard(run, heard, client.fileno(), exited)
            run.done = run.done or run.channel in heard  # its judge is done with it
            for fd in heard & run.pipes.keys():
                if not run.read(fd):
                    poll.unregister(fd)
            if run.done:
                run.ended = run.ended or "exit"
            if not run.ended and now >= due:
                run.ended = _limit_hit(run, started, now, proc, box)
                due = now + _pause(run, now)
    run.wall = time.monotonic() - (run.ready or time.monotonic())


@contextlib.contextmanager
def _events(run: Run, client: socket.socket) -> Iterator[tuple[select.poll, int]]:
    """What tells of the run: its pipes, its client, and a descriptor of its end; -1 where the system has none."""
    poll = select.poll()
    for fd in run.pipes:
        poll.register(fd, select.POLLIN)
    for end in (client.fileno(), run.channel):
        if end >= 0:
            poll.register(end, _HUNG_UP)
    pidfd = os.pidfd_open(run.pid) if hasattr(os, "pidfd_open") and not run.link else -1
    exited = run.link.fileno() if run.link else pidfd
    if exited >= 0:
        poll.register(exited, select.POLLIN)
    yield poll, exited
    if pidfd >= 0:
        os.close(pidfd)


def _end_heard(run: Run, heard: set[int], client: int, exited: int) -> str:
    if client in heard:
        return "cancelled"
    if exited in heard or (exited < 0 and os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
        return "exit"
    return ""


def _pause(run: Run, now: float) -> float:
    """Seconds until the processes must be looked at again."""
    if run.meter.lost:
        return _CLOSE_TICK
    if run.ready is None or not run.memory:
        return _TICK[0]
    until_full = (run.bounds["memory_mb"] * MB - run.memory) / _GROWTH
    soonest: float = min(until_full, run.ready + run.bounds["wall_s"] - now)
    return min(max(_TICK[0], soonest), _TICK[1])


def _limit_hit(run: Run, started: float, now: float, proc: int, box: str | None) -> str:
    bounds = run.bounds
    if run.ready is None:
        return "timeout" if now > started + _SETUP else ""
    if now > run.ready + bounds["wall_s"]:
        return "timeout"
    pids = run.look(proc)
    if run.memory > bounds["memory_mb"] * MB:
        run.peak = max(run.peak, run.memory)
        return "memory"
    if run.cpu > bounds["cpu_s"]:
        return "cpu"
    if len(pids) > bounds["processes"]:
        return "processes"
    return overfull(run, box, proc, pids) if box is not None else ""


def overfull(run: Run, box: str, proc: int, pids: Sequence[int] = ()) -> str:
    """The limit that a folder without a quota has outgrown, with what has no name any more; empty if none."""
    bounds, count, size = run.bounds, 0, 0
    try:
        for about in tree.entries(box):
            count += 1
            size += about.st_blocks * 512
            if count > bounds["inodes"] or size > bounds["disk_mb"] * MB:
                return "disk"
        hidden = unlinked(proc, pids, os.stat(box).st_dev) if proc >= 0 else {}
    except PermissionError:
        return "hidden"
    except OSError:  # deeper than it may have folders
        return "disk"
    return "disk" if size + sum(hidden.values()) > bounds["disk_mb"] * MB else ""
