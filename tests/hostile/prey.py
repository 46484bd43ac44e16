"""What hostile programs hunt: files, sockets, a bystander, objects of another program; and whether all is as it was."""

from __future__ import annotations

import array
import ctypes
import fcntl
import mmap
import os
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

SECRET = "hunter2-private-label"
_FLAGS = 0x80086601  # FS_IOC_GETFLAGS
_PUBLIC = 0o1666  # IPC_CREAT, for all

_libc = ctypes.CDLL(None, use_errno=True)
_libc.shmat.restype = ctypes.c_void_p


class Objects:
    """A segment, a semaphore and two message queues of a program that has nothing to do with any run."""

    def __init__(self, stack: ExitStack) -> None:
        self.segment = _libc.shmget(0, 4096, _PUBLIC)
        self.semaphore = _libc.semget(0, 1, _PUBLIC)
        self.messages = _libc.msgget(0, _PUBLIC)
        self._memory = _libc.shmat(self.segment, None, 0)
        ctypes.memmove(self._memory, SECRET.encode(), len(SECRET))
        message = (ctypes.c_char * 64).from_buffer_copy((b"\1" + bytes(7) + SECRET.encode()).ljust(64, b"\0"))
        _libc.msgsnd(self.messages, message, 40, 0)
        self.queue = f"nightlab-hostile-{os.getpid()}"
        self._queue = _libc.mq_open(f"/{self.queue}".encode(), os.O_CREAT | os.O_RDWR | os.O_NONBLOCK, 0o666, None)
        stack.callback(_libc.mq_unlink, f"/{self.queue}".encode())
        stack.callback(_libc.msgctl, self.messages, 0, None)
        stack.callback(_libc.semctl, self.semaphore, 0, 0)
        stack.callback(_libc.shmctl, self.segment, 0, None)

    def harm(self) -> Iterator[str]:
        """What is not as it was."""
        if ctypes.string_at(self._memory, len(SECRET)).decode(errors="replace") != SECRET:
            yield "another program's shared memory was changed"
        about = ctypes.create_string_buffer(256)
        if _libc.shmctl(self.segment, 2, about) or about.raw[25:26] == b"\2":  # SHM_DEST, of the mode
            yield "another program's shared memory was removed"
        if _libc.semctl(self.semaphore, 0, 12) != 0:
            yield "another program's semaphore was changed"
        if _libc.msgctl(self.messages, 2, about) or ctypes.c_ulong.from_buffer(about, 80).value != 1:
            yield "another program's messages were changed"
        if (again := _libc.mq_open(f"/{self.queue}".encode(), os.O_RDONLY | os.O_NONBLOCK)) < 0:
            yield "another program's message queue was removed"
        else:
            os.close(again)
        if self._queue >= 0 and _libc.mq_receive(self._queue, ctypes.create_string_buffer(8192), 8192, None) >= 0:
            yield "another program's message queue got a message"


