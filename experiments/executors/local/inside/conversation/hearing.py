"""What a judge is given to call, split by split, and what is told of the calls afterwards."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .candidate import Bounds, Candidate, Parts, Played

RECORD, HELD = "answers.jsonl", "answers.bin"  # the answers' JSON, line by line, and what their arrays hold
_MOST = 1 << 20  # bytes of answers that are recorded
_SPARE = 2.0  # s after the last call until the judge is ended


class Hearing:
    """The candidates of one judgement, one for each split. request: with `bounds` of the calls; `record`, where their
    answers are wanted as files in the folder `out`; `play`, where those that lie there are to be given again; `solver`,
    who answers what the judge asks for them."""

    def __init__(self, request: Mapping[str, Any], wall_s: float, desk: int, out: str) -> None:
        self._bounds = Bounds(until=time.monotonic() + wall_s - _SPARE, **request["bounds"])
        self._out = Path(out)
        self._desk = None if request.get("play") else socket.socket(fileno=desk)
        self._answers: list[Parts] | None = [] if request.get("record") else None
        self._solver = str(request.get("solver", ""))
        self._played = _read(self._out) if request.get("play") else iter(())
        self._spent, self._last, self._failures = 0.0, "", 0

    @contextlib.contextmanager
    def candidate(self) -> Iterator[Candidate]:
        """A candidate that has not been called yet."""
        one = (
            Candidate(self._desk, self._bounds, self._answers, self._solver)
            if self._desk
            else Played(self._played, self._bounds, self._solver)
        )
        try:
            yield one
        finally:
            one.close()
            self._spent, self._failures = self._spent + one.spent + one.prepared, self._failures + one.failures
            self._last = one.last or self._last

    @property
    def after(self) -> str:
        """Which call was the last one, for whoever tells of an error."""
        return f"after {self._last}" if self._last else ""

    def report(self) -> dict[str, Any]:
        """What goes into the judge's report."""
        if self._answers is not None:
            _write(self._out, self._answers)
        return {"spent": self._spent, "last": self._last, "failures": self._failures}


def _write(folder: Path, answers: list[Parts]) -> None:
    if sum(len(part) for parts in answers for part in parts) > _MOST:
        return
    lines = [json.dumps([json.loads(text), json.loads(listing or b"[]"), len(data)]) for text, listing, data in answers]
    (folder / RECORD).write_text("\n".join(lines))
    (folder / HELD).write_bytes(b"".join(data for _, _, data in answers))


def _read(folder: Path) -> Iterator[Parts]:
    held, place = bytearray((folder / HELD).read_bytes()), 0
    for line in (folder / RECORD).read_text().splitlines():
        text, listing, size = json.loads(line)
        yield json.dumps(text).encode(), json.dumps(listing).encode() if listing else b"", held[place : place + size]
        place += size
