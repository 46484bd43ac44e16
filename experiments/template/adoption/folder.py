"""A foreign folder: what of it is copied, what runs read where it lies, and what must be known of it.

It is read alone: nothing of it is written, imported or run. Git is asked which files it tracks, and nothing that a
repository configures is run for that.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nightlab.experiments.git import tracked
from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.environment import PLACES, is_environment
from nightlab.experiments.template.globbing import matches

LARGE = 2 << 20  # bytes of a file that runs read where it lies
MANY = 200  # files of a folder without programs of which the same holds
MOST = 20_000  # files that are looked at
_POINTER = b"version https://git-lfs.github.com/spec/"
_OURS = {"template.toml", "ideas.toml"}  # names that mean something in a template
_CACHES = {"__pycache__", "node_modules"}


@dataclass(kw_only=True)
class Folder:
    """files: what is copied, by path and size. bound: what runs read where it lies. environment: one that lies in it.
    untracked: files that git does not track, which are left out. notes: what must be known, as sentences."""

    root: Path
    files: dict[str, int] = field(default_factory=dict)
    bound: list[str] = field(default_factory=list)
    environment: Path | None = None
    untracked: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def text(self, name: str) -> bytes:
        """What is in a file of it."""
        return (self.root / name).read_bytes()


def look(root: Path, without: Sequence[str] = (), *, untracked: bool = False) -> Folder:
    """What a folder holds. without: patterns of what is left out. untracked: whether files come along that git does not
    track, where it tracks some. Raises AdoptionError where it is none to adopt."""
    if not root.is_dir():
        raise AdoptionError(f"{str(root)!r} is no folder; give the folder of your program")
    if (root / "template.toml").is_file():
        raise AdoptionError(f"{root} is a template already; see what is wrong with it: nightlab check {root}")
    found = Folder(root=root)
    found.environment = next((p for p in (root / name for name in PLACES if name) if is_environment(p)), None)
    _enter(found, "", without)
    if not untracked and (known := tracked(root)):
        found.untracked = [name for name in found.files if name not in known]
        found.files = {name: size for name, size in found.files.items() if name in known}
    if left := found.untracked:
        shown = f"{', '.join(left[:3])}{', ...' if len(left) > 3 else ''}"
        found.notes.append(f"left out, as git does not track them: {shown}; --untracked takes them along")
    if not found.files:
        raise AdoptionError(f"{root} holds no files that could be adopted")
    for name, size in found.files.items():
        if size < 1024 and found.text(name).startswith(_POINTER):
            found.notes.append(f"{name} is a pointer of Git LFS, not the file itself; git lfs pull fetches that")
    found.notes += _empty_submodules(root)
    return found


def copied(found: Folder, target: Path) -> None:
    """The copy, with links to what is read where it lies."""
    for name in found.files:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(found.root / name, target / name)
        (target / name).chmod(0o755 if os.access(found.root / name, os.X_OK) else 0o644)
    for name in found.bound:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        (target / name).symlink_to((found.root / name).resolve())


def _enter(found: Folder, prefix: str, without: Sequence[str]) -> None:
    files, before = dict[str, int](), len(found.bound)
    for entry in _entries(found, prefix):
        name = f"{prefix}{entry.name}"
        if matches(name, without) or matches(f"{name}/", without):
            continue
        if (kind := _kind(found, entry, name)) == "folder":
            _enter(found, f"{name}/", without)
        elif kind == "bound":
            found.bound.append(name)
        elif kind == "file":
            files[name] = entry.stat().st_size
    programs = any(name.endswith(".py") or os.access(found.root / name, os.X_OK) for name in files)
    if prefix and len(files) > MANY and not programs and not any(f.startswith(prefix) for f in found.files):
        found.bound[before:] = [prefix.rstrip("/")]
        return
    found.files |= files
    if len(found.files) > MOST:
        raise AdoptionError(f"{found.root} holds more than {MOST} files to copy; leave some out: --without 'FOLDER/'")


def _entries(found: Folder, prefix: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(found.root / prefix) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        found.notes.append(f"{prefix} is left out: it cannot be read ({error.strerror})")
        return []


def _kind(found: Folder, entry: os.DirEntry[str], name: str) -> str:
    """What becomes of an entry: "folder", "file", "bound", or nothing; what is left out unseen is told."""
    if entry.name.startswith(".") or entry.name in _CACHES:
        return ""
    path = Path(entry.path)
    try:
        mode, real = path.stat().st_mode, path.resolve()
        name.encode()
    except (OSError, UnicodeError) as error:
        return _leave_out(found, name, getattr(error, "strerror", None) or "its name is no UTF-8")
    if name in _OURS:
        return _leave_out(found, name, "its name means something else in a template")
    if not os.access(path, os.R_OK):
        return _leave_out(found, name, "it cannot be read")
    if stat.S_ISDIR(mode):
        if is_environment(path) or any((path / mark).exists() for mark in ("study.db",)):
            return ""
        if entry.is_symlink():
            return _leave_out(found, name, "it leads back") if found.root.is_relative_to(real) else "bound"
        return "folder"
    if not stat.S_ISREG(mode):
        return _leave_out(found, name, "it is no plain file")
    return "bound" if path.stat().st_size > LARGE else "file"


def _leave_out(found: Folder, name: str, why: str) -> str:
    found.notes.append(f"{name!a} is left out: {why}" if not name.isprintable() else f"{name} is left out: {why}")
    return ""


def _empty_submodules(root: Path) -> Iterator[str]:
    modules = root / ".gitmodules"
    text = modules.read_text(errors="replace") if modules.is_file() else ""
    for path in re.findall(r"^\s*path\s*=\s*(\S.*?)\s*$", text, re.MULTILINE):
        place = root / path
        if not place.is_dir() or not any(place.iterdir()):
            yield f"the submodule {path} is not there; git submodule update --init fetches it"
