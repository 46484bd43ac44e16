"""Control groups (version 2), where they are delegated: the kernel itself bounds what a run may use, and counts it.

They stand beside the counting of `usage.py`, which goes on: a group's memory also holds files in memory, so it bounds
more loosely, but between two looks as well. Where any step is refused there is no group, and counting alone bounds.
Only `home` and `made_room` are for the runner; what monitors need is opened before they leave their namespaces.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from . import limits

_NEEDED = frozenset({"memory", "pids"})
_LEAF = "nightlab"  # the group of the runner itself: one with processes of its own can bound no other
_SLACK = 64 << 20  # bytes of the kernel's own for a run


@functools.cache
def home() -> str:
    """The folder of the group in which this process may make others; empty where none is delegated to it."""
    try:
        folder = _own_folder(_read("/proc/self/cgroup"), _read("/proc/self/mountinfo"))
        return folder if folder and made_room(folder, _family()) else ""
    except (OSError, ValueError):
        return ""


def _own_folder(memberships: str, mounts: str) -> str:
    """Where the file system shows this process's group; empty if it does not."""
    path = next((line[3:] for line in memberships.splitlines() if line.startswith("0::/")), "")
    for line in mounts.splitlines():
        words, _, kind = line.partition(" - ")
        if path and kind.startswith("cgroup2 "):
            root, mount = words.split()[3:5]
            if path == root or path.startswith(root.rstrip("/") + "/"):
                return mount + path[len(root.rstrip("/")) :].rstrip("/")
    return ""


def _family() -> set[int]:
    """This process and all below it, which it may move."""
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    try:
        return {os.getpid(), *limits.descendants(proc, os.getpid())}
    finally:
        os.close(proc)


def made_room(folder: str, family: Collection[int]) -> bool:
    """Whether groups below `folder` are bounded; makes it so where only `family` is in it, by moving that aside.

    A group that has processes cannot bound others, so they move to a group of their own; back again where that fails.
    """
    if not _words(f"{folder}/cgroup.controllers") >= _NEEDED:
        return False
    if _words(f"{folder}/cgroup.subtree_control") >= _NEEDED:
        return True
    if not (members := set(map(int, _words(f"{folder}/cgroup.procs")))) <= set(family):
        return False
    leaf = f"{folder}/{_LEAF}"
    with suppress(FileExistsError):
        os.mkdir(leaf)
    try:
        for pid in members:
            _write(f"{leaf}/cgroup.procs", str(pid))
        _write(f"{folder}/cgroup.subtree_control", "+memory +pids")
    except OSError:
        for pid in members:
            with suppress(OSError):
                _write(f"{folder}/cgroup.procs", str(pid))
        with suppress(OSError):
            os.rmdir(leaf)
        return False
    return True


def made(parent: str, name: str) -> str:
    """A group for the runs of one sandbox; empty where it cannot be made. Those of sessions that were killed go."""
    if not parent:
        return ""
    for left in os.listdir(parent):
        word = left.removeprefix(f"{_LEAF}-").partition("-")[0]
        if left.startswith(f"{_LEAF}-") and word.isdigit() and not os.path.exists(f"/proc/{word}"):
            removed(f"{parent}/{left}")
    folder = f"{parent}/{_LEAF}-{os.getpid()}-{name}"
    try:
        os.mkdir(folder)
        _write(f"{folder}/cgroup.subtree_control", "+memory +pids")
    except OSError:
        removed(folder)
        return ""
    return folder


def removed(folder: str) -> None:
    """Remove a sandbox's group with those of its monitors; one in which something still ends stays."""
    with suppress(OSError):
        for name in os.listdir(folder):
            if os.path.isdir(f"{folder}/{name}"):
                os.rmdir(f"{folder}/{name}")
        os.rmdir(folder)


@dataclass
class Group:
    """The group of one monitor's runs, by its name in the folder `parent` and descriptors of its files.

    cpu, kills: what they counted before the run.
    """

    parent: int
    name: str
    procs: int
    stat: int
    events: int
    kill: int
    cpu: float = 0.0
    kills: int = 0

    def enter(self, pid: int = 0) -> bool:
        """Take a process in, before any foreign code runs in it; 0 is this one. Counting starts anew."""
        try:
            os.pwrite(self.procs, str(pid).encode(), 0)
            self.cpu, self.kills = self._cpu_s(), self._killed()
        except (OSError, ValueError):
            return False
        return True

    def cpu_s(self) -> float:
        """Seconds of processor time of all that was in the group since then, whoever has waited for it."""
        return self._cpu_s() - self.cpu

    def out_of_memory(self) -> bool:
        """Whether the kernel has ended the run for want of memory."""
        return self._killed() > self.kills

    def end(self) -> None:
        """Kill all that is in the group, at once."""
        if self.kill >= 0:
            with suppress(OSError):
                os.pwrite(self.kill, b"1", 0)

    def remove(self) -> None:
        """Remove the group, whose processes have all ended."""
        with suppress(OSError):
            os.rmdir(self.name, dir_fd=self.parent)

    def _cpu_s(self) -> float:
        return _value(self.stat, "usage_usec") / 1e6

    def _killed(self) -> int:
        return _value(self.events, "oom_kill")


def group(parent: int, name: str, bounds: dict[str, Any]) -> Group | None:
    """Make a monitor's group in that of its sandbox, a descriptor of whose folder is `parent`; None where it cannot be.

    To be called in the namespaces of the runner: the kernel asks who has opened a group's files.
    """
    if parent < 0:
        return None
    try:
        with suppress(FileExistsError):  # of a monitor that had its number
            os.mkdir(name, dir_fd=parent)
        folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=parent)
        most = (bounds["memory_mb"] + bounds["disk_mb"] << 20) + _SLACK  # files in memory count too
        _set(folder, "memory.max", str(most))
        _set(folder, "pids.max", str(bounds["processes"] + 1))
        for file, value in (("memory.swap.max", "0"), ("memory.oom.group", "1")):
            with suppress(OSError):  # no swap; a kernel before 4.19
                _set(folder, file, value)
        kill = -1
        with suppress(OSError):  # a kernel before 5.14
            kill = os.open("cgroup.kill", os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
        procs = os.open("cgroup.procs", os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
        stat, events = (os.open(f, os.O_RDONLY | os.O_CLOEXEC, dir_fd=folder) for f in ("cpu.stat", "memory.events"))
    except OSError:
        return None
    return Group(parent, name, procs, stat, events, kill)


def _set(folder: int, name: str, value: str) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def _value(fd: int, name: str) -> int:
    """A number of a file of lines with a name and a number."""
    for line in os.pread(fd, 4096, 0).decode().splitlines():
        if line.partition(" ")[0] == name:
            return int(line.partition(" ")[2])
    return 0


def _read(path: str) -> str:
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def _words(path: str) -> set[str]:
    return set(_read(path).split())


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
