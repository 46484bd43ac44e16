"""Ends a run: returns when none of its processes will run any code."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from . import frames, warm
from .kernel import limits
from .kernel.cgroup import Group
from .kernel.usage import alone
from .run import MB, Run
from .standby import PATIENCE, Standby

_LIGHT = 64 * MB  # what a run can have taken without that its end is felt by the next one


def sweep(run: Run, standby: Standby) -> None:
    """Have process 1 of the table kill all the others.

    A guest that has said its last word still lives, so that what it used can be seen; else the kernel tells when it has
    taken down all of its memory, which takes 4 ms for a process with the modules of machine learning. Where there was
    more to take down, that is waited for: the next run must not feel it.
    """
    assert run.link
    spent = alone(standby.proc, run.guest) if run.done else None
    if not spent:
        run.look(standby.proc)
    try:
        standby.broom.sendall(b"+")
        if frames.exactly(standby.broom, 1) != b".":
            raise EOFError("process 1 of the table is out of step")
        standby.swept = False
        if not spent or spent.held > standby.weight + _LIGHT:
            standby.sweep()
        if spent:
            run.used(spent.cpu_s, spent.memory)
        else:
            run.status, used, largest = warm.ended(run.link)
            run.used(used, largest)
    except TimeoutError:
        run.ended, standby.lost = "stuck", True


def kill_all(run: Run, proc: int, group: Group | None) -> None:
    """Find and kill each process below this one until nothing is left."""
    me, used, largest, last = os.getpid(), 0.0, 0, time.monotonic() + PATIENCE
    if group:
        group.end()
    while True:
        with contextlib.suppress(OSError):
            os.killpg(run.pid, signal.SIGKILL)
        for pid in [run.pid] if proc < 0 else limits.descendants(proc, me):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while (reaped := os.wait4(-1, os.WNOHANG))[0]:
                pid, status, spent = reaped
                used += spent.ru_utime + spent.ru_stime
                largest = max(largest, limits.largest(spent))
                if pid == run.guest:
                    run.status = status
        except ChildProcessError:
            break
        if time.monotonic() > last:  # whoever takes this monitor's children in goes on with it
            run.ended = "stuck"
            break
        time.sleep(0.0005)
    run.used(used, largest)
