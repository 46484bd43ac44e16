"""What the whole machine shares: pools of the kernel, and facts that tell one machine or one study from another."""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct

from tests.hostile.prey import Prey
from tests.hostile.programs.program import Program

_libc = ctypes.CDLL(None, use_errno=True)
_TIMERS = (222, 226) if os.uname().machine == "x86_64" else (107, 111)


def no_timer(_: Prey) -> str:
    """Whether another program of the user can make no timer."""
    timer, event = ctypes.c_int(0), struct.pack("QiiQ", 0, 10, 0, 0) + bytes(40)
    if _libc.syscall(_TIMERS[0], 1, event, ctypes.byref(timer)) < 0:
        return "no other program of the user can make a timer"
    _libc.syscall(_TIMERS[1], timer)
    return ""


def small_pipe(_: Prey) -> str:
    """Whether another program of the user gets less of a pipe."""
    read, write = os.pipe()
    size = fcntl.fcntl(write, 1032)  # F_GETPIPE_SZ
    os.close(read)
    os.close(write)
    return "" if size >= 1 << 16 else f"another program's pipe holds {size} bytes"


POOLS = [
    Program(
        "places for asynchronous input",
        """
got = 0
for _ in range(64):
    context = ctypes.c_ulong(0)
    got += 1024 * (libc.syscall(206 if X86 else 0, 1024, ctypes.byref(context)) == 0)
return got >= 32768
""",
    ),
    Program(
        "timers of a whole user",
        """
event = struct.pack("QiiQ", 0, 10, 0, 0) + bytes(40)
for _ in range(8):
    if os.fork() == 0:
        timer = ctypes.c_int(0)
        while libc.syscall(222 if X86 else 107, 1, event, ctypes.byref(timer)) == 0:
            pass
        time.sleep(60)
time.sleep(1.2)
""",
        ("ok", "memory", "crash"),
        beside=no_timer,
    ),
    Program(
        "pipes of a whole user",
        """
def fill():
    held = []
    while len(held) < 500:
        held.append(os.pipe())
    time.sleep(60)
for _ in range(5):
    if os.fork() == 0:
        worked(fill)
        time.sleep(60)
time.sleep(0.5)
""",
        ("ok", "memory", "crash"),
        beside=small_pipe,
        root_only=True,
    ),
    Program(
        "the disks of the whole machine",
        """
fd = os.open(inputs / "data", os.O_RDONLY)
def waits():
    return resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw
before = waits()
for _ in range(200):
    os.sync()
    libc.syncfs(fd)
return waits() - before > 100  # each would wait for all that anybody has written
""",
    ),
]

FACTS = [
    Program(
        "facts of the machine",
        """
names = "/proc/sys/kernel/random/boot_id /proc/cmdline /etc/machine-id /proc/partitions /proc/keys".split()
found = [name for name in names if worked(lambda: bool(open(name).read(120).strip()))]
os.write(1, str(found).encode())
return found
""",
    ),
    Program(
        "what only root may read of the kernel",
        """
names = "slabinfo vmallocinfo kpagecount kpageflags kpagecgroup timer_list kcore kmsg iomem sched_debug mtrr".split()
names += ["sys/kernel/usermodehelper/bset", "sys/fs/protected_hardlinks", "config.gz"]
closed = [name for name in names if os.path.exists(f"/proc/{name}") and os.stat(f"/proc/{name}").st_mode & 0o4 == 0]
return [name for name in closed if worked(lambda: open(f"/proc/{name}", "rb").read(64))]
""",
    ),
    Program(
        "places of folders outside",
        'return os.path.dirname(p["inputs"]) in open("/proc/self/mountinfo").read()',
    ),
    Program(
        "sizes and times of private files",
        """
folder = os.path.dirname(p["secret"])
paths = [folder, p["secret"], folder + "/../template/evaluate.py", p["scratch"], p["inputs"] + "/../private"]
return [path for path in paths if worked(lambda: os.stat(path))]
""",
        levels=("S3",),
    ),
    Program(
        "which processes there are",
        'return worked(lambda: os.stat(f"/proc/{p[\'pid\']}")) or worked(lambda: os.kill(int(p["victim"]), 0))',
        levels=("S3",),
    ),
]

MACHINE = POOLS + FACTS
