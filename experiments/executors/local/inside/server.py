"""A sandbox: a keeper outside that outlives nobody, and inside, monitors for the requests, one of them always free."""

from __future__ import annotations

import gc
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from . import guest, monitor, preload, warm
from .kernel import limits, namespaces, syscalls

_PATIENCE = 5.0  # s until orphans that were killed are gone


def main(config: dict[str, Any]) -> None:
    """Serve requests that arrive on the socket `control` until the pipe `life` ends."""
    control, life, parent = config["control"], config["life"], config["parent"]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the runner ends it by closing the pipe, so that it can drain first
    linux = sys.platform == "linux"
    config["group"] = os.open(config["group"], os.O_RDONLY | os.O_DIRECTORY) if config["group"] else -1
    if config["level"] == "S3":
        namespaces.leave(config["network"], cgroups=config["group"] < 0)
    elif linux:
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    first = os.fork()
    if first == 0:
        os.close(life)
        if linux:
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)
        _serve(control, config)
    os.close(control)
    _keep(first, life, parent, sweep=config["level"] != "S3" and linux)


def _keep(first: int, life: int, parent: int, *, sweep: bool) -> None:
    """End everything as soon as the runner closes the pipe or dies, or the first process inside ends."""
    poll = select.poll()
    poll.register(life, select.POLLIN)
    watched = [first, parent] if hasattr(os, "pidfd_open") else []
    for pid in watched:
        with suppress(OSError):
            poll.register(os.pidfd_open(pid), select.POLLIN)
    while (
        not poll.poll(500)
        and os.getppid() == parent
        and not os.waitid(os.P_PID, first, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    ):
        pass
    proc = os.open("/proc", os.O_RDONLY) if sweep else -1
    while True:
        for pid in {first, *(limits.descendants(proc, os.getpid()) if sweep else ())}:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG if sweep else 0)[0]:
                pass
        except ChildProcessError:
            os._exit(0)
        time.sleep(0.001)


def _serve(control: int, config: dict[str, Any]) -> None:
    server = socket.socket(fileno=control)
    try:
        if config["level"] == "S3":
            namespaces.build(config)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # monitors are not waited for
        if config["level"] == "S3":
            _host(server, config, warm.start(config, server))
        else:
            _watch_over(preload.warmed(config, lambda load: _host_warm(server, config, load)))
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the runner reads it from standard error
        traceback.print_exc()
    finally:
        os._exit(1)


def _host_warm(server: socket.socket, config: dict[str, Any], load: Callable[[], None]) -> NoReturn:
    """Be the warm process and the host of monitors in one."""
    try:
        if sys.platform == "linux":
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        guest.warm_up(config, load)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        _host(server, config, None)
        os._exit(0)
    except BaseException:  # noqa: BLE001 - as above
        traceback.print_exc()
    finally:
        os._exit(1)


def _watch_over(pid: int) -> None:
    with suppress(ChildProcessError):  # it is reaped by itself
        os.waitpid(pid, 0)


def _host(server: socket.socket, config: dict[str, Any], starter: socket.socket | None) -> None:
    """See that there is always a free monitor; returns when the runner has closed the socket."""
    free: dict[int, bool] = {}  # by the pipe on which a monitor says whether it is
    monitors: dict[int, int] = {}  # likewise: its process number
    if sweep := starter is None and sys.platform == "linux":
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    gc.collect()
    gc.freeze()  # a collection in a monitor would touch, and so copy, all memory that it shares with this process
    while True:
        if not any(free.values()):
            told, tell = os.pipe()
            if (pid := os.fork()) == 0:
                for fd in (told, *free):
                    os.close(fd)
                monitor.serve(server, tell, config, starter)
                os._exit(0)
            os.close(tell)
            free[told], monitors[told] = True, pid
        for fd in select.select([*free, *([starter.fileno()] if starter else [])], [], [])[0]:
            if fd not in free:
                os._exit(1)  # the warm process has ended, and said why
            if words := os.read(fd, select.PIPE_BUF):
                free[fd] = words.endswith(monitor.FREE)  # the last word holds
            else:
                os.close(fd)
                ended = monitors.pop(fd)
                if sweep:
                    _end_orphans(ended, set(monitors.values()))
                if free.pop(fd):
                    return


def _end_orphans(ended: int, monitors: set[int]) -> None:
    """End the processes that a monitor has left: they are children of this process now, beside the other monitors."""
    with suppress(ChildProcessError):  # it is reaped by itself
        os.waitpid(ended, 0)
    proc, last = os.open("/proc", os.O_RDONLY), time.monotonic() + _PATIENCE
    while orphans := set(limits.children(proc, os.getpid())) - monitors:
        for pid in (*orphans, *limits.descendants(proc, *orphans)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > last:
            break
        time.sleep(0.001)
    os.close(proc)
