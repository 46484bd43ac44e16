"""Outputs of a run, read after every process of it is dead: plain files only, through no link, within bounds.

What is left out is told and fails nobody: the judge may not read it at all.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_. ()=,+@-]{0,127}")
_DEPTH = 4
_SEEN, _TOLD = 1 << 16, 20  # files and folders that are looked at; those of which is told why they were left out
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@dataclass
class Outputs:
    """Files by their path in the folder, and what was left out and why."""

    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    left: int = 0  # further ones that were left out

    def leave(self, path: str, why: str) -> None:
        if len(self.problems) < _TOLD:
            self.problems.append(f"{ascii(path)[1:-1][:80]} {why}")
        else:
            self.left += 1


def collect(folder: str, *, below: str = "", count: int, size: int) -> Outputs:
    """Read at most `count` files of together at most `size` bytes: those that lie highest, and of these the smallest
    ones first.

    below: where in the folder they lie, by a way on which the run may have put links.
    """
    outputs = Outputs()
    fd = os.open(folder, _FOLDER)
    try:
        for name in filter(None, below.split("/")):
            above, fd = fd, os.open(name, _FOLDER, dir_fd=fd)
            os.close(above)
        seen = sorted(islice(_walk(fd, "", outputs), _SEEN), key=lambda found: (found[0].count("/"), found[0]))
        for path, length in sorted(seen[:count], key=lambda found: (found[1], found[0])):
            if (data := _read(fd, path, size)) is None:
                outputs.leave(path, f"is too large ({length / 1e6:.1f} MB)" if length > size else "cannot be read")
            else:
                outputs.files[path] = data
                size -= len(data)
    finally:
        os.close(fd)
    if beyond := seen[count:]:
        outputs.problems.append(f"{len(beyond)} files beyond the first {count}, such as {beyond[0][0]}")
    if outputs.left:
        outputs.problems.append(f"and {outputs.left} more")
    return outputs


def _walk(folder: int, prefix: str, outputs: Outputs) -> Iterator[tuple[str, int]]:
    """Each plain file below a folder, with its size."""
    with os.scandir(folder) as entries:
        for entry in entries:
            path = prefix + entry.name
            if not _NAME.fullmatch(entry.name):
                outputs.leave(path, "has a name with other characters than letters, digits and _. ()=,+@-")
            elif entry.is_dir(follow_symlinks=False):
                if prefix.count("/") + 1 >= _DEPTH:
                    outputs.leave(path, "lies too deep")
                    continue
                try:
                    with _below(folder, entry.name) as below:
                        yield from _walk(below, path + "/", outputs)
                except OSError:
                    outputs.leave(path, "cannot be read")
            else:
                about = entry.stat(follow_symlinks=False)
                if stat.S_ISREG(about.st_mode) and about.st_nlink == 1:
                    yield path, about.st_size
                else:
                    outputs.leave(path, "is no plain file with one link")


def _read(folder: int, path: str, limit: int) -> bytes | None:
    """A file's content, by way of folders that are no links either; None where it cannot be had within `limit`."""
    first, _, rest = path.partition("/")
    with suppress(OSError):
        if rest:
            with _below(folder, first) as below:
                return _read(below, rest, limit)
        with os.fdopen(os.open(path, _FILE, dir_fd=folder), "rb") as file:
            about = os.fstat(file.fileno())
            if stat.S_ISREG(about.st_mode) and about.st_nlink == 1 and about.st_size <= limit:
                data = file.read(limit + 1)
                return data if len(data) <= limit else None
    return None


@contextmanager
def _below(folder: int, name: str) -> Iterator[int]:
    fd = os.open(name, _FOLDER, dir_fd=folder)
    try:
        yield fd
    finally:
        os.close(fd)
