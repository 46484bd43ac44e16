"""Folders that a hostile program has filled: walked by their handles, so that no depth and no name is too much."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def entries(folder: str | Path) -> Iterator[os.stat_result]:
    """The state of all that is below a folder, which may change meanwhile.

    OSError where it is deeper than this process may open folders.
    """
    way = [_open(folder)]
    names = [os.listdir(way[0])]
    try:
        while way:
            if not names[-1]:
                os.close(way.pop())
                names.pop()
                continue
            name = names[-1].pop()
            with suppress(FileNotFoundError, NotADirectoryError, PermissionError):
                yield (about := os.stat(name, dir_fd=way[-1], follow_symlinks=False))
                if stat.S_ISDIR(about.st_mode):
                    way.append(_open(name, way[-1]))
                    names.append(os.listdir(way[-1]))
    finally:
        for fd in way:
            os.close(fd)


def _open(name: str | Path, parent: int | None = None) -> int:
    """A descriptor of a folder, which is made readable where it is not."""
    try:
        return os.open(name, os.O_RDONLY | _FOLDER, dir_fd=parent)
    except PermissionError:
        handle = os.open(name, os.O_PATH | _FOLDER, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{handle}", 0o700)  # whatever stands at its name by now
        return os.open(f"/proc/self/fd/{handle}/.", os.O_RDONLY | _FOLDER)
    finally:
        os.close(handle)


def remove(folder: str | Path) -> None:
    """Remove a folder in which no program writes any more; OSError where that cannot be.

    One folder is open at a time: its own way back leads out of each.
    """
    here = _open(folder)
    try:
        os.fchmod(here, 0o700)
        way, waiting = [""], [_unlink(here)]
        while way:
            if waiting[-1]:
                way.append(waiting[-1].pop())
                here = _moved(here, way[-1])
                waiting.append(_unlink(here))
            elif name := way.pop():
                waiting.pop()
                here = _moved(here, "..")
                os.rmdir(name, dir_fd=here)
    finally:
        os.close(here)
    os.rmdir(folder)


def _moved(here: int, name: str) -> int:
    """A descriptor of a folder seen from `here`, which is closed."""
    there = os.open(name, os.O_RDONLY | _FOLDER, dir_fd=here)
    os.close(here)
    return there


def _unlink(here: int) -> list[str]:
    """Unlink what is in a folder but the folders, and return their names: each can be entered and emptied then."""
    folders = []
    for name in os.listdir(here):
        if stat.S_ISDIR(os.stat(name, dir_fd=here, follow_symlinks=False).st_mode):
            os.chmod(name, 0o700, dir_fd=here)
            folders.append(name)
        else:
            os.unlink(name, dir_fd=here)
    return folders
