"""Runs, from the trusted side: prepares a folder, starts a run, watches it, ends all of it, collects, replies."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import frames, guest, limits, namespaces, syscalls, tree, warm
from .capture import Capture
from .collect import Outputs, collect
from .readings import Readings
from .usage import Meter, alone, sockets, unlinked
from .warmth import PATIENCE, Warmth, pipes

_TICK = 0.05, 0.2  # s between two looks at the processes: at least and at most
_CLOSE_TICK = 0.01  # where processes end that nobody waits for: only who looks knows their time
_GROWTH = 4 << 30  # bytes/s: how fast processes may fill memory; what is far from its limit is looked at less often
_SETUP = 60.0  # s until the code of the experiment starts: imports in a cold process
_MB = 1 << 20
_LIGHT = 64 * _MB  # what a run can have taken without that its end is felt by the next one
_BEGUN = 1 + guest.STAMP.size  # bytes that say when the run began
BUSY, FREE = b"+", b"-"


@dataclass
class Run:
    """What is known of a run."""

    pid: int  # whose end ends the run: the guest, or process 1 of its table
    guest: int
    limits: dict[str, Any]
    stdout: Capture
    stderr: Capture
    report: bytes = b""
    prepared: bool = False  # whether the guest has given up its rights: its end is the run's own from there on
    ready: float | None = None
    word: bytes = field(default_factory=lambda: os.urandom(8).hex().encode())  # the guest's last one if all went well
    latest: bytes = b""  # the end of what it has reported
    done: bool = False  # whether it has said the word, which nobody else has been told
    ended: str = ""  # empty while it runs; then exit, or the limit that it hit
    wall: float = 0.0
    cpu: float = 0.0
    memory: int = 0  # bytes at the last look
    peak: int = 0
    status: int = 0
    pipes: dict[int, str] = field(default_factory=dict)
    link: socket.socket | None = None  # to the warm process, which tells of the guest's end; without it, it is a child
    meter: Meter = field(init=False)


def serve(server: socket.socket, tell: int, config: dict[str, Any], starter: socket.socket | None) -> None:
    """Answer requests that arrive on `server`: at S3 one after the other in the same namespaces, else only one.

    tell: where to write whether this monitor is busy or free. starter: of the warm process; without it, this is it.
    """
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
    warmth = None
    if starter:
        warmth = Warmth(starter, uid, proc, *namespaces.separate(proc, config), sockets(proc))
        if uid is not None:
            namespaces.name_user(uid)
        warmth.renew(config)
    while fds := socket.recv_fds(server, 1, 1)[1]:
        os.write(tell, BUSY)
        answer = None
        with socket.socket(fileno=fds[0]) as client, contextlib.suppress(EOFError, BrokenPipeError):
            answer = _answer(client, config, proc, uid, warmth)
            if warmth and not warmth.lost:
                os.write(tell, FREE)  # before the next request can come: else another monitor is made for it
            frames.send(client, *answer)  # unless it has cancelled
        if not (answer and warmth) or warmth.lost:
            return
        try:
            warmth.renew(config)
        except (EOFError, TimeoutError):
            os.write(tell, BUSY)  # for good: another is made
            return


def _answer(
    client: socket.socket, config: dict[str, Any], proc: int, uid: int | None, warmth: Warmth | None
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Run what the client requests: what to tell it, and the files."""
    request, files = frames.receive(client)
    if warmth:
        warmth.prepare(config)
    box = namespaces.BOX if warmth else _open_box(config["scratch"], uid)
    try:
        _furnish(box, files, request.get("executable", ()), uid)
        run = _start(config, request, box, uid, client, warmth or proc)
        try:
            _watch(run, client, proc, box, config["level"])
        finally:
            _sweep(run, warmth) if warmth else _end(run, proc)
        if run.ended == "exit" and not warmth:  # what it has left counts, however short it was there
            run.ended = _disk(box, config["limits"], proc, ()) or "exit"
        _drain(run)
        stuck = run.ended == "stuck"  # what they wrote may change still
        outputs = Outputs() if stuck else _collected(f"{box}/{config['collect']}", config["limits"])
    finally:
        if not warmth:
            with contextlib.suppress(OSError):  # the runner tries again when it closes
                tree.remove(box)
    return _reply(run, outputs, f"{box}/artifact/"), outputs.files


def _open_box(scratch: str, uid: int | None) -> str:
    box = tempfile.mkdtemp(prefix="run-", dir=scratch)
    namespaces.lay_out(box, uid)
    return box


