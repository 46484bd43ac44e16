"""What a run may use: limits that the kernel keeps, and the processes that they are kept for."""

from __future__ import annotations

import os
import resource
import sys
from typing import Any

_MB = 1 << 20
_SIGNALS = 1024  # that wait for a process, and timers
_PF_EXITING = 0x4  # of the kernel's flags of a task: it is past its last line of code, and its memory goes next


def impose(limits: dict[str, Any], *, others: int) -> None:
    """Set this process's kernel limits; none can be raised again. others: tasks that count against the same user."""
    memory = limits["memory_mb"] * _MB
    wanted = {
        resource.RLIMIT_FSIZE: limits["disk_mb"] * _MB,
        resource.RLIMIT_NPROC: limits["processes"] + others,
        resource.RLIMIT_NOFILE: 1024,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 8 * _MB,
    }
    watched = os.path.exists("/proc/self")
    if not watched:  # with this limit, Linux tells processor time by the tick
        wanted[resource.RLIMIT_CPU] = max(1, int(limits["cpu_s"] + 1))
    else:  # the user's other programs need timers and signals too
        queued = text(os.open("/proc/self/status", os.O_RDONLY)).partition("SigQ:")[2].partition("/")[0]
        wanted[resource.RLIMIT_SIGPENDING] = int(queued) + _SIGNALS
    if limits["address_space"]:  # a backstop only: resident memory of the tree is watched
        size = int(stat_fields(os.open("/proc/self/stat", os.O_RDONLY))[20]) if watched else 0
        wanted[resource.RLIMIT_AS] = size + 2 * memory + 1024 * _MB
    for which, value in wanted.items():
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


def largest(spent: resource.struct_rusage) -> int:
    """The most memory that a process had, in bytes."""
    return spent.ru_maxrss << (10 if sys.platform == "linux" else 0)


def exiting(proc: int, pid: int) -> bool:
    """Whether a process will run no code any more: the kernel is taking all of its threads down, or has."""
    try:
        return all(
            int(stat_fields(os.open(f"{pid}/task/{task}/stat", os.O_RDONLY, dir_fd=proc))[6]) & _PF_EXITING
            for task in names(proc, f"{pid}/task")
        )
    except OSError:
        return False  # one has gone since; whoever asks again finds the rest


def all_exiting(proc: int, *, besides: int) -> bool:
    """Whether this holds for all processes that the folder descriptor `proc` shows but one."""
    return all(exiting(proc, int(name)) for name in os.listdir(proc) if name.isdigit() and int(name) != besides)


def descendants(proc: int, *roots: int) -> list[int]:
    """All processes below `roots`."""
    found: list[int] = []
    queue = list(roots)
    while queue:
        below = children(proc, queue.pop())
        found += below
        queue += below
    return found


def children(proc: int, pid: int) -> list[int]:
    """The processes that a process has started or taken in."""
    found: list[int] = []
    try:
        for task in names(proc, f"{pid}/task"):
            found += map(int, text(os.open(f"{pid}/task/{task}/children", os.O_RDONLY, dir_fd=proc)).split())
    except OSError:
        pass  # it has ended
    return found


def tasks_of(uid: int) -> int:
    """How many processes and threads a user has."""
    count = 0
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == uid:
                count += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue
    return count


def stat_fields(fd: int) -> list[str]:
    """The fields of a stat file from the third on: a process chooses its own name, parentheses and all."""
    return text(fd).rpartition(")")[2].split()


def names(proc: int, path: str) -> list[str]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=proc)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def text(fd: int) -> str:
    """All of a file, by bare reads: this is done every few milliseconds."""
    parts = []
    try:
        while part := os.read(fd, 1 << 14):
            parts.append(part)
    finally:
        os.close(fd)
    return b"".join(parts).decode("ascii", "replace")
