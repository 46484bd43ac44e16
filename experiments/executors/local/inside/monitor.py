"""Runs, from the trusted side: prepares a folder, starts a run, watches it, ends all of it, collects, replies."""

from __future__ import annotations

import contextlib
import fcntl
import fnmatch
import os
import resource
import select
import signal
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from . import ending, frames, guest, warm
from .kernel import cgroup, namespaces, syscalls, tree
from .kernel.usage import Meter, sockets
from .output.capture import Capture
from .output.collect import Outputs, collect
from .output.readings import Readings
from .run import MB, Run
from .standby import Standby, pipes
from .watching import overfull, watch

BUSY, FREE = b"+", b"-"
_BEYOND = 16  # no descriptor that a guest has by its number
_BY_ITEM = 1 << 23  # bytes of an evaluator's report, which may hold values by item
_Answer = tuple[dict[str, Any], dict[str, bytes]]  # what to tell the client, and the files


def serve(server: socket.socket, tell: int, config: dict[str, Any], starter: socket.socket | None) -> None:
    """Answer requests that arrive on `server`: at S3 one after the other in the same namespaces, else only one.

    tell: where to write whether this monitor is busy or free. starter: of the warm process; without it, this is it.
    """
    monitor = _settled_in(config, starter)
    while fds := socket.recv_fds(server, 1, 1)[1]:
        os.write(tell, BUSY)
        answer = None
        with socket.socket(fileno=fds[0]) as client, contextlib.suppress(EOFError, BrokenPipeError):
            answer = monitor.answer(client)
            if monitor.goes_on:
                os.write(tell, FREE)  # before the next request can come: else another monitor is made for it
            frames.send(client, *answer)  # unless it has cancelled
        if not answer or not monitor.goes_on:
            return
        if not monitor.renewed():
            os.write(tell, BUSY)  # for good: another is made
            return


