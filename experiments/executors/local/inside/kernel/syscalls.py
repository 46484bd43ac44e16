"""The system calls that Python has no function for, by ctypes."""

from __future__ import annotations

import ctypes
import os
import platform
import struct

_libc = ctypes.CDLL(None, use_errno=True)
held = ctypes.PyDLL(None)  # its calls keep the interpreter's lock, so that no other thread of Python runs meanwhile
_ARM = platform.machine() == "aarch64"

CLONE_NEWNS, CLONE_NEWCGROUP, CLONE_NEWUTS, CLONE_NEWIPC = 0x20000, 0x02000000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = (
    1,
    2,
    4,
    8,
    32,
    4096,
    16384,
    1 << 18,
)
MS_MOVE = 8192
MNT_DETACH, MADV_COLLAPSE, F_GETPIPE_SZ = 2, 25, 1032
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 8, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 36, 38, 47
CAP_DAC_READ_SEARCH, CAP_SETUID, CAP_SYS_ADMIN = 2, 7, 21


def _checked(result: int, what: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(number: int, *args: object) -> int:
    """A raw system call; integers are passed as longs, None as a null pointer."""
    longs = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    return _checked(_libc.syscall(ctypes.c_long(number), *longs), f"system call {number}")


def prctl(option: int, *args: object) -> None:
    padded = [*args, 0, 0, 0, 0][:4]
    longs = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in padded]
    _checked(_libc.prctl(option, *longs), f"prctl {option}")


def unshare(flags: int) -> None:
    _checked(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int) -> None:
    """Enter a namespace; for one of process numbers, let the next child enter it."""
    _checked(_libc.setns(fd, kind), "setns")


def collapse(size: int = 1 << 21) -> None:
    """Gather this process's memory in huge pages, where the kernel can: forks and their ends take half the time."""
    with open("/proc/self/maps") as file:
        maps = [line.split() for line in file]
    for where, rights in (fields[:2] for fields in maps if len(fields) == 5 or fields[5] == "[heap]"):
        start, end = (int(address, 16) for address in where.split("-"))
        start, end = -(-start // size) * size, end // size * size
        if end > start and rights.startswith("rw"):
            _libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), MADV_COLLAPSE)


def mount(source: str, target: str, kind: str | None = None, flags: int = 0, data: str | None = None) -> None:
    encoded = [None if a is None else os.fsencode(a) for a in (source, target, kind)]
    text = None if data is None else data.encode()
    _checked(_libc.mount(*encoded, ctypes.c_ulong(flags), text), f"mount {kind or source} at {target}")


def unmount(target: str) -> None:
    _checked(_libc.umount2(os.fsencode(target), MNT_DETACH), f"unmount {target}")


def pivot_root(new: str, old: str) -> None:
    syscall(41 if _ARM else 155, os.fsencode(new), os.fsencode(old))


def bind(source: str, target: str, *, read_only: bool = True, devices: bool = False) -> None:
    """Show `source`, with whatever is mounted below it, at `target`."""
    mount(source, target, None, MS_BIND | MS_REC)
    attributes = (1 if read_only else 0) | 2 | (0 if devices else 4)  # MOUNT_ATTR_RDONLY, _NOSUID, _NODEV
    packed = struct.pack("QQQQ", attributes, 0, 0, 0)
    syscall(442, -100, os.fsencode(target), 0x8000, packed, len(packed))  # mount_setattr, recursively


def capabilities(keep: int) -> None:
    """Reduce the permitted, effective and inheritable sets of this process to the bit mask `keep`."""
    header = struct.pack("Ii", 0x20080522, 0)
    low, high = keep & 0xFFFFFFFF, keep >> 32
    syscall(91 if _ARM else 126, header, struct.pack("6I", low, low, low, high, high, high))


def effective() -> int:
    """The effective capabilities of this process, as a bit mask."""
    with open("/proc/self/status") as file:
        return next((int(line.split()[1], 16) for line in file if line.startswith("CapEff:")), 0)
