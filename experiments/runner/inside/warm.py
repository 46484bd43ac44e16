"""The warm process of level S3: it has imported the heavy modules and forks a guest for each monitor that asks.

A monitor is forked from a process that is small, and its guest from one that is not: so the costly fork is made once a
run. The guest enters the namespaces that its monitor has made.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import traceback
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from . import guest, limits, namespaces, syscalls, wire

_STARTED, _ENDED = struct.Struct("i"), struct.Struct("idq")


def start(config: dict[str, Any], server: socket.socket) -> socket.socket:
    """Fork the warm process; the socket on which it is asked, which ends when it does."""
    ours, theirs = socket.socketpair()
    if os.fork() == 0:
        try:
            server.close()
            ours.close()
            _serve(theirs, config)
        except BaseException:  # noqa: BLE001 - the runner reads it from standard error
            traceback.print_exc()
        finally:
            os._exit(1)
    theirs.close()
    return ours


def ask(starter: socket.socket, order: Mapping[str, Any], pipes: list[int], spaces: list[int]) -> socket.socket:
    """Ask for a guest in the namespaces; the socket on which it is told of."""
    ours, theirs = socket.socketpair()
    with theirs:
        socket.send_fds(starter, [b"+"], [theirs.fileno()])
    socket.send_fds(ours, [b"+"], [*pipes, *spaces])
    wire.send(ours, order, {})
    return ours


def started(link: socket.socket) -> int:
    """The guest's process number; EOFError where the warm process ended."""
    (pid,) = _STARTED.unpack(wire.exactly(link, _STARTED.size))
    return int(pid)


def ended(link: socket.socket) -> tuple[int, float, int]:
    """The guest's wait status, its processor time in s, and the most memory that it had, in bytes."""
    status, cpu, memory = _ENDED.unpack(wire.exactly(link, _ENDED.size))
    return int(status), float(cpu), int(memory)


def _serve(link: socket.socket, config: dict[str, Any]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    guest.warm_up(config)
    guests: dict[int, tuple[int, socket.socket]] = {}  # by the descriptor of the guest's end
    while True:
        for fd in select.select([link.fileno(), *guests], [], [])[0]:
            if fd == link.fileno():
                data, fds, _, _ = socket.recv_fds(link, 1, 1)
                if not data:
                    return
                monitor = socket.socket(fileno=fds[0])
                with suppress(EOFError, OSError):  # the monitor was killed; its namespaces end with it
                    pid = _fork(monitor, config)
                    guests[os.pidfd_open(pid)] = pid, monitor
                    monitor.sendall(_STARTED.pack(pid))
            else:
                pid, monitor = guests.pop(fd)
                os.close(fd)
                _, status, spent = os.wait4(pid, 0)
                with suppress(OSError), monitor:
                    monitor.sendall(_ENDED.pack(status, spent.ru_utime + spent.ru_stime, limits.largest(spent)))


def _fork(monitor: socket.socket, config: dict[str, Any]) -> int:
    """A guest for a monitor: its process number."""
    _, fds, _, _ = socket.recv_fds(monitor, 1, guest.REPORT + len(namespaces.SPACES))
    try:
        order, _ = wire.receive(monitor)
        pipes, (processes, *others) = fds[: guest.REPORT], fds[guest.REPORT :]
        syscalls.setns(processes, syscalls.CLONE_NEWPID)
        if pid := os.fork():
            return pid
        guest.become(config, order["request"], order["places"], order["uid"], pipes, others)
        return 0
    finally:
        for fd in fds:
            os.close(fd)
