"""A badly behaved experiment: a small program, and how it must end.

A program is the body of `attack(p, inputs, out)`, which returns whether it got what it must not get. `p` tells where
the prey is: private file, evaluator, ledger, home, a file to spoil, ports and sockets that listen, a process to end,
objects of another program; `p["run"]` counts the runs of the program from 0. Beyond its own verdict, the driver checks
after each program that nothing outside has changed, that no listener was reached, that the secret has not come out,
and that no process is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from nightlab.experiments.records import Level, RunOutcome
from tests.hostile.prey import Prey

PRELUDE = '''
import array, ctypes, errno, fcntl, glob, json, mmap, os, resource, signal, socket, struct, subprocess, sys, threading
import time
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"
SECRET = "hunter2-private-label"


def worked(action):
    """Whether an action is possible."""
    try:
        return action() is not False
    except (OSError, ValueError, subprocess.SubprocessError):
        return False


def reads(path):
    return worked(lambda: SECRET.encode() in open(path, "rb").read(1 << 20))


def call(x86, arm, *arguments):
    """Whether a raw system call succeeds."""
    return libc.syscall(x86 if X86 else arm, *arguments) >= 0


def refused(x86, arm, *arguments):
    """Whether a raw system call is refused as such, and not for its arguments."""
    failed = libc.syscall(x86 if X86 else arm, *arguments) < 0
    return failed and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS, errno.EACCES)


def raw(x86, arm, *arguments):
    """What a raw system call gives; integers are passed as longs."""
    longs = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return libc.syscall(ctypes.c_long(x86 if X86 else arm), *longs)


def hold(got):
    """Keep what it got for as long as it may: whoever bounds it by looking at it has the time to look."""
    if got:
        time.sleep(3600)
    return got


def last(action):
    """The very last thing that the experiment does."""
    write = Path.write_text
    Path.write_text = lambda path, text: (write(path, text), action())


def background(action):
    """In a daemon: two forks and a session of its own."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            action()
        os._exit(0)
    os.wait()
'''


@dataclass(frozen=True)
class Program:
    """statuses: how it may end; what may not end by its time has plenty of it, so that no busy machine fails it. runs:
    how often it is run, in the same warm process. wall: what it must have taken.

    head: source before all else. params: more of them. cold: which of the runs have a sandbox of their own. network:
    whether its template asks for it. levels: where it is contained; root_only: whether only for root, whose runs have a
    user each. docs/isolation.md names it where it is not contained.
    beside: looks again and again while it runs, and tells what is wrong; judge: looks at what came out of all runs.
    """

    name: str
    attack: str
    statuses: tuple[str, ...] = ("ok",)
    runs: int = 1
    wall: float = 0.0
    head: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    cold: tuple[int, ...] = ()
    network: bool = False
    levels: tuple[Level, ...] = ("S3", "S2")
    root_only: bool = False
    beside: Callable[[Prey], str] | None = None
    judge: Callable[[Sequence[RunOutcome]], str] | None = None

    @property
    def endless(self) -> bool:
        """Whether it may go on until its time is over."""
        return "timeout" in self.statuses

    @property
    def source(self) -> str:
        body = "\n    ".join(self.attack.strip().splitlines())
        score = 'Path(out, "score").write_text(str(int(bool(attack(params, inputs, out)))))'
        run = f"def run(params, inputs, out, seed):\n    {score}\n"
        return f"{self.head}{PRELUDE}\n\ndef attack(p, inputs, out):\n    {body}\n\n\n{run}"
