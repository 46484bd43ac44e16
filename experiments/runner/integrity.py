"""Whether evaluator, private files and inputs are still what they were."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

_Signature = dict[str, tuple[int, ...]]


class Seal:
    """Hashes folders and files once; then looks at their state, and hashes again where that has changed."""

    def __init__(self, named: Mapping[str, Path]) -> None:
        """named: what people call them, and where they are."""
        self._named = dict(named)
        self._signatures = {name: _signature(path) for name, path in named.items()}
        self._hashes = {name: _hash(path) for name, path in named.items()}

    def broken(self) -> str:
        """What has changed, for people; empty if nothing has."""
        for name, path in self._named.items():
            signature = _signature(path)
            if signature == self._signatures[name]:
                continue
            if _hash(path) != self._hashes[name]:
                changed = sorted({k for k, _ in signature.items() ^ self._signatures[name].items()})
                return f"{name} changed while experiments ran: {', '.join(changed[:5])}"
            self._signatures[name] = signature
        return ""


def _files(path: Path) -> list[str]:
    if not path.is_dir():
        return [str(path)]
    found = [f"{folder}/{name}" for folder, _, names in os.walk(path) for name in names]
    return sorted(name for name in found if "__pycache__" not in name)


def _signature(path: Path) -> _Signature:
    signature: _Signature = {}
    for name in _files(path):
        try:
            s = Path(name).stat()
            signature[name] = (s.st_mtime_ns, s.st_ctime_ns, s.st_size, s.st_ino, s.st_mode)
        except OSError:
            signature[name] = ()
    return signature


def _hash(path: Path) -> str:
    digest = hashlib.sha256()
    for name in _files(path):
        digest.update(f"{os.path.relpath(name, path)}\0".encode())
        try:
            with Path(name).open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        except OSError:
            digest.update(b"missing")
    return digest.hexdigest()
