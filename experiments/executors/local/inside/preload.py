"""What is loaded ahead of the runs, all by others' code: what ends, hangs, forks or starts threads is left out."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import select
import signal
import sys
import time
import types
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from .kernel import limits, syscalls

_PATIENCE = 60.0  # s for one import, and for the call of a function
_CALM = 1.0  # s until the threads are gone that a function has ended
_kept: list[Any] = []  # what functions have returned, so that it stays


def preload(modules: Iterable[str]) -> None:
    """Import what can be imported; what cannot is the experiment's to report."""
    for name in modules:
        if name not in sys.modules:
            with contextlib.suppress(BaseException):  # SystemExit, as of a program that is no module
                importlib.import_module(name)
    if "numpy" in sys.modules and "numpy.random" not in sys.modules:
        importlib.import_module("numpy.random")  # numpy itself loads it on first use, and it is slow


def warmed(config: dict[str, Any], work: Callable[[Callable[[], None]], NoReturn]) -> int:
    """Fork a process that imports the modules under "preload" and calls the function under "ahead", by the function it
    is given, and works on; its number, once it has.

    One that does not get through one of these fit to be forked is replaced by one without it, which leaves the
    configuration; why the function has left it stands under "unfit".
    """
    while True:
        told, tell = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(told)
            os.setpgid(0, 0)
            work(functools.partial(_load, config, tell))
        os.close(tell)
        unfit = _unfit(told)
        os.close(told)
        if unfit is None:
            return pid
        _end(pid)
        name, why = unfit
        if name in config["preload"]:
            config["preload"].remove(name)
        elif name in config["ahead"][:1]:
            config["ahead"], config["unfit"] = [], why
        else:
            raise EOFError("the warm process has ended before it had loaded anything")


def _load(config: dict[str, Any], tell: int) -> None:
    """Import and call, and tell of each: its name ahead of it, and why no run can be forked after it."""
    me = os.getpid()
    _keep_orphans(1)  # so that they are seen
    for name in (*config["preload"], *config["ahead"][:1]):
        os.write(tell, f"{name}\n".encode())
        why = ""
        if name in config["ahead"][:1]:
            why = _call(*config["ahead"])
        else:
            preload([name])
        if os.getpid() != me:
            os._exit(1)
        if not why and not _alone():
            why = "it left a process or a thread"
        if why:
            os.write(tell, f"{' '.join(why.split())[:1000]}\0\n".encode(errors="replace"))
            while True:  # until it is ended with all that it has started; a signal that is handled ends a pause
                signal.pause()
    _keep_orphans(0)
    os.write(tell, b"\n")
    os.close(tell)


def _call(entry: str, source: str) -> str:
    """Call the function of the module that has this source, and keep what it returns; why no run can be forked after
    it. Runs import the module anew."""
    module, function = entry.split(":")
    made, hidden = types.ModuleType(module), sys.modules.get(module)
    threads, shared = _threads(), _shared()
    sys.modules[module] = made
    try:
        exec(compile(source, f"{module}.py", "exec"), vars(made))
        _kept.append(vars(made)[function]())
    except BaseException as error:  # noqa: BLE001 - whatever it raises, runs go without it
        return f"it raised {type(error).__name__}: {error}"
    finally:
        sys.modules.pop(module, None)
        if hidden:
            sys.modules[module] = hidden
    until = time.monotonic() + _CALM
    while _threads() > threads:
        if time.monotonic() > until:
            return "it started a thread, which no run would have"
        time.sleep(0.01)
    return "it mapped memory through which runs could tell each other something" if _shared() > shared else ""


def _threads() -> int:
    with contextlib.suppress(OSError):
        return len(os.listdir("/proc/self/task"))
    return 0


def _shared() -> int:
    """How many mappings this process has that its forks would write to in common."""
    with contextlib.suppress(OSError), open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        return sum("w" in mode and "s" in mode for mode in (line.split(maxsplit=2)[1] for line in maps))
    return 0


def _alone() -> bool:
    """Whether this process has neither children nor threads of Python, which no fork of it would have."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)
        return False
    return len(sys._current_frames()) == 1


def _keep_orphans(keep: int) -> None:
    if sys.platform == "linux":
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, keep)


def _end(pid: int) -> None:
    """End a process with all that it has started."""
    found = [pid]
    with contextlib.suppress(OSError):
        proc = os.open("/proc", os.O_RDONLY)
        found += limits.descendants(proc, pid)
        os.close(proc)
    for each in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _unfit(told: int) -> tuple[str, str] | None:
    """What a process that loads has ended or hangs at, and why; None where it has it all."""
    said, why = b"", f"it did not return within {_PATIENCE:g} s"
    while not said.endswith(b"\0\n") and select.select([told], [], [], _PATIENCE)[0]:
        if not (words := os.read(told, 1 << 16)):
            why = "it ended its process"
            break
        said += words
        if (b"\n" + said).endswith(b"\n\n"):
            return None
    lines = said.decode(errors="replace").split("\n")[:-1]
    if said.endswith(b"\0\n"):
        why = lines.pop()[:-1]
    return (lines or [""])[-1], why
