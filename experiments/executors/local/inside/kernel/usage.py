"""What the processes of a run use, also of what none of them is seen to hold: shared pages, pipes, sockets, files.

There is no need for control groups, which are rarely delegated. What the kernel tells nobody is bounded by counting:
so many sockets can hold so much.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

from .limits import exiting, names, stat_fields, text

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROCESS_CLOCK = 2  # with a process number above it: the clock of its processor time
_SOCKET = 230_000  # bytes that the kernel holds at most of what one has sent; the filter refuses to raise it
_PIPE, _PIPES, _PIPE_BEYOND = 1 << 16, 1024, 1 << 13  # bytes of a pipe, for so many of a user; of each further one
_FILES = 1024  # descriptors that a process may have
_FREE = 16 << 20  # bytes of pipes and sockets that are not counted: what a plain program has open
_ANONYMOUS = ("/dev/zero (deleted)", "/memfd:", "/SYSV")  # what a shared mapping without a file is called


class Usage(NamedTuple):
    """What processes use: seconds and bytes. held: at most so much beyond what they are seen to have."""

    cpu_s: float
    memory: int
    held: int = 0


class _Look(NamedTuple):
    """What /proc tells of a process: ticks of its own and of whom it has waited for, page faults, bytes."""

    own: int
    waited: int
    faults: int = 0
    resident: int = 0
    files: int = 0


@dataclass
class Meter:
    """Looks at the processes of one run, through the folder descriptor `proc`.

    limit: bytes of memory up to which a rough look will do. reaper: the process that takes in orphans and waits for
    them, and for those of earlier runs before. own_network: whether the sockets in this process's namespace are theirs.
    """

    proc: int
    limit: int
    reaper: int = 0
    own_network: bool = False
    lost: int = 0  # ticks of processes that have ended and that nobody has waited for
    _before: dict[tuple[int, str], _Look] = field(default_factory=dict)
    _sizes: dict[str, int] = field(default_factory=dict)  # the largest ever seen of what is mapped still
    _reaped: int = 0
    _held: int = 0  # at the last close look
    _faults: int = 0  # until then: none of the pages that have come since can have come without one

    def __post_init__(self) -> None:
        if self.reaper:
            self._reaped = self._waited()

    def look(self, pids: Sequence[int]) -> Usage:
        """What these processes use now; their times include those of processes that have ended since the first look."""
        looks = {}
        for pid in pids:
            with suppress(OSError):
                started, look = _look(self.proc, pid)
                looks[pid, started] = look
        if self.reaper:
            looks[self.reaper, ""] = _Look(0, self._waited() - self._reaped)
        cpu = self._time(looks) / _TICKS
        memory, faults = sum(look.resident for look in looks.values()), sum(look.faults for look in looks.values())
        if memory + self._held + (faults - self._faults) * _PAGE + self._rough(looks) <= self.limit:
            return Usage(cpu, memory, self._held)
        memory, self._held, self._faults = *self._closely(pids, memory), faults
        return Usage(cpu, memory, self._held)

    def ended(self) -> float:
        """Seconds of processes that were not waited for by those that started them."""
        return (self.lost + (self._waited() - self._reaped if self.reaper else 0)) / _TICKS

    def _waited(self) -> int:
        try:
            fields = stat_fields(os.open(f"{self.reaper}/stat", os.O_RDONLY, dir_fd=self.proc))
        except OSError:
            return self._reaped
        return int(fields[13]) + int(fields[14])

    def _time(self, looks: dict[tuple[int, str], _Look]) -> int:
        """Ticks until now; times of those that ended unseen by their parent are kept from the last look at them."""
        ended = sum(look.own + look.waited for key, look in self._before.items() if key not in looks)
        nothing = _Look(0, 0)
        gained = sum(look.waited - self._before.get(key, nothing).waited for key, look in looks.items())
        self.lost += max(0, ended - gained)
        self._before = looks
        return self.lost + sum(look.own + look.waited for look in looks.values())

    def _rough(self, looks: dict[tuple[int, str], _Look]) -> int:
        """Bytes that their pipes and sockets surely do not exceed."""
        each = _PIPE if self.own_network else 2 * _SOCKET
        return sum(look.files for look in looks.values()) * each + self._in_network()

    def _in_network(self) -> int:
        """Bytes that the sockets of this network can hold."""
        return _SOCKET * sockets(self.proc) if self.own_network else 0

    def _closely(self, pids: Sequence[int], resident: int) -> tuple[int, int]:
        """Resident and held bytes, where pages that several have count once."""
        memory = sum(_proportional(self.proc, pid) for pid in pids) if len(pids) > 1 else resident
        shared: dict[str, int] = {}
        opened: dict[str, set[str]] = {"pipe": set(), "socket": set()}
        for pid in pids:
            for key, size in _shared(self.proc, pid):
                shared[key] = max(size, shared.get(key, 0), self._sizes.get(key, 0))
            for _, link in _links(self.proc, pid):
                opened.get(link.partition(":")[0], set()).add(link)
        self._sizes = shared
        pipes, ends = map(len, opened.values())
        held = min(pipes, _PIPES) * _PIPE + max(0, pipes - _PIPES) * _PIPE_BEYOND
        held += self._in_network() if self.own_network else 2 * _SOCKET * ends  # one that is closed can have sent
        held += sum(_tables(self.proc, pid) for pid in pids)
        held = max(0, held - _FREE) + sum(shared.values())
        if shared and memory + held > self.limit:  # some of that is resident too
            memory -= sum(_resident_shared(self.proc, pid) for pid in pids)
        return memory, held


def sockets(proc: int) -> int:
    """How many there are in this process's network, also those that nobody has open: on their way, or not accepted."""
    return int(text(os.open("self/net/sockstat", os.O_RDONLY, dir_fd=proc)).split(maxsplit=3)[2])


