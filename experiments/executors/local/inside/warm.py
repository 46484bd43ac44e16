"""The warm process of level S3: it has imported the heavy modules and forks a guest for each monitor that asks.

A monitor is forked from a process that is small, and its guest from one that is not: so the costly fork is made once a
run, and while there is none. The guest enters the namespaces that its monitor has made, and waits for its order.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, NoReturn

from . import frames, guest
from .kernel import limits, namespaces, syscalls
from .preload import warmed

_UID, _STARTED, _ENDED = struct.Struct("i"), struct.Struct("i"), struct.Struct("idq")
_PATIENCE = 1.0  # s for a guest to prepare itself; one that takes longer may get its order before


def start(config: dict[str, Any], server: socket.socket) -> socket.socket:
    """Fork the warm process; the socket on which it is asked, which ends when it does."""
    ours, theirs = socket.socketpair()

    def work(load: Callable[[], None]) -> NoReturn:
        try:
            server.close()
            ours.close()
            _serve(theirs, config, load)
        except BaseException:  # noqa: BLE001 - the runner reads it from standard error
            traceback.print_exc()
        finally:
            os._exit(1)

    warmed(config, work)
    theirs.close()
    return ours


def ask(starter: socket.socket, uid: int | None, pipes: list[int], spaces: list[int]) -> socket.socket:
    """Ask for a guest in the namespaces; the socket on which it is told of, and waits for its order."""
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(starter, [_UID.pack(-1 if uid is None else uid)], [*pipes, theirs.fileno(), *spaces])
    return ours


def order(link: socket.socket, request: Mapping[str, Any], channel: int) -> None:
    """Tell a guest what to run, and give it its channel; one that has ended is told of by `ended`."""
    with suppress(BrokenPipeError):
        frames.send(link, request, {})
        if channel >= 0:
            socket.send_fds(link, [b"+"], [channel])


def started(link: socket.socket, report: int) -> int:
    """Wait until the guest has prepared itself, or failed to: its process number.

    What it says of that stays in the pipe `report`. EOFError where there is no guest.
    """
    (pid,) = _STARTED.unpack(frames.exactly(link, _STARTED.size))
    select.select([report], [], [], _PATIENCE)
    return int(pid)


def waits(link: socket.socket) -> bool:
    """Whether a guest that was asked for has not ended."""
    with suppress(BlockingIOError):
        link.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        return False
    return True


def ended(link: socket.socket) -> tuple[int, float, int]:
    """The guest's wait status, its processor time in s, and the most memory that it had, in bytes."""
    status, cpu, memory = _ENDED.unpack(frames.exactly(link, _ENDED.size))
    return int(status), float(cpu), int(memory)


def _serve(link: socket.socket, config: dict[str, Any], load: Callable[[], None]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    guest.warm_up(config, load)
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # the pipe tells that a child has ended
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    guests: dict[int, socket.socket] = {}  # by process number: the monitor of each
    while True:
        ready = select.select([link.fileno(), told], [], [])[0]
        if link.fileno() in ready:
            data, fds, _, _ = socket.recv_fds(link, _UID.size, guest.ORDER + len(namespaces.SPACES))
            if not data:
                return
            (uid,) = _UID.unpack(data)
            pipes, spaces = fds[: guest.ORDER], fds[guest.ORDER :]
            monitor = socket.socket(fileno=pipes[-1])
            try:
                pid = _fork(uid if uid >= 0 else None, pipes, spaces, config)
                guests[pid] = monitor
                monitor.sendall(_STARTED.pack(pid))
            except OSError:  # the monitor was killed, and its namespaces with it, or process 1 of its table
                monitor.close()
        if told in ready:
            os.read(told, select.PIPE_BUF)
            _reap(guests)


def _reap(guests: dict[int, socket.socket]) -> None:
    """Wait for each child that has ended, also for those that nobody here has started; tell the monitors of guests."""
    with suppress(ChildProcessError):
        while (ended := os.wait4(-1, os.WNOHANG))[0]:
            pid, status, spent = ended
            if monitor := guests.pop(pid, None):
                with suppress(OSError), monitor:
                    monitor.sendall(_ENDED.pack(status, spent.ru_utime + spent.ru_stime, limits.largest(spent)))


def _fork(uid: int | None, pipes: list[int], spaces: list[int], config: dict[str, Any]) -> int:
    """A guest that waits for its order on the last of the pipes: its process number."""
    try:
        syscalls.setns(spaces[0], syscalls.CLONE_NEWPID)
        if pid := os.fork():
            return pid
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        guest.become(config, uid, pipes, namespaces.BOX, _ordered, spaces[1:])
        return 0
    finally:
        for fd in (*pipes[:-1], *spaces):
            os.close(fd)


def _ordered() -> guest.Request:
    with socket.socket(fileno=guest.ORDER) as link:
        request = frames.receive(link)[0]
        channels = socket.recv_fds(link, 1, 1)[1] if request["channel"] else []
    for channel in channels:
        os.dup2(channel, guest.CHANNEL)
        os.close(channel)
    return request