def _furnish(box: str, files: Mapping[str, bytes], executable: Sequence[str], uid: int | None) -> None:
    """Fill the run's folder and give it to the run's user."""
    for name, data in files.items():
        missing, folder = [], f"{box}/{name}".rpartition("/")[0]
        while not os.path.isdir(folder):
            missing.append(folder)
            folder = folder.rpartition("/")[0]
        for folder in reversed(missing):
            os.mkdir(folder)
            namespaces.own(folder, uid)
        with open(f"{box}/{name}", "wb") as file:
            file.write(data)
            if name in executable:
                os.fchmod(file.fileno(), 0o755)
            namespaces.own(file.fileno(), uid)


def _start(
    config: dict[str, Any],
    request: dict[str, Any],
    box: str,
    uid: int | None,
    client: socket.socket,
    warmth: Warmth | int,
) -> Run:
    """Start a run. warmth: with it by the guest that waits; else a descriptor of /proc."""
    size, bounds = config["limits"]["capture"], config["limits"]
    readings = Readings(config["metrics"], config["pattern"]) if config["reads"] else None
    run = Run(0, 0, bounds, Capture(size, readings), Capture(size))
    request = {**request, "word": run.word.decode()}
    if isinstance(warmth, int):
        run.meter = Meter(warmth, bounds["memory_mb"] * _MB)
        with pipes() as (run.pipes, ends):
            run.pid = run.guest = os.fork()
            if run.pid == 0:
                guest.become(config, uid, ends, box, lambda: request)
    else:
        if not warm.waits(warmth.link):  # something outside has killed it, as for want of memory
            for fd in warmth.pipes:
                os.close(fd)
            warmth.pid = 0
            warmth.prepare(config)
        if select.select([client], [], [], 0)[0]:
            raise EOFError("cancelled before it started; this monitor's end ends the guest that waits")
        run.pid, run.guest, run.link, run.pipes = warmth.first, warmth.pid, warmth.link, warmth.pipes
        run.meter = warmth.meter
        warm.order(run.link, request)
    return run


