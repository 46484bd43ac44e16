"""What stands ready for the next run of a monitor at S3, and how nothing of the last one is left in it."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from . import frames, warm
from .kernel import namespaces
from .kernel.cgroup import Group
from .kernel.usage import Meter, alone, sockets

PATIENCE = 20.0  # s until all processes of a run have ended
_CALM = 1.0  # s until nothing of a run is left in its network


@dataclass
class Standby:
    """What a monitor at S3 keeps from run to run: the way to the warm process, its namespaces, and the next guest."""

    starter: socket.socket
    uid: int | None
    proc: int  # a descriptor of /proc
    first: int  # process 1 of its table
    broom: socket.socket  # to it
    spaces: list[int]
    sockets: int  # in its network while there is no run
    group: Group | None = None  # of control, where there is one
    swept: bool = True  # whether all processes of the last run are gone
    lost: bool = False  # whether they would not go
    boxed: bool = False  # whether the folder of the next run is there
    pid: int = 0  # of the next guest; 0 while there is none
    link: socket.socket = field(init=False)  # on which it waits for its order and is told of
    pipes: dict[int, str] = field(init=False)  # what it writes to
    meter: Meter = field(init=False)
    traffic: bytes = field(init=False)  # what its network has counted
    weight: int = 0  # bytes of memory of its own before it starts

    def __post_init__(self) -> None:
        self.traffic = namespaces.traffic(self.proc)
        self.broom.settimeout(PATIENCE)

    def prepare(self, config: dict[str, Any]) -> None:
        """See that the next run has its folder and its guest."""
        if not self.boxed:
            namespaces.open_box(config["limits"], self.uid)
            self.boxed = True
        if not self.pid:
            with pipes() as (self.pipes, ends):
                self.link = warm.ask(self.starter, self.uid, ends, self.spaces)
            self.pid = warm.started(self.link, next(fd for fd, name in self.pipes.items() if name == "report"))
            if self.group and not self.group.enter(self.pid):
                self.group = None
            memory = config["limits"]["memory_mb"] << 20
            self.meter = Meter(self.proc, memory, reaper=self.first, own_network=not config["network"])
            self.weight = spent.held if (spent := alone(self.proc, self.pid)) else 0

    def replace_guest(self, config: dict[str, Any]) -> None:
        """Have another guest in the place of one that has ended."""
        for fd in self.pipes:
            os.close(fd)
        self.pid = 0
        self.prepare(config)

    def sweep(self) -> None:
        """Wait until all processes of the last run are gone; EOFError where process 1 of the table is."""
        if not self.swept:
            frames.exactly(self.broom, 1)
            self.swept = True

    def renew(self, config: dict[str, Any]) -> None:
        """After a run: prepare for the next one, which tries again where that fails.

        EOFError or TimeoutError where something of the last run stays.
        """
        if used := self.pid:
            self.pid, self.boxed = 0, False
            self.sweep()
            self.link.close()
            if not config["network"]:
                self._calm()
        with contextlib.suppress(OSError, EOFError):
            if used:
                namespaces.close_box()
            self.prepare(config)

    def _calm(self) -> None:
        """Have a network in which nothing of a run is left: what it counted, ports that close, what it sent to itself.

        What was sent by local sockets alone is waited for: the kernel takes down names and files.
        """
        if namespaces.traffic(self.proc) != self.traffic:
            os.close(self.spaces[-1])
            self.spaces[-1] = namespaces.new_network(self.proc)
            self.traffic = namespaces.traffic(self.proc)
        last = time.monotonic() + _CALM
        while sockets(self.proc) > self.sockets:
            if time.monotonic() > last:
                raise TimeoutError("something of a run is left in its network")
            time.sleep(0.001)


@contextlib.contextmanager
def pipes() -> Iterator[tuple[dict[int, str], list[int]]]:
    """What a run writes to: the ends to read from, and the others, which are closed here in the end."""
    pipes = {name: os.pipe() for name in ("stdout", "stderr", "report")}
    for read, _ in pipes.values():
        os.set_blocking(read, False)
    yield {read: name for name, (read, _) in pipes.items()}, [write for _, write in pipes.values()]
    for _, write in pipes.values():
        os.close(write)
