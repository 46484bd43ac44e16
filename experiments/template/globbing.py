"""The files that a template names: by their paths, by whole folders, and by patterns such as `src/**/*.py`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path

_NEVER = {"__pycache__", "template.toml", "attacks"}
_SAFE = re.compile(r"[\w][\w. +=@-]*(/[\w][\w. +=@-]*)*")


def is_pattern(name: str) -> bool:
    """Whether a name stands for whatever files there are: it holds a wildcard, or ends in / as a folder."""
    return any(letter in name for letter in "*?[") or name.endswith("/")


def matches(path: str, names: Iterable[str]) -> bool:
    """Whether a file is named by one of the names, be it there or not. Hidden files and caches never are by pattern."""
    hidden = any(part.startswith(".") or part in _NEVER for part in path.split("/"))
    return any(
        path == name or (not hidden and is_pattern(name) and bool(_regex(name).fullmatch(path))) for name in names
    )


def may_be_added(path: str, names: Iterable[str]) -> bool:
    """Whether a change may add or remove a file: one that a pattern names."""
    return bool(_SAFE.fullmatch(path)) and matches(path, [name for name in names if is_pattern(name)])


def expanded(folder: Path, names: Sequence[str], besides: Iterable[str] = ()) -> tuple[str, ...]:
    """The files of a folder that the names stand for, in their order and each once; plain names as they are.

    besides: files and folders that no pattern takes in.
    """
    there = sorted(_files(folder, "")) if any(map(is_pattern, names)) else []
    taken = tuple(besides)
    found = dict[str, None]()
    for name in names:
        fitting = [path for path in there if matches(path, [name]) and not _below(path, taken)]
        found |= dict.fromkeys(fitting if is_pattern(name) else [name])
    return tuple(found)


def _below(path: str, names: Iterable[str]) -> bool:
    return any(f"{path}/".startswith(f"{name.removeprefix('./').rstrip('/')}/") for name in names)


def _files(folder: Path, prefix: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(".") or entry.name in _NEVER:
                continue
            if entry.is_dir(follow_symlinks=False):
                if not any((folder / entry.name / mark).exists() for mark in ("pyvenv.cfg", "conda-meta", "study.db")):
                    yield from _files(folder / entry.name, f"{prefix}{entry.name}/")
            elif entry.is_file():
                yield f"{prefix}{entry.name}"


@lru_cache(maxsize=256)
def _regex(pattern: str) -> re.Pattern[str]:
    """`**/` stands for any folders, `*` and `?` for letters of a name, `[...]` for one of them."""
    pattern = pattern.removeprefix("./") + ("**" if pattern.endswith("/") else "")
    found, place = "", 0
    for match in re.finditer(r"\*\*/|\*\*|\*|\?|\[!?\]?[^\]]*\]", pattern):
        found += re.escape(pattern[place : match.start()])
        place = match.end()
        wild = {"**/": "(?:[^/]+/)*", "**": ".*", "*": "[^/]*", "?": "[^/]"}
        found += wild.get(match[0]) or match[0].replace("[!", "[^")
    return re.compile(found + re.escape(pattern[place:]))
