"""Where memory, processor time and processes may hide from those who count them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nightlab.experiments.records import RunOutcome
from tests.hostile.programs.program import Program

BESIDE = "raw(56, 220, 0x8011, 0, 0, 0, 0)"  # clone with CLONE_PARENT: a child of the parent


def used(seconds: float) -> Callable[[Sequence[RunOutcome]], str]:
    """That the processor time was told."""

    def look(outcomes: Sequence[RunOutcome]) -> str:
        told = outcomes[0].cpu_s
        return "" if told >= seconds else f"{told:.2f} s of processor time were told, {seconds} s at least were used"

    return look


FAMILIES = [
    Program("a child beside its parent", f"if {BESIDE} == 0:\n    os._exit(0)", runs=3),
    Program(
        "forty children beside their parent",
        f"""
for _ in range(40):
    if {BESIDE} == 0:
        time.sleep(60)
time.sleep(0.2)
""",
    ),
    Program(
        "memory beside the parent",
        f"""
if {BESIDE} == 0:
    hoard = bytearray(os.urandom(1 << 20) * 600)
    (out / "held").write_text("x")
    time.sleep(60)
time.sleep(1)
return (out / "held").exists()
""",
    ),
    Program(
        "a child beside its parent that is waited for",
        "if raw(56, 220, 0x8000 | 0x4000 | 17, 0, 0, 0, 0) == 0:\n    os._exit(0)",  # with CLONE_VFORK
        runs=2,
    ),
    Program(
        "children whose end tells nobody",
        """
for number in (0, signal.SIGUSR1):
    if raw(56, 220, number, 0, 0, 0, 0) == 0:
        os.setsid()
        time.sleep(60)
time.sleep(0.1)
""",
        runs=2,
    ),
]

MEMORY = [
    Program(
        "shared pages that no process maps",
        """
memory = mmap.mmap(-1, 560 << 20)
libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
block = os.urandom(16 << 20)
for at in range(0, 560 << 20, len(block)):
    memory[at : at + len(block)] = block
    libc.madvise(start + at, len(block), 4)  # MADV_DONTNEED: they stay, and are in no process's count
return hold(memory[:100] == block[:100])
""",
        ("memory", "crash"),
    ),
    Program(
        "memory in sockets",
        """
def fill(write):
    held, pairs = 0, []
    try:
        while held < 120 << 20:
            pairs.append(socket.socketpair())
            for one in pairs[-1]:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
                one.setblocking(False)
                try:
                    while True:
                        held += one.send(bytes(65536))
                except BlockingIOError:
                    pass
    except OSError:
        pass
    os.write(write, struct.pack("q", held))
    time.sleep(60)
read, write = os.pipe()
for _ in range(6):
    if os.fork() == 0:
        fill(write)
return hold(sum(struct.unpack("q", os.read(read, 8))[0] for _ in range(6)) > 600 << 20)
""",
        ("ok", "memory", "crash"),
    ),
    Program(
        "memory in pipes",
        """
def fill(write):
    held, pipes = 0, []
    try:
        while True:
            pipes.append(os.pipe())
            os.set_blocking(pipes[-1][1], False)
            try:
                while True:
                    held += os.write(pipes[-1][1], bytes(65536))
            except BlockingIOError:
                pass
    except OSError:
        pass
    os.write(write, struct.pack("q", held))
    time.sleep(60)
read, write = os.pipe()
for _ in range(24):
    if os.fork() == 0:
        fill(write)
return hold(sum(struct.unpack("q", os.read(read, 8))[0] for _ in range(24)) > 600 << 20)
""",
        ("ok", "memory", "crash"),
    ),
    Program(
        "memory of processes that cannot be looked into",
        """
libc.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE
for _ in range(3):
    if os.fork() == 0:
        hoard = bytearray(os.urandom(1 << 20) * 200)
        time.sleep(60)
time.sleep(60)
""",
        ("memory",),
    ),
    Program(
        "memory behind a first thread that has ended",
        """
def later():
    time.sleep(0.1)
    hoard = bytearray(os.urandom(1 << 20)) * 600
    time.sleep(60)
threading.Thread(target=later).start()
libc.syscall(60 if X86 else 93, 0)
""",
        ("memory",),
    ),
    Program(
        "memory of a program that cannot be read",
        """
import shutil
copy = os.environ["TMPDIR"] + "/held"
shutil.copy(os.path.realpath(sys.executable), copy)
os.chmod(copy, 0o111)
code = "import time; hoard = bytearray(b'x' * (1 << 20)) * 250; time.sleep(60)"
kept = {"PYTHONHOME": sys.base_prefix, "LD_LIBRARY_PATH": sys.base_prefix + "/lib"}
for _ in range(2):
    subprocess.Popen([copy, "-S", "-c", code], env=os.environ | kept)
time.sleep(60)
""",
        ("memory", "crash"),
    ),
    Program(
        "children that are large for a moment",
        """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(6):
    if os.fork() == 0:
        mmap.mmap(-1, 600 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x8000)  # MAP_POPULATE
        time.sleep(1)
        os._exit(0)
    time.sleep(1.2)
return True
""",
        ("memory",),
    ),
    Program(
        "who is ended when memory is short",
        """
worked(lambda: open("/proc/self/oom_score_adj", "w").write("0"))
return int(open("/proc/self/oom_score_adj").read()) < 1000
""",
    ),
]

TIME = [
    Program(
        "processor time of children that nobody waits for",
        """
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
for _ in range(4):
    read, write = os.pipe()
    if os.fork() == 0:
        while time.process_time() < 0.2:
            pass
        os._exit(0)
    os.close(write)
    os.read(read, 1)  # it has ended
""",
        judge=used(0.2),
    ),
    Program(
        "processor time of orphans",
        """
for _ in range(2):
    read, write = os.pipe()
    if os.fork() == 0:
        if os.fork() == 0:
            while time.process_time() < 0.2:
                pass
        os._exit(0)
    os.wait()
    os.close(write)
    os.read(read, 1)
""",
        judge=used(0.2),
        root_only=True,
    ),
]

NAMES = [
    Program("a name that reads as a size", 'libc.prctl(15, b"x kB", 0, 0, 0)', runs=2),
    Program(
        "a mapped file whose name has breaks",
        r"""
name = "a\x0cz-z w s 0 1:z 5 x\x1cb"
fd = os.open(name, os.O_RDWR | os.O_CREAT)
os.ftruncate(fd, 4096)
held = [mmap.mmap(fd, 4096), mmap.mmap(-1, 330 << 20)]
time.sleep(0.5)
""",
        ("ok", "memory"),
    ),
    Program(
        "unlinked files whose names have breaks",
        r"""
held = []
for n in range(12):
    name = f"{n}\x0cb"
    fd = os.open(name, os.O_RDWR | os.O_CREAT)
    for _ in range(50):
        os.write(fd, bytes(1 << 20))
    held.append(mmap.mmap(fd, 50 << 20))
    os.close(fd)
    os.unlink(name)
return hold(True)
""",
        ("crash",),
    ),
]

HIDEOUTS = FAMILIES + MEMORY + TIME + NAMES
