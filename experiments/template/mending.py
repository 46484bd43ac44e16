"""What somebody took out of a folder of a study, or left in it: put back, set aside, or told."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

Listing: TypeAlias = Mapping[str, str]  # path below the folder -> hash of the file; of a folder, path/ -> nothing
BLOCK = 1 << 18  # bytes of a bound file that are read at a place
SHOWN = 3  # names that are told


def listing(folder: Path) -> dict[str, str]:
    """All files and folders below a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file():
            found[name] = _hash(path)
        elif path.is_dir():
            found[f"{name}/"] = ""
    return found


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_hash(found: Listing) -> str:
    """The hash of all files of a folder, with their paths."""
    digest = hashlib.sha256()
    for name, content in sorted(found.items(), key=lambda pair: Path(pair[0])):
        if content:
            digest.update(os.fsencode(name) + f"\0{content}\0".encode())
    return digest.hexdigest()


def manifest_hash(place: Path) -> str:
    """The hash of the names and sizes of all files of a folder, or of one file, and of blocks of what they hold: the
    first, the middle and the last of a large one, which is not read whole."""
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    digest = hashlib.sha256()
    for path in files:
        size = path.stat().st_size
        digest.update(os.fsencode(path.relative_to(place)) + f"\0{size}\0".encode())
        with path.open("rb") as file:
            for start in dict.fromkeys((0, max(0, size // 2 - BLOCK // 2), max(0, size - BLOCK))):
                file.seek(start)
                digest.update(file.read(BLOCK))
    return digest.hexdigest()


def mended(place: Path, before: Listing, fresh: Callable[[], Path], aside: Path) -> str:
    """Bring a folder back to what it was; what is still wrong with it, empty if nothing is.

    What was not there `before` goes to `aside`; what is missing comes from a `fresh` folder where that has the same.
    """
    now = listing(place)
    set_aside(place, [name for name in now if name not in before], aside)
    altered = [name for name in before if now.get(name, before[name]) != before[name]]
    missing = [name for name in before if name not in now]
    if missing and not altered:
        source = fresh()
        missing = [name for name in missing if not _put_back(source / name, place / name, before[name])]
        told = "%s: what was missing was made again, and is the same as when the study began"
        if not missing:
            logging.getLogger(__name__).warning(told, place)
    return _first_names([*altered, *(f"{name} is missing" for name in missing)])


def _put_back(source: Path, target: Path, content: str) -> bool:
    if not content:
        target.mkdir(parents=True, exist_ok=True)
        return True
    if not source.is_file() or _hash(source) != content:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
    return True


def set_aside(place: Path, names: list[str], aside: Path) -> None:
    """Move files and folders out of a folder."""
    for name in names:
        if (place / name).exists():  # not moved with the folder that it is in
            target = aside / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (place / name).replace(_free(target))
    if names:
        told = "%s: set aside in %s, since it was not there when the study began: %s"
        logging.getLogger(__name__).warning(told, place, aside, _first_names(names))


def _free(target: Path) -> Path:
    """A name that nothing has yet."""
    number = 1
    while target.exists():
        number += 1
        target = target.with_name(f"{target.name.partition('~')[0]}~{number}")
    return target


def _first_names(names: list[str]) -> str:
    more = [f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return ", ".join(names[:SHOWN] + more)