def alone(proc: int, pid: int) -> Usage | None:
    """What a process that still lives has used, the most memory that it had, and as `held` what is its own of that now.

    None where a child has its share.
    """
    try:
        if int(stat_fields(os.open(f"{pid}/stat", os.O_RDONLY, dir_fd=proc))[8]):  # page faults of children
            return None
        bytes_ = _sizes(proc, str(pid))
        own = bytes_["RssAnon"] + bytes_["RssShmem"]
        return Usage(time.clock_gettime(~pid << 3 | _PROCESS_CLOCK), bytes_["VmHWM"], own)
    except (OSError, KeyError):
        return None  # it has ended


def _sizes(proc: int, place: str) -> dict[str, int]:
    """What a process has of each kind of memory, in bytes. Its name may say anything, and stands before these."""
    told = text(os.open(f"{place}/status", os.O_RDONLY, dir_fd=proc)).partition("\nUmask:")[2]
    words = [line.split() for line in told.split("\n")]
    return {line[0][:-1]: int(line[1]) << 10 for line in words if line[2:] == ["kB"]}


def unlinked(proc: int, pids: Sequence[int], device: int) -> dict[int, int]:
    """Bytes on a device of files without a name that processes hold, by inode; PermissionError where one hides them."""
    found: dict[int, int] = {}
    for pid in pids:
        try:
            for inode, size in _unlinked(proc, pid, device):
                found[inode] = max(found.get(inode, 0), size)
        except PermissionError:
            if _hides(proc, pid):
                raise
    return found


def _unlinked(proc: int, pid: int, device: int) -> Iterator[tuple[int, int]]:
    for path, _ in _links(proc, pid, strict=True):
        with suppress(FileNotFoundError, ProcessLookupError):
            about = os.stat(path, dir_fd=proc)
            if stat.S_ISREG(about.st_mode) and about.st_nlink == 0 and about.st_dev == device:
                yield about.st_ino, about.st_blocks * 512
    with suppress(FileNotFoundError, ProcessLookupError):
        for mapping in _mappings(proc, pid):
            if mapping.path.endswith(" (deleted)") and mapping.device == device:
                yield mapping.inode, mapping.extent


def _hides(proc: int, pid: int) -> bool:
    """Whether a process stays closed to reading: one that ends, or begins a program, is so for a moment."""
    for _ in range(3):
        if exiting(proc, pid):
            return False
        try:
            names(proc, f"{pid}/fd")
        except PermissionError:
            time.sleep(0.001)
        except OSError:
            return False  # it has ended
        else:
            return False
    return True


class _Mapping(NamedTuple):
    """A line of a process's map. extent: how far into the file it reaches. where: its name below map_files."""

    where: str
    shared: bool
    extent: int
    device: int
    inode: int
    path: str


def _mappings(proc: int, pid: int) -> Iterator[_Mapping]:
    for line in text(os.open(f"{_place(proc, pid)}/maps", os.O_RDONLY, dir_fd=proc)).split("\n"):
        if mapping := _mapping(line):
            yield mapping


