"""What runs must not tell each other, and what of a run must be gone for the next."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence

from nightlab.experiments.records import RunOutcome
from tests.hostile.prey import Prey
from tests.hostile.programs.program import Program

# The first run writes bits into the cache of a file's pages, the second one reads them by `there(fd, page)`.
CACHED = """
bits = [byte >> k & 1 for byte in b"hello" for k in range(8)]
fd = os.open(inputs / "big", os.O_RDONLY)
libc.posix_fadvise(fd, ctypes.c_long(0), ctypes.c_long(0), 1)
if p["run"] == 0:
    libc.posix_fadvise(fd, ctypes.c_long(0), ctypes.c_long(0), 4)
    for page, bit in enumerate(bits):
        if bit:
            os.pread(fd, 1, page * 4096)
    return False
return [there(fd, page) for page in range(len(bits))] == bits
"""


def evicted(prey: Prey) -> str:
    """Whether a run puts the inputs out of the page cache, so that the next one waits for the disk: again and again,
    since the machine itself may be short of memory once."""
    for _ in range(3):
        if not prey.evicted():
            return ""
        prey.warm()
        time.sleep(0.1)
    return "the inputs were put out of the page cache"


def alike(pattern: str, cold: Sequence[int]) -> Callable[[Sequence[RunOutcome]], str]:
    """That what a run prints does not tell which ones had a sandbox of their own, or came later."""

    def look(outcomes: Sequence[RunOutcome]) -> str:
        told = [re.findall(pattern, outcome.output) for outcome in outcomes]
        one, other = ([t for n, t in enumerate(told) if (n in cold) is c] for c in (True, False))
        if all(t not in other for t in one):
            return f"warm and cold runs can be told apart: {told}"
        return ""

    return look


def read_before(outcomes: Sequence[RunOutcome]) -> str:
    """That a run does not see which files the one before it has read; others on the machine may read some of them."""
    read, recent = (set(json.loads(outcome.output)) for outcome in outcomes)
    return "files that were read show it later" if read and read <= recent else ""


LEFT_BEHIND = [
    Program(
        "traces for the next run",
        """
places = [Path.cwd() / "numpy.py", Path.cwd() / "sitecustomize.py", Path(os.environ["TMPDIR"]) / "trace"]
places += [Path("/dev/shm/nightlab-trace"), Path("/tmp/nightlab-trace"), Path.cwd() / "__pycache__" / "x.pyc"]
found = any(place.exists() for place in places)
for place in places:
    worked(lambda: place.parent.mkdir(exist_ok=True))
    worked(lambda: place.write_text("trace"))
return found
""",
        runs=2,
    ),
    Program(
        "changes in the warm process",
        """
import numpy
found = getattr(numpy, "trace", False) or getattr(json, "trace", False) or "TRACE" in os.environ
numpy.trace_ = numpy.trace
numpy.trace = json.trace = True
json.dumps = lambda *_: "{}"
os.environ["TRACE"] = "1"
sys.modules["math"] = None
return found is True
""",
        runs=2,
    ),
    Program(
        "messages that wait",
        """
s = socket.socket
try:
    one = s(socket.AF_UNIX)
    one.bind("\\0nightlab-trace")
    one.listen()
    background(lambda: time.sleep(60))
except OSError as error:
    return error.errno == errno.EADDRINUSE
""",
        runs=2,
    ),
    Program(
        "sockets on their way when the run ends",
        """
one = socket.socket(socket.AF_UNIX)
one.bind("\\0nightlab-hostile-trace")
one.listen()
a, b = socket.socketpair()
socket.send_fds(a, [b"x"], [one.fileno(), a.fileno(), b.fileno()])
socket.send_fds(b, [b"x"], [a.fileno(), b.fileno(), one.fileno()])
""",
        runs=3,
        levels=("S3",),  # without local sockets there is nothing to bind
    ),
    Program(
        "files on their way when the run ends",
        """
free = os.statvfs(out)
a, b = socket.socketpair()
def hoard():
    for n in range(30):
        fd = os.open(f"{out}/{n}", os.O_CREAT | os.O_RDWR)
        os.unlink(f"{out}/{n}")
        os.write(fd, bytes(8 << 20))
        socket.send_fds(a, [b"x"], [fd, a.fileno(), b.fileno()])
        os.close(fd)
worked(hoard)
return p["run"] > 0 and free.f_bavail * free.f_frsize < 400 << 20
""",
        runs=3,
    ),
    Program(
        "a message in the page cache, read without waiting",
        """