def _watch(run: Run, client: socket.socket, proc: int, box: str, level: str) -> None:
    """Return when the run's first process has ended or a limit is hit."""
    poll = select.poll()
    for fd in run.pipes:
        poll.register(fd, select.POLLIN)
    poll.register(client, select.POLLRDHUP if sys.platform == "linux" else select.POLLHUP)
    pidfd = os.pidfd_open(run.pid) if hasattr(os, "pidfd_open") and not run.link else -1
    exited = run.link.fileno() if run.link else pidfd
    if exited >= 0:
        poll.register(exited, select.POLLIN)
    started = time.monotonic()
    due = started + _TICK[0]
    while not run.ended:
        events = dict(poll.poll(max(0.0, due - time.monotonic()) * 1000))
        now = time.monotonic()
        if client.fileno() in events:
            run.ended = "cancelled"
        elif exited in events or (exited < 0 and os.waitid(os.P_PID, run.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
            run.ended = "exit"
        for fd in [fd for fd in events if fd in run.pipes]:
            if not _read(run, fd):
                poll.unregister(fd)
        if run.done and not run.ended:
            run.ended = "exit"
        if not run.ended and now >= due:
            run.ended = _limit_hit(run, started, now, proc, box if level != "S3" else None)
            due = now + _pause(run, now)
    run.wall = time.monotonic() - (run.ready or time.monotonic())
    if pidfd >= 0:
        os.close(pidfd)


def _read(run: Run, fd: int) -> bool:
    """Take what a pipe holds now; False at its end."""
    try:
        data = os.read(fd, 1 << 16)
    except BlockingIOError:
        return True
    name = run.pipes[fd]
    if name == "report":
        run.report = (run.report + data)[: 1 << 17]
        if run.ready is None and run.report[:1] == b"p":
            run.prepared, run.report = True, run.report[1:]
        if run.ready is None and run.report[:1] == b"r" and len(run.report) >= _BEGUN:
            run.ready = min(time.monotonic(), *guest.STAMP.unpack(run.report[1:_BEGUN]))
            run.report = run.report[_BEGUN:]
        run.latest = run.latest[-len(run.word) :] + data
        run.done = run.done or run.word in run.latest
    else:
        (run.stdout if name == "stdout" else run.stderr).feed(data)
    return bool(data)


def _pause(run: Run, now: float) -> float:
    """Seconds until the processes must be looked at again."""
    if run.meter.lost:
        return _CLOSE_TICK
    if run.ready is None or not run.memory:
        return _TICK[0]
    soonest: float = min((run.limits["memory_mb"] * _MB - run.memory) / _GROWTH, run.ready + run.limits["wall_s"] - now)
    return min(max(_TICK[0], soonest), _TICK[1])


def _limit_hit(run: Run, started: float, now: float, proc: int, box: str | None) -> str:
    bounds = run.limits
    if run.ready is None:
        return "timeout" if now > started + _SETUP else ""
    if now > run.ready + bounds["wall_s"]:
        return "timeout"
    pids = _look(run, proc)
    if run.memory > bounds["memory_mb"] * _MB:
        run.peak = max(run.peak, run.memory)
        return "memory"
    if run.cpu > bounds["cpu_s"]:
        return "cpu"
    if len(pids) > bounds["processes"]:
        return "processes"
    return _disk(box, bounds, proc, pids) if box is not None else ""


def _look(run: Run, proc: int) -> list[int]:
    """See what the processes of a run use now, and which they are."""
    if proc < 0:
        return []
    pids = limits.descendants(proc, run.guest, run.pid) if run.link else limits.descendants(proc, os.getpid())
    spent = run.meter.look([run.guest, *pids] if run.link else pids)
    run.memory, run.peak, run.cpu = spent.memory + spent.held, max(run.peak, spent.memory), max(run.cpu, spent.cpu_s)
    return pids


def _disk(box: str, bounds: dict[str, Any], proc: int, pids: Sequence[int]) -> str:
    """Whether a folder on disk, where no quota holds, has outgrown its bounds: with what has no name any more."""
    count = size = 0
    try:
        for about in tree.entries(box):
            count += 1
            size += about.st_blocks * 512
            if count > bounds["inodes"] or size > bounds["disk_mb"] * _MB:
                return "disk"
        hidden = unlinked(proc, pids, os.stat(box).st_dev) if proc >= 0 else {}
    except PermissionError:
        return "hidden"
    except OSError:  # deeper than it may have folders
        return "disk"
    return "disk" if size + sum(hidden.values()) > bounds["disk_mb"] * _MB else ""


def _sweep(run: Run, warmth: Warmth) -> None:
    """Have process 1 of the table kill all the others; returns when none of them will run any code.

    A guest that has said its last word still lives, so that what it used can be seen; else the kernel tells when it has
    taken down all of its memory, which takes 4 ms for a process with the modules of machine learning. Where there was
    more to take down, that is waited for: the next run must not feel it.
    """
    assert run.link
    spent = alone(warmth.proc, run.guest) if run.done else None
    if not spent:
        _look(run, warmth.proc)
    try:
        warmth.broom.sendall(b"+")
        if frames.exactly(warmth.broom, 1) != b".":
            raise EOFError("process 1 of the table is out of step")
        warmth.swept = False
        if not spent or spent.held > warmth.weight + _LIGHT:
            warmth.sweep()
        if spent:
            used, largest = spent.cpu_s, spent.memory
        else:
            run.status, used, largest = warm.ended(run.link)
    except TimeoutError:
        run.ended, warmth.lost = "stuck", True
    else:
        run.cpu, run.peak = max(run.cpu, used + run.meter.ended()), max(run.peak, largest)


def _end(run: Run, proc: int) -> None:
    """Find and kill each process of the run until nothing is left."""
    me, used, largest, last = os.getpid(), 0.0, 0, time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError):
            os.killpg(run.pid, signal.SIGKILL)
        for pid in [run.pid] if proc < 0 else limits.descendants(proc, me):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            while (reaped := os.wait4(-1, os.WNOHANG))[0]:
                pid, status, spent = reaped
                used += spent.ru_utime + spent.ru_stime
                largest = max(largest, limits.largest(spent))
                if pid == run.guest:
                    run.status = status
        except ChildProcessError:
            break
        if time.monotonic() > last:  # whoever takes this monitor's children in goes on with it
            run.ended = "stuck"
            break
        time.sleep(0.0005)
    run.cpu, run.peak = max(run.cpu, used + run.meter.ended()), max(run.peak, largest)


def _drain(run: Run) -> None:
    """Take the rest of what it wrote."""
    for fd in run.pipes:
        while select.select([fd], [], [], 0)[0] and _read(run, fd):
            pass  # no writer runs any more; that a pipe has no end yet, or never gets one, delays nobody
        os.close(fd)
    run.stdout.finish()


def _collected(folder: str, bounds: dict[str, Any]) -> Outputs:
    try:
        return collect(folder, count=bounds["files"], size=bounds["output_mb"] * _MB)
    except OSError as error:
        return Outputs(problems=[f"the output folder cannot be read: {error.strerror}"])


def _reply(run: Run, outputs: Outputs, folder: str) -> dict[str, Any]:
    return {
        "ended": run.ended,
        "started": run.prepared,
        "code": 0 if run.done and run.status in (0, signal.SIGKILL) else os.waitstatus_to_exitcode(run.status),
        "wall_s": run.wall,
        "cpu_s": run.cpu,
        "memory": run.peak,
        "report": run.report.partition(run.word)[0].decode(errors="replace"),
        "stdout": run.stdout.text().replace(folder, ""),
        "stderr": run.stderr.text().replace(folder, ""),
        "readings": run.stdout.readings.report() if run.stdout.readings else {},
        "problems": outputs.problems,
    }