class Prey:
    """What the programs hunt, and whether it is as it was."""

    def __init__(self, folder: Path, files: dict[str, str], stack: ExitStack) -> None:
        self.folder = folder
        for name in ("inputs", "private", "template", "study", "home", "scratch"):
            (folder / name).mkdir()
        self.files = {
            "private/labels.prey": SECRET,
            "home/.key.prey": SECRET,
            "study/study.db": SECRET,
            "study/target": "precious",
            "inputs/data": "public",
            **files,
        }
        for name, text in self.files.items():
            (folder / name).write_text(text)
        (folder / "inputs" / "big").write_bytes(os.urandom(1 << 20))
        for path in (folder / "study", folder / "study" / "target", folder / "study" / "study.db"):
            path.chmod(0o777)  # so that nothing but the sandbox is in the way
        self.key = _key(stack)
        name = f"\0nightlab-hostile-{os.getpid()}"
        self.listeners = [
            _listener(stack, socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0)),
            _listener(stack, socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 0)),
            _listener(stack, socket.AF_UNIX, socket.SOCK_STREAM, name),
            _listener(stack, socket.AF_UNIX, socket.SOCK_STREAM, str(folder / "study" / "socket")),
            _listener(stack, socket.AF_UNIX, socket.SOCK_DGRAM, name + "-datagrams"),
            _listener(stack, socket.AF_UNIX, socket.SOCK_DGRAM, str(folder / "study" / "datagrams")),
        ]
        for kind in ("socket", "datagrams"):
            (folder / "study" / kind).chmod(0o777)
        self.objects = Objects(stack)
        self.victim = stack.enter_context(subprocess.Popen(["sleep", "1000"], env={"KEY": SECRET}))
        stack.callback(self.victim.kill)
        self._ranks = self._rank()
        self.before = self._state()

    def put(self, name: str, text: str) -> None:
        """Change a file, which is well then."""
        (self.folder / name).write_text(text)
        self.files[name] = text
        self.before = self._state()

    @property
    def params(self) -> dict[str, str | int]:
        """Where it all is, for the programs."""
        tcp, udp, abstract, *_ = (listener.getsockname() for listener in self.listeners)
        return {
            "secret": f"{self.folder}/private/labels.prey",
            "home": f"{self.folder}/home/.key.prey",
            "ledger": f"{self.folder}/study/study.db",
            "target": f"{self.folder}/study/target",
            "evaluator": f"{self.folder}/template/evaluate.py",
            "scratch": f"{self.folder}/scratch",
            "inputs": f"{self.folder}/inputs",
            "key": self.key,
            "socket": f"{self.folder}/study/socket",
            "datagrams": f"{self.folder}/study/datagrams",
            "abstract": abstract[1:].decode(),
            "tcp": str(tcp[1]),
            "udp": str(udp[1]),
            "pid": str(os.getpid()),
            "group": str(os.getpgrp()),
            "victim": str(self.victim.pid),
            "segment": self.objects.segment,
            "semaphore": self.objects.semaphore,
            "messages": self.objects.messages,
            "queue": self.objects.queue,
        }

    def harm(self) -> Iterator[str]:
        """What is not as it was."""
        if self.victim.poll() is not None:
            yield "the bystander was ended"
        elif self._rank() != self._ranks:
            yield "the bystander or the runner was moved or demoted"
        for listener in self.listeners:
            if select.select([listener], [], [], 0)[0]:
                yield f"{listener.getsockname()!r} was reached"
                with suppress(OSError):
                    listener.recv(100)
        for name, text in self.files.items():
            path = self.folder / name
            if not path.is_file() or path.read_text() != text:
                yield f"{name} was changed"
        if (state := self._state()) != self.before:
            yield f"files outside changed: {sorted(map(str, state ^ self.before))[:4]}"
        if Path("/tmp/nightlab-hostile-pickle").exists():
            yield "a pickle was loaded"
        yield from self.objects.harm()

    def warm(self) -> None:
        """See that the inputs are in the page cache."""
        (self.folder / "inputs" / "big").read_bytes()

    def evicted(self) -> bool:
        """Whether the inputs are no longer in the page cache."""
        with (self.folder / "inputs" / "big").open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
            start = ctypes.addressof(held := ctypes.c_char.from_buffer(memory))
            pages = len(memory) // mmap.PAGESIZE
            there = (ctypes.c_ubyte * pages)()
            _libc.mincore(ctypes.c_void_p(start), ctypes.c_size_t(len(memory)), there)
            del held
        return sum(page & 1 for page in there) < pages

    def _rank(self) -> list[object]:
        return [
            (os.getpriority(os.PRIO_PROCESS, pid), os.sched_getaffinity(pid), os.sched_getscheduler(pid))
            for pid in (self.victim.pid, os.getpid())
        ]

    def _state(self) -> set[tuple[str, int, int, int]]:
        """All but what runs may fill: modes, times and flags."""
        places = [self.folder / name for name in ("inputs", "private", "template", "study", "home")]
        found = [*places, *(path for place in places for path in place.rglob("*") if "__pycache__" not in path.parts)]
        return {(str(p), p.stat().st_mode, p.stat().st_mtime_ns, _flags(p)) for p in found}


def _flags(path: Path) -> int:
    """The flags of an inode, where its file system has any."""
    if not path.is_file() and not path.is_dir():
        return 0
    fd = os.open(path, os.O_RDONLY)
    try:
        flags = array.array("l", [0])
        fcntl.ioctl(fd, _FLAGS, flags)
        return flags[0]
    except OSError:
        return 0
    finally:
        os.close(fd)


def _key(stack: ExitStack) -> str:
    """A key beside the interpreter, as where the project's folder is the environment; empty where none can be put."""
    path = Path(sys.prefix) / f"nightlab-hostile-{os.getpid()}.key"
    try:
        path.write_text(SECRET)
    except OSError:
        return ""
    path.chmod(0o644)
    stack.callback(path.unlink, missing_ok=True)
    return str(path)


def _listener(stack: ExitStack, family: int, kind: int, address: object) -> socket.socket:
    listener = stack.enter_context(socket.socket(family, kind))
    listener.bind(address)  # type: ignore[arg-type]
    if kind == socket.SOCK_STREAM:
        listener.listen()
    return listener
