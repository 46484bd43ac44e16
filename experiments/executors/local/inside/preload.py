"""What is loaded ahead of the runs, all by others' code: what ends, hangs, forks or starts threads is left out."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import select
import signal
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

_PATIENCE = 60.0  # s for one import
_kept: list[Any] = []  # what functions have returned, so that it stays


def preload(modules: Iterable[str]) -> None:
    """Import what can be imported; what cannot is the experiment's to report."""
    for name in modules:
        if name not in sys.modules:
            with contextlib.suppress(BaseException):  # SystemExit, as of a program that is no module
                importlib.import_module(name)
    if "numpy" in sys.modules and "numpy.random" not in sys.modules:
        importlib.import_module("numpy.random")  # numpy itself loads it on first use, and it is slow


def warmed(config: Mapping[str, Any], work: Callable[[Callable[[], None]], NoReturn]) -> int:
    """Fork a process that imports the modules under "preload", and calls the functions under "ahead", by the function
    it is given, and works on; its number, once it has.

    One that does not get through one of these fit to be forked is replaced by one without it, which leaves the list.
    """
    modules, functions = config["preload"], config["ahead"]
    while True:
        told, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(told)
            os.setpgid(0, 0)
            work(functools.partial(_load, modules, functions, tell))
        os.close(tell)
        unfit = _unfit(told)
        os.close(told)
        if unfit is None:
            return pid
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        if unfit in functions:
            del functions[unfit]
        elif unfit in modules:
            modules.remove(unfit)
        else:
            raise EOFError("the warm process has ended before its first import")


def _load(modules: Iterable[str], functions: Mapping[str, str], tell: int) -> None:
    me = os.getpid()
    for name in (*modules, *functions):
        os.write(tell, f"{name}\n".encode())
        fit = True
        if name in functions:
            fit = _call(name, functions[name])
        else:
            preload([name])
        if os.getpid() != me or not fit or not _alone():
            os._exit(1)
    os.write(tell, b"\n")
    os.close(tell)


def _call(entry: str, source: str) -> bool:
    """Call the function of the module that has this source, and keep what it returns; whether it has started no
    thread, also none that Python knows nothing of. The module goes out of the way of the runs' own."""
    module, function = entry.split(":")
    made, before = types.ModuleType(module), _threads()
    sys.modules[module] = made
    with contextlib.suppress(BaseException):
        exec(compile(source, f"{module}.py", "exec"), vars(made))
        _kept.append((made, vars(made)[function]()))
    sys.modules.pop(module, None)
    return _threads() <= before


def _threads() -> int:
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return 0


def _alone() -> bool:
    """Whether this process has neither children nor threads of Python, which no fork of it would have."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
        return False
    return len(sys._current_frames()) == 1


def _unfit(told: int) -> str | None:
    """What a process that loads has ended or hangs at; None where it has it all."""
    said = b""
    while select.select([told], [], [], _PATIENCE)[0] and (words := os.read(told, 1 << 16)):
        said += words
        if f"\n{said.decode()}".endswith("\n\n"):
            return None
    return said.decode().rpartition("\n")[0].rpartition("\n")[2]
