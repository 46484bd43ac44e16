"""What processes use beyond what they are seen to have, and folders that a hostile program filled."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nightlab.experiments.executors.local.inside.kernel import limits, tree, usage
from nightlab.experiments.executors.local.isolation import launch
from nightlab.experiments.executors.local.isolation.launch import Overdue, exchange
from tests.experiments.executors.local.test_local_runner import House, house, stack

__all__ = ["house", "stack"]
MB = 1 << 20
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")


@contextmanager
def program(source: str) -> Iterator[int]:
    """A program that has said that it is ready: its process number."""
    command = [sys.executable, "-S", "-c", f"{source}\nprint(flush=True)\nimport time; time.sleep(60)"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as process:
        assert process.stdout
        try:
            process.stdout.readline()
            yield process.pid
        finally:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def proc() -> Iterator[int]:
    fd = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


HIDDEN = {
    "tables of pages that were read and are empty": """
import ctypes, mmap
size, step = 64 << 30, 2 << 20
empty = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000, prot=mmap.PROT_READ)
empty.madvise(15)
for at in range(0, size, step):
    empty[at]""",
    "shared pages that are mapped and not resident": """
import ctypes, mmap
shared = mmap.mmap(-1, 64 << 20)
shared.write(bytes(64 << 20))
shared.madvise(mmap.MADV_DONTNEED)""",
    "shared pages of a child": """
import mmap, os
shared = mmap.mmap(-1, 64 << 20)
if os.fork() == 0:
    shared.write(bytes(64 << 20))
    shared.madvise(mmap.MADV_DONTNEED)
else:
    import time; time.sleep(60)""",  # it is the child that says when it is ready
    "sockets": "import socket\npairs = [socket.socketpair() for _ in range(200)]",
    "pipes": "import resource, os\nresource.setrlimit(resource.RLIMIT_NOFILE, (4096, 4096))\n"
    "pipes = [os.pipe() for _ in range(1900)]",
}


@pytest.mark.parametrize("source", HIDDEN.values(), ids=HIDDEN.keys())
def test_memory_that_no_process_is_seen_to_hold_is_counted(proc: int, source: str) -> None:
    with program(source) as pid:
        pids = [pid, *limits.descendants(proc, pid)]
        spent = usage.Meter(proc, 8 * MB).look(pids)
        assert spent.memory < 50 * MB < spent.held


def test_memory_that_is_shared_counts_once(proc: int) -> None:
    source = "import mmap, os\nshared = mmap.mmap(-1, 64 << 20)\nshared.write(bytes(64 << 20))\nos.fork()"
    with program(source) as pid:
        time.sleep(0.1)
        spent = usage.Meter(proc, 8 * MB).look([pid, *limits.descendants(proc, pid)])
        assert 64 * MB <= spent.memory + spent.held < 100 * MB


def test_a_plain_program_holds_nothing(proc: int) -> None:
    with program("") as pid:
        assert usage.Meter(proc, 1).look([pid]).held == 0


@pytest.mark.parametrize("ignored", [True, False])
def test_time_of_children_counts_whether_they_are_waited_for_or_not(proc: int, ignored: bool) -> None:
    source = f"""
import os, signal, time
if {ignored}:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(flush=True)
for _ in range(2):
    if os.fork() == 0:
        while time.process_time() < 0.4: pass
        os._exit(0)
    try: os.wait()
    except ChildProcessError: pass
print(flush=True); time.sleep(60)"""
    with program(source) as pid:
        meter = usage.Meter(proc, 1 << 40)
        until, seen = time.monotonic() + 20, 0.0
        while seen < 0.65:
            assert time.monotonic() < until, seen
            seen = meter.look([pid, *limits.descendants(proc, pid)]).cpu_s
            time.sleep(0.01)
        assert seen < 1.5


def test_files_without_a_name_are_counted(proc: int, tmp_path: Path) -> None:
    source = f"""
import mmap, os
for n in range(2):
    file = open({str(tmp_path)!r} + "/x", "w+b"); file.write(bytes(8 << 20)); file.flush(); os.unlink(file.name)
    kept = (globals().get("kept"), file if n else mmap.mmap(file.fileno(), 8 << 20))
del file"""
    with program(source) as pid:
        assert sum(usage.unlinked(proc, [pid], tmp_path.stat().st_dev).values()) >= 16 * MB
    assert usage.unlinked(proc, [os.getpid()], -1) == {}


def _deep(folder: Path) -> Path:
    here = os.open(folder, os.O_RDONLY)
    for _ in range(1100):
        os.mkdir("d", dir_fd=here)
        below = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)
    return folder


def _closed(folder: Path) -> Path:
    (folder / "way").mkdir()
    (folder / "way" / "file").touch()
    (folder / "way").chmod(0o300)
    (folder / "none").mkdir(0)
    return folder


def _odd(folder: Path) -> Path:
    (folder / "\udcff\n").mkdir()
    (folder / "link").symlink_to("/")
    os.mkfifo(folder / "pipe")
    return folder


@pytest.mark.parametrize(("fill", "count"), [(_deep, 1101), (_closed, 3), (_odd, 3)])
def test_any_folder_is_walked_and_removed(fill: Callable[[Path], Path], count: int) -> None:
    in_memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a disk takes its time for each folder
    folder = fill(Path(tempfile.mkdtemp(dir=in_memory)))
    assert sum(1 for _ in tree.entries(folder)) == count
    tree.remove(folder)
    assert not folder.exists()


def test_nobody_waits_without_end_for_an_answer() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(0.05)
        with pytest.raises(Overdue, match=r"no answer within 0\.05 s"):
            exchange(ours, {}, {})


def test_a_sandbox_that_does_not_answer_is_replaced(
    house: Callable[..., House], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(launch, "_MARGIN", -4.5)  # beyond the run's 5 s
    h = house()
    outcome = h.run("time.sleep(60)")
    assert outcome.status == "crash"
    assert "no answer within 0.5 s" in outcome.error
    monkeypatch.undo()
    assert h.run().status == "ok"
