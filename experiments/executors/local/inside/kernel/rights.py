"""The rights that a run gives up before it is told what to run."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

from . import landlock, limits, namespaces, seccomp, syscalls


def give_up(config: dict[str, Any], places: Mapping[str, str], uid: int | None, own: int) -> None:
    """Give up every right that a run must not have. own: a descriptor of its folder below /proc; closed then."""
    level = config["level"]
    os.setsid()
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    others = 0
    if sys.platform == "linux":
        namespaces.write(own, "oom_score_adj", b"1000")  # the kernel, short of memory, chooses it and never its judge
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)
    if level in ("S3", "S2"):
        if uid is None and level == "S3":
            namespaces.nest(own)
        elif uid is None:
            others = limits.tasks_of(os.geteuid())
        _drop(uid, read_all=config["read_all"])
    os.closerange(own, own + 1)
    limits.impose(config["limits"], others=others)
    if level in ("S3", "S2"):
        _confine(config, places, uid)


def _drop(uid: int | None, *, read_all: bool) -> None:
    """Become `uid` and lose every capability.

    read_all keeps root's right to read what others may not, such as an interpreter below a closed home directory:
    the namespace or Landlock bounds it to what the sandbox shows, and seccomp refuses handles.
    """
    keep = 1 << syscalls.CAP_DAC_READ_SEARCH if read_all and uid is not None else 0
    with contextlib.suppress(OSError):  # without the capability for it there is nothing to lose
        for capability in range(64):
            if not keep >> capability & 1:
                syscalls.prctl(syscalls.PR_CAPBSET_DROP, capability)
    if uid is not None:
        syscalls.prctl(syscalls.PR_SET_KEEPCAPS, 1)
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    syscalls.capabilities(keep)
    if keep:
        syscalls.prctl(syscalls.PR_CAP_AMBIENT, 2, syscalls.CAP_DAC_READ_SEARCH)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 1)
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)  # a change of user has cleared it


def _confine(config: dict[str, Any], places: Mapping[str, str], uid: int | None) -> None:
    spaces = config["level"] == "S3"
    syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
    if spaces:
        landlock.scope()
    else:
        devices = [f"/dev/{name}" for name in namespaces.DEVICES]
        read = [*config["allowed"], *(source for name, source in config["named"].items()), "/proc/self"]
        landlock.restrict(
            read=read, write=[places["box"], *devices], listed=config["listed"], network=config["network"]
        )
    seccomp.install(filter_of(config, another_user=uid is not None))


def filter_of(config: dict[str, Any], *, another_user: bool) -> bytes:
    """The program by which the kernel judges the system calls of a run."""
    spaces = config["level"] == "S3"
    return seccomp.program(
        namespaces=spaces,
        another_user=another_user,
        scoped=landlock.version() >= 6,
        network=config["network"],
        memfd=config["gpus"],
        pid=0 if spaces else os.getpid(),
    )
