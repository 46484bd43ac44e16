"""What a monitor knows of its run: what it has said so far, what it uses, and in the end how it ended."""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from dataclasses import dataclass, field
from typing import Any

from . import guest
from .kernel import limits
from .kernel.usage import Meter
from .output.capture import Capture
from .output.collect import Outputs

MB = 1 << 20
_BEGUN = 1 + guest.STAMP.size  # bytes that say when the run began
_REPORT = 1 << 17  # bytes of a report at most


@dataclass
class Run:
    """A run that has been started. It is being prepared, then runs from `ready` on, then has `ended`."""

    pid: int  # whose end ends the run: the guest, or process 1 of its table
    guest: int
    bounds: dict[str, Any]
    stdout: Capture
    stderr: Capture
    report: bytearray = field(default_factory=bytearray)
    most: int = _REPORT  # bytes of it
    prepared: bool = False  # whether the guest has given up its rights: its end is the run's own from there on
    ready: float | None = None
    word: bytes = field(default_factory=lambda: os.urandom(8).hex().encode())  # the guest's last one if all went well
    latest: bytes = b""  # the end of what it has reported
    done: bool = False  # whether it has said the word, which nobody else has been told
    ended: str = ""  # empty while it runs; then exit, cancelled, stuck, or the limit that it hit
    wall: float = 0.0
    cpu: float = 0.0
    memory: int = 0  # bytes at the last look
    peak: int = 0
    status: int = 0
    pipes: dict[int, str] = field(default_factory=dict)
    channel: int = -1  # what it and its judge talk on; where the judge has closed it, the run is over
    link: socket.socket | None = None  # to the warm process, which tells of the guest's end; without it, it is a child
    meter: Meter = field(init=False)

    def read(self, fd: int) -> bool:
        """Take what a pipe holds now; False at its end."""
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            return True
        if (name := self.pipes[fd]) == "report":
            self._hear(data)
        else:
            (self.stdout if name == "stdout" else self.stderr).feed(data)
        return bool(data)

    def _hear(self, data: bytes) -> None:
        """What the guest says of itself: that it is prepared, when the run began, its report, its last word."""
        self.report += data[: self.most - len(self.report)]
        if self.ready is None and self.report[:1] == b"p":
            self.prepared = True
            del self.report[:1]
        if self.ready is None and self.report[:1] == b"r" and len(self.report) >= _BEGUN:
            self.ready = min(time.monotonic(), *guest.STAMP.unpack(self.report[1:_BEGUN]))
            del self.report[:_BEGUN]
        self.latest = self.latest[-len(self.word) :] + data
        self.done = self.done or self.word in self.latest

    def look(self, proc: int) -> list[int]:
        """See what the processes of the run use now, and which they are."""
        if proc < 0:
            return []
        pids = limits.descendants(proc, self.guest, self.pid) if self.link else limits.descendants(proc, os.getpid())
        spent = self.meter.look([self.guest, *pids] if self.link else pids)
        self.memory, self.peak = spent.memory + spent.held, max(self.peak, spent.memory)
        self.cpu = max(self.cpu, spent.cpu_s)
        return pids

    def used(self, cpu_s: float, memory: int) -> None:
        """What the kernel has counted in the end, beside what was seen of processes that nobody waited for."""
        self.cpu, self.peak = max(self.cpu, cpu_s + self.meter.ended()), max(self.peak, memory)

    def drain(self) -> None:
        """Take the rest of what it wrote."""
        for fd in self.pipes:
            while select.select([fd], [], [], 0)[0] and self.read(fd):
                pass  # no writer runs any more; that a pipe has no end yet, or never gets one, delays nobody
            os.close(fd)
        self.stdout.finish()
        if self.channel >= 0:
            os.close(self.channel)  # now its judge may know

    def reply(self, outputs: Outputs, folder: str) -> dict[str, Any]:
        """What is told of it. folder: the artifact's, which stands in no text."""
        well = self.done and self.status in (0, signal.SIGKILL)
        return {
            "ended": self.ended,
            "started": self.prepared,
            "code": 0 if well else os.waitstatus_to_exitcode(self.status),
            "wall_s": self.wall,
            "cpu_s": self.cpu,
            "memory": self.peak,
            "report": self.report.partition(self.word)[0].decode(errors="replace"),
            "stdout": self.stdout.text().replace(folder, ""),
            "stderr": self.stderr.text().replace(folder, ""),
            "readings": self.stdout.readings.report() if self.stdout.readings else {},
            "problems": outputs.problems,
        }
