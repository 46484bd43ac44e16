"""Outputs of a run, read after every process of it is dead: plain files only, through no link, within bounds."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. ()=,+@-]{0,127}")
_DEPTH = 4


@dataclass
class Outputs:
    """Files by their path in the folder, and what was left out and why."""

    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    size: int = 0


def collect(folder: str, *, count: int, size: int) -> Outputs:
    """Read at most `count` files of together at most `size` bytes."""
    outputs = Outputs()
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        _walk(fd, "", outputs, count, size)
    finally:
        os.close(fd)
    return outputs


def _walk(folder: int, prefix: str, outputs: Outputs, count: int, size: int) -> None:
    with os.scandir(folder) as entries:
        for seen, entry in enumerate(entries):
            path = prefix + entry.name
            if len(outputs.files) >= count or seen > 4 * count or len(outputs.problems) > 20:
                outputs.problems.append(f"more than {count} files")
                return
            if not _NAME.fullmatch(entry.name):
                outputs.problems.append(f"the name {ascii(entry.name)[:80]} is not allowed")
            elif entry.is_dir(follow_symlinks=False):
                if prefix.count("/") + 1 >= _DEPTH:
                    outputs.problems.append(f"{path} lies too deep")
                    continue
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                below = os.open(entry.name, flags, dir_fd=folder)
                try:
                    _walk(below, path + "/", outputs, count, size)
                finally:
                    os.close(below)
            elif (data := _read(folder, entry.name, size - outputs.size)) is None:
                outputs.problems.append(f"{path} is not a plain file of allowed size with one link")
            else:
                outputs.files[path] = data
                outputs.size += len(data)


def _read(folder: int, name: str, limit: int) -> bytes | None:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    with os.fdopen(fd, "rb") as file:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1 or about.st_size > limit:
            return None
        data = file.read(limit + 1)
        return data if len(data) <= limit else None
