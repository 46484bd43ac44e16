"""What a run prints: its head and tail, and its last word on each metric, in bounded memory."""

from __future__ import annotations

import re

_METRIC = re.compile(rb"\s*([A-Za-z][A-Za-z0-9_]{0,63})\s*[:=]\s*(\S{1,64})\s*")
_LINE, _NAMES = 512, 256


class Capture:
    """Feed it what is read; `text` and `metrics` are what remains."""

    def __init__(self, limit: int, *, metrics: bool = False) -> None:
        self.limit = limit
        self.head = b""
        self.tail = b""
        self.dropped = 0
        self.metrics: dict[str, str] | None = {} if metrics else None
        self._line = b""

    def feed(self, data: bytes) -> None:
        if self.metrics is not None:
            self._parse(data)
        room = self.limit - len(self.head)
        self.head += data[:room]
        kept = self.tail + data[room:] if room > 0 else self.tail + data
        self.tail = kept[-self.limit :]
        self.dropped += len(kept) - len(self.tail)

    def text(self) -> str:
        gap = f"\n[... {self.dropped} bytes dropped ...]\n".encode() if self.dropped else b""
        return (self.head + gap + self.tail).decode(errors="replace")

    def finish(self) -> None:
        """The last line may have no end."""
        if self.metrics is not None:
            self._parse(b"\n")

    def _parse(self, data: bytes) -> None:
        assert self.metrics is not None
        *lines, rest = (self._line + data).split(b"\n")
        self._line = rest[: _LINE + 1]  # longer ones are no metric
        for line in lines:
            match = _METRIC.fullmatch(line) if len(line) <= _LINE else None
            if match and (match[1].decode() in self.metrics or len(self.metrics) < _NAMES):
                self.metrics[match[1].decode()] = match[2].decode(errors="replace")
