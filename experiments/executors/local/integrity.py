"""Whether evaluator, private files and inputs are still what they were."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

_Signature = dict[str, tuple[int, ...]]


class Seal:
    """Hashes folders and files once; then looks at their state, and hashes again where that has changed."""

    def __init__(self, named: Mapping[str, Sequence[Path]]) -> None:
        """named: what people call them, and the files and folders that they are."""
        self._named = dict(named)
        self._signatures = {name: _signature(paths) for name, paths in named.items()}
        self._hashes = {name: _hash(paths) for name, paths in named.items()}

    def hash_of(self, *names: str) -> str:
        """The hash that the named ones had in the beginning."""
        return hashlib.sha256("".join(self._hashes[name] for name in names).encode()).hexdigest()[:32]

    def broken(self) -> str:
        """What has changed, for people; empty if nothing has."""
        for name, paths in self._named.items():
            signature = _signature(paths)
            if signature == self._signatures[name]:
                continue
            if _hash(paths) != self._hashes[name]:
                changed = sorted({k for k, _ in signature.items() ^ self._signatures[name].items()})
                return f"{name} changed while experiments ran: {', '.join(changed[:5])}"
            self._signatures[name] = signature
        return ""


def read_through(folder: Path) -> None:
    """Read all plain files of a folder, so that whoever reads them next finds them in memory."""
    for path in _files([folder]):
        _content(path)


def _files(paths: Sequence[Path]) -> list[Path]:
    found = [path for path in paths if not path.is_dir()]
    for folder in (path for path in paths if path.is_dir()):
        found += [Path(place, name) for place, _, names in os.walk(folder) for name in names]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def _signature(paths: Sequence[Path]) -> _Signature:
    signature: _Signature = {}
    for path in _files(paths):
        try:
            s = path.stat()
            signature[str(path)] = (s.st_mtime_ns, s.st_ctime_ns, s.st_size, s.st_ino, s.st_mode)
        except OSError:
            signature[str(path)] = ()
    return signature


def _hash(paths: Sequence[Path]) -> str:
    """Equal for the same files wherever they lie."""
    digest = hashlib.sha256()
    for root in paths:
        for path in _files([root]):
            digest.update(os.fsencode(path.relative_to(root) if path != root else path.name) + b"\0")
            digest.update(_content(path))
    return digest.hexdigest()


def _content(path: Path) -> bytes:
    """The hash of a plain file; nothing else has a content, and reading a FIFO would never end."""
    try:
        if not path.is_file():
            return b"missing"
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return b"missing"
