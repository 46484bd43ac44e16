"""What a run may use: limits that the kernel keeps, and what its processes use now."""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import dataclass
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_MB = 1 << 20
_PROCESS_CLOCK = 2  # with a process number above it: the clock of its processor time
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
    if limits["address_space"]:  # a backstop only: resident memory of the tree is watched
        size = int(_stat_fields(os.open("/proc/self/stat", os.O_RDONLY))[20]) if watched else 0
        wanted[resource.RLIMIT_AS] = size + 2 * memory + 1024 * _MB
    for which, value in wanted.items():
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(which, (value, value))


@dataclass
class Usage:
    """What processes use: seconds and bytes."""

    cpu_s: float
    memory: int


def usage(proc: int, pids: list[int], limit: int) -> Usage:
    """Of some processes, read through the folder descriptor `proc`.

    Pages that forks share are counted once where a plain sum would exceed `limit` bytes.
    """
    cpu = memory = 0
    for pid in pids:
        try:
            fields = _stat_fields(os.open(f"{pid}/stat", os.O_RDONLY, dir_fd=proc))
        except OSError:
            continue
        cpu += sum(int(field) for field in fields[11:15])
        memory += int(fields[21]) * _PAGE
    if memory > limit and len(pids) > 1:
        memory = sum(_proportional(proc, pid) for pid in pids)
    return Usage(cpu / _TICKS, memory)


def alone(proc: int, pid: int) -> Usage | None:
    """What a process that still lives has used and the most memory that it had; None where a child has its share."""
    try:
        if int(_stat_fields(os.open(f"{pid}/stat", os.O_RDONLY, dir_fd=proc))[8]):  # page faults of children
            return None
        text = _text(os.open(f"{pid}/status", os.O_RDONLY, dir_fd=proc))
        peak = next(int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("VmHWM:"))
        return Usage(time.clock_gettime(~pid << 3 | _PROCESS_CLOCK), peak)
    except (OSError, StopIteration):
        return None  # it has ended


def largest(spent: resource.struct_rusage) -> int:
    """The most memory that a process had, in bytes."""
    return spent.ru_maxrss << (10 if sys.platform == "linux" else 0)


def exiting(proc: int, pid: int) -> bool:
    """Whether a process will run no code any more: the kernel is taking all of its threads down, or has."""
    try:
        return all(
            int(_stat_fields(os.open(f"{pid}/task/{task}/stat", os.O_RDONLY, dir_fd=proc))[6]) & _PF_EXITING
            for task in _names(proc, f"{pid}/task")
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
        children = _children(proc, queue.pop())
        found += children
        queue += children
    return found


def _children(proc: int, pid: int) -> list[int]:
    children: list[int] = []
    try:
        for task in _names(proc, f"{pid}/task"):
            children += map(int, _text(os.open(f"{pid}/task/{task}/children", os.O_RDONLY, dir_fd=proc)).split())
    except OSError:
        pass  # it has ended
    return children


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


def _proportional(proc: int, pid: int) -> int:
    try:
        text = _text(os.open(f"{pid}/smaps_rollup", os.O_RDONLY, dir_fd=proc))
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith("Pss:")), 0)


def _stat_fields(fd: int) -> list[str]:
    """The fields of a stat file from the third on: a process chooses its own name, parentheses and all."""
    return _text(fd).rpartition(")")[2].split()


def _names(proc: int, path: str) -> list[str]:
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY, dir_fd=proc)
    try:
        return os.listdir(fd)
    finally:
        os.close(fd)


def _text(fd: int) -> str:
    """All of a file, by bare reads: this is done every few milliseconds."""
    parts = []
    try:
        while part := os.read(fd, 1 << 14):
            parts.append(part)
    finally:
        os.close(fd)
    return b"".join(parts).decode("ascii", "replace")
