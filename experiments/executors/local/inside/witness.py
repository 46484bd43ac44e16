"""Whether an evaluator runs code of the experiment that it judges, by what the interpreter itself tells of it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from functools import cached_property
from typing import Any

_STARTS = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "ctypes.dlopen")
_FILE, _PIECE = 1 << 20, 16  # bytes of a file that is compared at most, and of a text that is worth it


class Witness:
    """Hears of all code that is run from now on in this process.

    out: the folder of the outputs. files: paths of the files that the experiment consists of. seen: what was run of
    them.
    """

    def __init__(self, out: str, files: Sequence[str]) -> None:
        self.seen: list[str] = []
        self._out, self._files = f"{out}/", frozenset(files)
        self._compiled = ""  # the name of what was compiled last, where its text stands in an output
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        with contextlib.suppress(Exception):  # what is heard is the evaluator's, and no fault of its
            if event == "compile":
                self._compiled = str(args[1]) if self._written(args[0]) else ""
            elif event == "exec":
                name = args[0].co_filename
                if self._theirs(name) or (name and name == self._compiled):
                    self.seen.append(name)
            elif event in _STARTS and self._out in repr(args):
                self.seen.append(event)

    def _theirs(self, name: str) -> bool:
        path = os.path.abspath(name)
        return path in self._files or path.startswith(self._out)

    def _written(self, source: Any) -> bool:
        text = source.encode() if isinstance(source, str) else source
        return isinstance(text, bytes) and len(text) >= _PIECE and any(text.strip() in data for data in self._texts)

    @cached_property
    def _texts(self) -> list[bytes]:
        found = []
        for folder, _, names in os.walk(self._out):
            for name in names:
                with open(f"{folder}/{name}", "rb") as file:
                    found.append(file.read(_FILE))
        return found
