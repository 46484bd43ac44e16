"""What a run prints: its head and tail, in bounded memory, and what it says of its metrics."""

from __future__ import annotations

from .readings import Readings


class Capture:
    """Feed it what is read; `text` and the readings are what remains."""

    def __init__(self, limit: int, readings: Readings | None = None) -> None:
        self.limit = limit
        self.head = b""
        self.tail = b""
        self.dropped = 0
        self.readings = readings

    def feed(self, data: bytes) -> None:
        if self.readings:
            self.readings.feed(data)
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
        if self.readings:
            self.readings.finish()
