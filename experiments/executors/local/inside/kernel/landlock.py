"""Landlock: which files a process may read and write, and that it signals nobody outside."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

from . import syscalls

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_EXECUTE, _WRITE, _READ, _READ_DIR, _TRUNCATE, _IOCTL = 1, 2, 4, 8, 1 << 14, 1 << 15
_ON_FILES = _EXECUTE | _WRITE | _READ | _TRUNCATE | _IOCTL
_HANDLED = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}  # rights by version
_TCP, _SCOPES = 3, 3  # bind and connect; abstract sockets and signals


def version() -> int:
    """The kernel's Landlock version, 0 where it has none."""
    try:
        return syscalls.syscall(_CREATE, None, 0, 1)
    except OSError:
        return 0


def restrict(*, read: Iterable[str], write: Iterable[str], network: bool, listed: Iterable[str] = ()) -> None:
    """Confine this process for good to reading `read` and writing `write` (which may be devices).

    listed: folders whose names may be listed. Needs no_new_privs.
    """
    abi = version()
    handled = max(rights for since, rights in _HANDLED.items() if abi >= since)
    tcp = _TCP if abi >= 4 and not network else 0
    attributes = struct.pack("QQQ", handled, tcp, _SCOPES if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = syscalls.syscall(_CREATE, attributes[:size], size, 0)
    readable = _EXECUTE | _READ | _READ_DIR
    rules = [(p, readable) for p in read] + [(p, _READ_DIR) for p in listed] + [(p, handled & ~_IOCTL) for p in write]
    for path, rights in rules:
        try:
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, PermissionError):
            continue
        wanted = rights & handled & (-1 if os.path.isdir(path) else _ON_FILES)
        syscalls.syscall(_ADD, ruleset, 1, struct.pack("=QI", wanted, fd), 0)
        os.close(fd)
    syscalls.syscall(_RESTRICT, ruleset, 0)
    os.close(ruleset)


def scope() -> None:
    """Keep signals and abstract sockets inside, where the kernel can."""
    if version() >= 6:
        ruleset = syscalls.syscall(_CREATE, struct.pack("QQQ", 0, 0, _SCOPES), 24, 0)
        syscalls.syscall(_RESTRICT, ruleset, 0)
        os.close(ruleset)
