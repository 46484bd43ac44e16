"""Artifacts: the editable files in one exact version, stored by content hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.template.mending import set_aside


class ArtifactError(NightlabError):
    """Files that the store should have; the message says what to do."""


class ArtifactStore:
    """A folder of artifacts, each a folder named by the hash of its files (names and contents)."""

    def __init__(self, folder: Path, executable: Collection[str] = ()) -> None:
        """executable: the files that are programs, in every version."""
        self.folder = folder
        self._executable = executable

    def add(self, files: Mapping[str, bytes]) -> str:
        """Store the files (path relative to the artifact -> content) and return their hash."""
        key = content_hash(files)
        target = self.folder / key
        if target.is_dir():
            if content_hash(self.read(key)) == key:
                return key
            shutil.rmtree(target)  # somebody altered it
        self.folder.mkdir(exist_ok=True)
        staged = Path(tempfile.mkdtemp(dir=self.folder, prefix=".new-"))
        for path, content in files.items():
            file = staged / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with file.open("wb") as out:
                out.write(content)
                out.flush()
                os.fsync(out.fileno())
            if path in self._executable:
                file.chmod(0o755)
        staged.chmod(0o755)
        try:
            staged.rename(target)
        except OSError:  # another process stored the same content first
            shutil.rmtree(staged)
        return key

    def path(self, key: str) -> Path:
        return self.folder / key

    def whole(self, key: str, names: Sequence[str], aside: Path) -> bool:
        """Whether an artifact has its files as they were; what else lies in its folder is set aside."""
        if not (folder := self.path(key)).is_dir():
            return False
        found = self.read(key)
        if content_hash(found) == key:
            return True
        if content_hash({name: content for name, content in found.items() if name in names}) != key:
            return False
        set_aside(folder, [name for name in found if name not in names], aside)
        return True

    def read(self, key: str) -> dict[str, bytes]:
        """The files of an artifact. Raises ArtifactError."""
        folder = self.path(key)
        if not folder.is_dir():
            raise ArtifactError(f"{folder}: the files of a trial are missing; restore the folder from a copy")
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def read_files(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    """The named files of a folder."""
    return {name: (folder / name).read_bytes() for name in names}


def executables(folder: Path, names: tuple[str, ...]) -> frozenset[str]:
    """Which of the named files may be executed."""
    return frozenset(name for name in names if os.access(folder / name, os.X_OK))


def content_hash(files: Mapping[str, bytes]) -> str:
    """SHA-256 over names and contents, 16 hex digits: enough for the artifacts of one study."""
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()[:16]


def added(files: Mapping[str, bytes], base: Mapping[str, bytes]) -> int:
    """The size of the lines that `files` have and `base` has not, in bytes, compressed. What is gone makes no room."""
    fresh, old = (Counter(line for data in each.values() for line in data.splitlines()) for each in (files, base))
    return len(zlib.compress(b"\n".join((fresh - old).elements())))