def there(fd, page):
    try:
        return os.preadv(fd, [bytearray(1)], page * 4096, os.RWF_NOWAIT)
    except BlockingIOError:
        return 0
"""
        + CACHED,
        ("ok", "crash"),
        runs=2,
    ),
    Program(
        "a message in the page cache, read by asking for it",
        """
def there(fd, page):
    memory = mmap.mmap(fd, 1 << 20, prot=mmap.PROT_READ, flags=mmap.MAP_PRIVATE)
    told = (ctypes.c_ubyte * 256)()
    libc.mmap.restype = ctypes.c_void_p
    at = libc.mmap(None, ctypes.c_size_t(1 << 20), 1, 1, fd, ctypes.c_long(0))
    libc.mincore(ctypes.c_void_p(at), ctypes.c_size_t(1 << 20), told)
    return told[page] & 1
"""
        + CACHED,
        ("ok", "crash"),
        runs=2,
    ),
    Program(
        "inputs that the next run must wait for",
        """
fd = os.open(inputs / "big", os.O_RDONLY)
size = os.fstat(fd).st_size
libc.mmap.restype = ctypes.c_void_p
at = libc.mmap(None, ctypes.c_size_t(size), 1, 1, fd, ctypes.c_long(0))
sum(ctypes.string_at(at, size)[::4096])
until = time.monotonic() + 0.6
while time.monotonic() < until:
    for advice in (20, 21, 4):  # MADV_COLD, MADV_PAGEOUT, MADV_DONTNEED
        libc.madvise(ctypes.c_void_p(at), ctypes.c_size_t(size), advice)
    libc.posix_fadvise(fd, ctypes.c_long(0), ctypes.c_long(0), 4)
    worked(lambda: os.preadv(fd, [bytearray(size)], 0, 0x80))  # RWF_DONTCACHE
    time.sleep(0.01)
""",
        ("ok", "crash"),
        beside=evicted,
    ),
    Program(
        "a message in the hints of a file",
        """
fd = os.open(inputs / "data", os.O_RDONLY)
found = []
worked(lambda: found.append(any(fcntl.fcntl(fd, 1035, bytes(8)))))  # F_GET_RW_HINT
for command in (1036, 1038):
    worked(lambda: fcntl.fcntl(fd, command, struct.pack("Q", 4)))
return p["run"] and any(found)
""",
        runs=2,
    ),
    Program(
        "a message in the times of files",
        """
folders = "lib2to3/pgen2 idlelib distutils/command curses xmlrpc wsgiref msilib dbm unittest".split()
files = sorted(f for d in folders for f in glob.glob(f"{os.path.dirname(os.__file__)}/{d}/*.py"))
about = [(f, os.stat(f)) for f in files]
told = [n for n, (_, a) in enumerate(about) if time.time() - a.st_atime < 60]
old = [n for n, (_, a) in enumerate(about) if time.time() - a.st_atime > 86400 or a.st_atime <= a.st_mtime]
if p["run"] == 0:
    told = old[:7]
    for n in told:
        open(files[n]).read()
os.write(1, json.dumps(told).encode())
""",
        runs=2,
        judge=read_before,
        levels=("S3",),
    ),
    Program(
        "a message in an object of the kernel",
        """
key = 0x6E6C7431
made = [call(29, 194, key, 4096, 0o1666), call(68, 186, key, 0o1666), call(64, 190, key, 1, 0o1666)]
queue = libc.syscall(240 if X86 else 180, b"nightlab-hostile-trace", os.O_CREAT | os.O_RDWR, 0o666, None)
return any(made) or queue >= 0 or call(248, 217, b"user", b"trace", b"x", 1, -5)
""",
        runs=2,
    ),
    Program(
        "which run it is, from the process",
        """
told = os.getpid(), os.getppid(), len(sys.modules), list(sys.modules)[-3:]
os.write(1, f"<{told}>".encode())
""",
        runs=6,
        cold=(1, 3, 5),
        judge=alike("<(.*)>", (1, 3, 5)),
        levels=("S3",),
    ),
    Program(
        "which run it is, from its folders",
        """
places = {k: v for k, v in os.environ.items() if k != "_"} | {"here": os.getcwd(), "out": str(out)}
os.write(1, f"<{sorted(places.items())} {sys.argv} {sorted(sys.path)} {sorted(os.listdir('..'))}>".encode())
""",
        runs=4,
        cold=(1, 3),
        judge=alike("<(.*)>", (1, 3)),
        levels=("S3",),
    ),
]
