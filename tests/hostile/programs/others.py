"""What belongs to other programs and is in reach by a number or a name: memory, queues, priorities, files' states."""

from __future__ import annotations

import fcntl
from collections.abc import Callable

from tests.hostile.prey import Prey
from tests.hostile.programs.program import Program


def locked(lock: Callable[[int, int], None]) -> Callable[[Prey], str]:
    """Whether a lock from inside is felt outside."""

    def look(prey: Prey) -> str:
        with (prey.folder / "inputs" / "data").open("r+b") as file:
            try:
                lock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return "a lock on the inputs is felt outside"
        return ""

    return look


OBJECTS = [
    Program(
        "shared memory of another program",
        """
libc.shmat.restype = ctypes.c_void_p
at = libc.shmat(p["segment"], None, 0)
if at not in (None, 2**64 - 1):
    ctypes.memmove(at, b"spoilt", 6)
    return True
return call(31, 195, p["segment"], 0, 0)  # IPC_RMID
""",
    ),
    Program(
        "shared memory found by counting",
        "return any(libc.shmctl(n, 13, ctypes.create_string_buffer(256)) >= 0 for n in range(200))  # SHM_STAT",
    ),
    Program(
        "semaphores of another program",
        """
raised = call(65, 193, p["semaphore"], struct.pack("Hhh", 0, 1, 0), 1)
return call(66, 191, p["semaphore"], 0, 16, 7) or raised
""",
    ),
    Program(
        "messages of another program",
        """
buffer = ctypes.create_string_buffer(b"\\1", 128)
taken = call(70, 188, p["messages"], buffer, 100, 0, 0o4000)
return taken or call(69, 189, p["messages"], buffer, 50, 0o4000) or call(71, 187, p["messages"], 0, 0)
""",
    ),
    Program(
        "message queue of another program",
        """
name = p["queue"].encode()
queue = libc.syscall(240 if X86 else 180, name, os.O_RDWR | os.O_NONBLOCK, 0, None)
return queue >= 0 and call(242, 182, queue, b"x", 1, 0, None) or call(241, 181, name)
""",
    ),
    Program(
        "a list of other programs' objects",
        """
lists = [path for path in glob.glob("/proc/sysvipc/*") if os.access(path, os.R_OK)]
return any(len(open(path).readlines()) > 1 for path in lists)
""",
    ),
]

RANKS = [
    Program("priority of a whole user", "return raw(141, 140, 2, 0, 15) == 0 or raw(251, 30, 3, 0, 3 << 13) == 0"),
    Program("priority of the runner's group", 'return raw(141, 140, 1, int(p["group"]), 15) == 0'),
    Program(
        "priority of process 1",
        """
asked = raw(141, 140, 0, 1, 19), raw(203, 122, 1, 8, struct.pack("Q", 1)), raw(144, 119, 1, 5, struct.pack("i", 0))
return any(answer == 0 for answer in asked)
""",
    ),
    Program("real time", "return worked(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))"),
    Program("a core for itself", "return libc.prctl(62, 1, 0, 0, 0) == 0 or libc.prctl(67, 1, 0, 0, 0) == 0"),
]

FILES = [
    Program(
        "a lease on inputs",
        """
fd = os.open(inputs / "data", os.O_RDONLY)
return any(worked(lambda: fcntl.fcntl(fd, 1024, kind)) for kind in (fcntl.F_WRLCK, fcntl.F_RDLCK))
""",
    ),
    Program(
        "notices of a folder",
        """
signal.signal(signal.SIGIO, signal.SIG_IGN)
folders = [inputs, Path("/usr/bin")]
return any(worked(lambda: fcntl.fcntl(os.open(f, os.O_RDONLY), 1026, 0x80000001)) for f in folders)
""",
    ),
    Program(
        "notices of files",
        """
fd = libc.inotify_init1(0o4000)
return fd >= 0 and libc.inotify_add_watch(fd, str(inputs).encode(), 0x21) >= 0
""",
    ),
    Program(
        "flags of inodes",
        """
def change(path, command, size):
    fd = os.open(path, os.O_RDONLY)
    flags = struct.unpack("I", fcntl.ioctl(fd, 0x80086601, bytes(8))[:4])[0]
    fcntl.ioctl(fd, command, struct.pack("Q", flags | 0x40)[:size])
paths = (inputs / "data", inputs, p["target"])
return any(worked(lambda: change(f, c, s)) for f in paths for c, s in ((0x40086602, 8), (0x40046602, 4)))
""",
    ),
    Program(
        "attributes of inodes",
        """
def change(path):
    fd = os.open(path, os.O_RDONLY)
    held = bytearray(28)
    fcntl.ioctl(fd, 0x801C581F, held)
    held[0] |= 0x20  # FS_XFLAG_NODUMP, by its own command
    fcntl.ioctl(fd, 0x401C5820, held)
return any(worked(lambda: change(f)) for f in (inputs / "data", inputs))
""",
    ),
    Program(
        "a file that nobody can change any more",
        """
verity = struct.pack("IIII", 1, 1, 4096, 0) + bytes(112)
return worked(lambda: fcntl.ioctl(os.open(inputs / "data", os.O_RDONLY), 0x40806685, verity))
""",
    ),
    Program(
        "attributes for all to see",
        'return any(worked(lambda: os.setxattr(path, "user.x", b"y")) for path in (inputs / "data", p["target"]))',
    ),
    Program(
        "a lock on inputs",
        'fcntl.flock(os.open(inputs / "data", os.O_RDONLY), fcntl.LOCK_EX)\ntime.sleep(0.5)',
        ("ok", "crash"),
        beside=locked(fcntl.flock),
        levels=("S3",),
    ),
    Program(
        "a record lock on inputs",
        'fcntl.lockf(os.open(inputs / "data", os.O_RDONLY), fcntl.LOCK_SH)\ntime.sleep(0.5)',
        ("ok", "crash"),
        beside=locked(fcntl.lockf),
        levels=("S3",),
    ),
    Program(
        "a lock of an open file on inputs",
        """
lock = struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 0, 0)
fcntl.fcntl(os.open(inputs / "data", os.O_RDONLY), 37, lock)  # F_OFD_SETLK
time.sleep(0.5)
""",
        ("ok", "crash"),
        beside=locked(fcntl.lockf),
        levels=("S3",),
    ),
]

OTHERS = OBJECTS + RANKS + FILES