def _settled_in(config: dict[str, Any], starter: socket.socket | None) -> Monitor:
    """Make this process a monitor: whoever it starts comes home to it, and it ends with the process above it."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY) if os.path.isdir("/proc/self") else -1
    if sys.platform == "linux":
        syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)
        syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # to follow deep folders
    isolated = config["level"] in ("S3", "S2")
    uid = 60000 + (config["uid"] + os.getpid()) % 5000 if isolated and os.geteuid() == 0 else None
    group = cgroup.group(config["group"], str(os.getpid()), config["limits"])
    standby = None
    if starter:
        standby = Standby(starter, uid, proc, *namespaces.separate(proc, config), sockets(proc), group)
        if uid is not None:
            namespaces.name_user(uid)
        standby.renew(config)
    return Monitor(config, proc, uid, standby, group)


@dataclass(frozen=True)
class Monitor:
    """One process that watches one run at a time. proc: a descriptor of /proc. uid: the runs' user, as root. standby:
    at S3, what it keeps from run to run."""

    config: dict[str, Any]
    proc: int
    uid: int | None
    standby: Standby | None
    group: cgroup.Group | None  # of control, at the levels where the guest is forked here

    @property
    def goes_on(self) -> bool:
        """Whether it may answer another request."""
        return self.standby is not None and not self.standby.lost

    def renewed(self) -> bool:
        """Prepare for the next run; False where something of the last one stays."""
        assert self.standby
        try:
            self.standby.renew(self.config)
        except (EOFError, TimeoutError):
            return False
        return True

    def answer(self, client: socket.socket) -> _Answer:
        """Run what the client requests."""
        request, files = frames.receive(client)
        channel = _channel(client) if request["channel"] else -1
        with self._box() as box:
            _furnish(box, files, request.get("executable", ()), self.uid)
            for name, target in request.get("links", {}).items():  # to what is bound where it lies outside
                _folder(f"{box}/artifact/{name}".rstrip("/").rpartition("/")[0], self.uid)
                os.symlink(target, f"{box}/artifact/{name}".rstrip("/"))
            if self.standby:
                run = self._order(request, client, self.standby, channel)
            else:
                run = self._start_at_once(request, box, channel)
            try:
                watch(run, client, self.proc, None if self.standby else box)
            finally:
                self._end(run)
            if run.ended == "exit" and not self.standby:  # what it has left counts, however short it was there
                run.ended = overfull(run, box, self.proc) or "exit"
            run.drain()
            outputs = self._outputs(run, box)
        reply = {**run.reply(outputs, f"{box}/artifact/"), "unfit": self.config.get("unfit", "")}
        if (name := self.config["reads"]) not in ("", "stdout"):
            meant = [name] if name in outputs.files else [f for f in outputs.files if fnmatch.fnmatchcase(f, name)]
            reply["readings"] = self._read(outputs.files[meant[0]] if len(meant) == 1 else None)
        return reply, outputs.files

    @contextlib.contextmanager
    def _box(self) -> Iterator[str]:
        """The run's folder: on a file system that the next run replaces, or made here and removed."""
        if self.standby:
            self.standby.prepare(self.config)
            yield namespaces.BOX
            return
        box = tempfile.mkdtemp(prefix="run-", dir=self.config["scratch"])
        try:
            namespaces.lay_out(box, self.uid)
            yield box
        finally:
            with contextlib.suppress(OSError):  # the runner tries again when it closes
                tree.remove(box)

    def _start_at_once(self, request: dict[str, Any], box: str, channel: int) -> Run:
        """Fork the guest from this process."""
        run = self._new_run(channel)
        run.meter = Meter(self.proc, run.bounds["memory_mb"] * MB)
        with pipes() as (run.pipes, ends):
            run.pid = run.guest = os.fork()
            if run.pid == 0:
                if self.group:
                    self.group.enter()
                ends += [channel] if channel >= 0 else []
                guest.become(self.config, self.uid, ends, box, lambda: _with_word(request, run))
        return run

    def _order(self, request: dict[str, Any], client: socket.socket, standby: Standby, channel: int) -> Run:
        """Give the order to the guest that waits."""
        if not warm.waits(standby.link):  # something outside has killed it, as for want of memory
            standby.replace_guest(self.config)
        if select.select([client], [], [], 0)[0]:
            raise EOFError("cancelled before it started; this monitor's end ends the guest that waits")
        run = self._new_run(channel)
        run.pid, run.guest, run.link, run.pipes = standby.first, standby.pid, standby.link, standby.pipes
        run.meter = standby.meter
        warm.order(standby.link, _with_word(request, run), channel)
        return run

    def _new_run(self, channel: int) -> Run:
        config, size = self.config, self.config["limits"]["capture"]
        readings = self._readings() if config["reads"] == "stdout" else None
        run = Run(0, 0, config["limits"], Capture(size, readings), Capture(size))
        run.channel = channel
        if config["kind"] in ("evaluate", "judge"):
            run.most = _BY_ITEM
        return run

    def _readings(self) -> Readings:
        config = self.config
        return Readings(config["metrics"], config["pattern"], config["spelt"], config["takes"])

    def _read(self, text: bytes | None) -> dict[str, Any]:
        """What a text that the run has written says of its metrics."""
        if text is None:
            return {}
        readings = self._readings()
        readings.feed(text)
        readings.finish()
        return readings.report()

    def _end(self, run: Run) -> None:
        group = self.standby.group if self.standby else self.group
        if self.standby:
            ending.sweep(run, self.standby)
        else:
            ending.kill_all(run, self.proc, group)
        if group:
            run.cpu = max(run.cpu, group.cpu_s())
            if run.ended == "exit" and group.out_of_memory():
                run.ended = "memory"
        if group and not self.standby:
            group.remove()

    def _outputs(self, run: Run, box: str) -> Outputs:
        if run.ended == "stuck":  # what they wrote may change still
            return Outputs()
        try:
            bounds = run.bounds
            below = self.config["collect"]
            return collect(box, below=below, count=bounds["files"], size=bounds["output_mb"] * MB)
        except OSError as error:
            return Outputs(problems=[f"the output folder cannot be read: {error.strerror}"])


def _channel(client: socket.socket) -> int:
    """The channel that follows a request."""
    fds = socket.recv_fds(client, 1, 1)[1]
    if not fds:
        raise EOFError("cancelled before it was given its channel")
    channel = fcntl.fcntl(fds[0], fcntl.F_DUPFD_CLOEXEC, _BEYOND)
    os.close(fds[0])
    return channel


def _with_word(request: dict[str, Any], run: Run) -> dict[str, Any]:
    return {**request, "word": run.word.decode()}


def _furnish(box: str, files: Mapping[str, bytes], executable: Sequence[str], uid: int | None) -> None:
    """Fill the run's folder and give it to the run's user."""
    for name, data in files.items():
        _folder(f"{box}/{name}".rpartition("/")[0], uid)
        with open(f"{box}/{name}", "wb") as file:
            file.write(data)
            if name in executable:
                os.fchmod(file.fileno(), 0o755)
            namespaces.own(file.fileno(), uid)


def _folder(folder: str, uid: int | None) -> None:
    """Make a folder below the run's own, with those above it."""
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = folder.rpartition("/")[0]
    for folder in reversed(missing):
        os.mkdir(folder)
        namespaces.own(folder, uid)
