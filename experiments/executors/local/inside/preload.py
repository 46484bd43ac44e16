"""Imports ahead of the runs, of modules that others wrote: what ends, hangs, forks or starts threads is left out."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import select
import signal
import sys
from collections.abc import Callable, Iterable
from typing import NoReturn

_PATIENCE = 60.0  # s for one import


def preload(modules: Iterable[str]) -> None:
    """Import what can be imported; what cannot is the experiment's to report."""
    for name in modules:
        if name not in sys.modules:
            with contextlib.suppress(BaseException):  # SystemExit, as of a program that is no module
                importlib.import_module(name)
    if "numpy" in sys.modules and "numpy.random" not in sys.modules:
        importlib.import_module("numpy.random")  # numpy itself loads it on first use, and it is slow


def warmed(modules: list[str], work: Callable[[Callable[[], None]], NoReturn]) -> int:
    """Fork a process that imports `modules`, by the function it is given, and works on; its number, once it has.

    One that does not get through an import fit to be forked is replaced by one without that module, which leaves the
    list.
    """
    while True:
        told, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(told)
            os.setpgid(0, 0)
            work(functools.partial(_import, modules, tell))
        os.close(tell)
        unfit = _unfit(told)
        os.close(told)
        if unfit is None:
            return pid
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        if unfit not in modules:
            raise EOFError("the warm process has ended before its first import")
        modules.remove(unfit)


def _import(modules: Iterable[str], tell: int) -> None:
    me = os.getpid()
    for name in modules:
        os.write(tell, f"{name}\n".encode())
        preload([name])
        if os.getpid() != me or not _alone():
            os._exit(1)
    os.write(tell, b"\n")
    os.close(tell)


def _alone() -> bool:
    """Whether this process has neither children nor threads of Python, which no fork of it would have."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
        return False
    return len(sys._current_frames()) == 1


def _unfit(told: int) -> str | None:
    """The module at which a process that imports has ended or hangs; None where it has them all."""
    said = b""
    while select.select([told], [], [], _PATIENCE)[0] and (words := os.read(told, 1 << 16)):
        said += words
        if f"\n{said.decode()}".endswith("\n\n"):
            return None
    return said.decode().rpartition("\n")[0].rpartition("\n")[2]