def _mapping(line: str) -> _Mapping | None:
    """A mapping of a file, of which shared memory is one."""
    words = line.split(maxsplit=5)
    if len(words) < 6 or "-" not in words[0] or words[4] == "0":
        return None
    where, rights, offset, device, inode, path = words
    start, end = (int(address, 16) for address in where.split("-"))
    major, minor = (int(number, 16) for number in device.split(":"))
    extent = int(offset, 16) + end - start
    return _Mapping(where, rights[3] == "s", extent, os.makedev(major, minor), int(inode), path)


def _look(proc: int, pid: int) -> tuple[str, _Look]:
    fields = stat_fields(os.open(f"{pid}/stat", os.O_RDONLY, dir_fd=proc))
    own, waited = (int(fields[n]) + int(fields[n + 1]) for n in (11, 13))
    faults = int(fields[7]) + int(fields[8])
    place = str(pid)
    if fields[0] == "Z":
        place = _place(proc, pid)
        fields[21] = stat_fields(os.open(f"{place}/stat", os.O_RDONLY, dir_fd=proc))[21]
    try:
        files = len(names(proc, f"{place}/fd"))
    except PermissionError:
        files = _FILES
    return fields[19], _Look(own, waited, faults, int(fields[21]) * _PAGE, files)


def _place(proc: int, pid: int) -> str:
    """Where /proc tells of a process: at one of its other threads where the first has ended and shows no memory."""
    if stat_fields(os.open(f"{pid}/stat", os.O_RDONLY, dir_fd=proc))[0] == "Z":
        for task in names(proc, f"{pid}/task"):
            if task != str(pid):
                return f"{pid}/task/{task}"
    return str(pid)


def _proportional(proc: int, pid: int) -> int:
    """Resident bytes, where what several processes have counts for each by its share."""
    try:
        rollup = text(os.open(f"{_place(proc, pid)}/smaps_rollup", os.O_RDONLY, dir_fd=proc))
    except PermissionError:  # a program that is closed to reading
        return _look(proc, pid)[1].resident
    except OSError:
        return 0  # it has ended
    return next((int(line.split()[1]) << 10 for line in rollup.splitlines() if line.startswith("Pss:")), 0)


def _tables(proc: int, pid: int) -> int:
    """Bytes of tables of pages: to read memory that is empty takes no other."""
    with suppress(OSError):
        return _sizes(proc, _place(proc, pid)).get("VmPTE", 0)
    return 0


def _shared(proc: int, pid: int) -> Iterator[tuple[str, int]]:
    """Shared memory of a process by what it is, and its bytes: those that it has, for root, or else may have."""
    with suppress(OSError):
        for mapping in _mappings(proc, pid):
            if mapping.shared and mapping.path.startswith(_ANONYMOUS):
                size = mapping.extent
                with suppress(OSError):
                    size = os.stat(f"{pid}/map_files/{mapping.where}", dir_fd=proc).st_blocks * 512
                yield f"{mapping.device}:{mapping.inode}", size
        for path, link in _links(proc, pid):
            if link.startswith(_ANONYMOUS):
                about = os.stat(path, dir_fd=proc)
                yield f"{about.st_dev}:{about.st_ino}", about.st_blocks * 512


def _resident_shared(proc: int, pid: int) -> int:
    """Bytes of shared memory that are resident, by their shares."""
    total, wanted = 0, False
    with suppress(OSError):
        for line in text(os.open(f"{_place(proc, pid)}/smaps", os.O_RDONLY, dir_fd=proc)).split("\n"):
            if line.startswith("Pss:"):
                total += int(line.split()[1]) << 10 if wanted else 0
            elif mapping := _mapping(line):
                wanted = mapping.shared and mapping.path.startswith(_ANONYMOUS)
            elif "-" in line.partition(" ")[0]:
                wanted = False
    return total


def _links(proc: int, pid: int, *, strict: bool = False) -> Iterator[tuple[str, str]]:
    """Paths of a process's descriptors and what they lead to. strict: raise PermissionError where it hides them."""
    try:
        place = f"{_place(proc, pid)}/fd"
        for name in names(proc, place):
            with suppress(FileNotFoundError):
                yield f"{place}/{name}", os.readlink(f"{place}/{name}", dir_fd=proc)
    except PermissionError:
        if strict:
            raise
    except OSError:
        pass  # it has ended
