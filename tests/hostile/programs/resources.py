"""Limits: memory, processor time, files, output, descriptors."""

from __future__ import annotations

from tests.hostile.programs.program import Program

RESOURCES = [
    Program("memory", "hoard = []\nwhile True:\n    hoard.append(bytearray(16 << 20))", ("memory",)),
    Program(
        "memory of children",
        """
for _ in range(6):
    if os.fork() == 0:
        hoard = bytearray(os.urandom(1 << 20) * 90)
        time.sleep(60)
time.sleep(60)
""",
        ("memory",),
    ),
    Program("a huge reservation", "import numpy\nnumpy.ones(10**11)", ("memory",)),
    Program(
        "memory without a process",
        """
def take():
    if libc.memfd_create(b"x", 0) >= 0 or call(29, 194, 0, 1 << 28, 0o1666):
        return True
    return False
return take()
""",
    ),
    Program(
        "shared memory",
        'return worked(lambda: [open("/dev/shm/x", "ab").write(bytes(1 << 20)) for _ in range(2000)])',
        ("ok", "crash", "memory"),
    ),
    Program(
        "scratch files",
        'return worked(lambda: [open(os.environ["TMPDIR"] + "/x", "ab").write(bytes(1 << 20)) for _ in range(2000)])',
        ("ok", "crash"),
    ),
    Program(
        "a few huge files",
        """
n = 0
while n < 100:
    with open(out / f"{n}", "wb") as file:
        worked(lambda: [file.write(bytes(1 << 20)) for _ in range(100)])
    n += 1
""",
        ("ok", "crash", "invalid"),
    ),
    Program(
        "many files",
        'def make():\n    for n in range(100000):\n        (out / f"{n}").touch()\nreturn worked(make)',
        ("crash", "invalid", "ok"),
    ),
    Program(
        "a file with a hole",
        'with open(out / "hole", "wb") as file:\n    worked(lambda: file.truncate(400 << 20))',
        ("ok", "invalid"),
    ),
    Program(
        "a flood of output",
        'block = b"x" * (1 << 20)\nfor _ in range(300):\n    os.write(1, block); os.write(2, block[:1000])',
    ),
    Program("one endless line", 'while True:\n    os.write(1, b"y" * 65536)', ("timeout",)),
    Program("processor time", "while True:\n    pass", ("timeout",)),
    Program("sleep", "time.sleep(3600)", ("timeout",)),
    Program(
        "deaf to signals",
        """
for n in range(1, 65):
    try:
        signal.signal(n, signal.SIG_IGN)
    except (OSError, ValueError):
        pass
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
while True:
    time.sleep(1)
""",
        ("timeout",),
    ),
    Program("descriptors", "fds = []\nwhile len(fds) < 100000:\n    fds.append(os.pipe())", ("crash",)),
    Program("core dump", "resource.setrlimit(resource.RLIMIT_CORE, (10**9, 10**9))", ("crash",)),
    Program(
        "raising its limits",
        """
names = "CPU NPROC FSIZE AS".split()
kinds = [getattr(resource, "RLIMIT_" + name) for name in names]
hard = {kind: resource.getrlimit(kind)[1] for kind in kinds}  # processor time is watched, without a limit here
return any(worked(lambda: resource.setrlimit(kind, (most * 2,) * 2)) for kind, most in hard.items() if most > 0)
""",
    ),
]
