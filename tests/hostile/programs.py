"""Badly behaved experiments: each a small program, and how it must end.

A program is the body of `attack(p, inputs, out)`, which returns whether it got what it must not get. `p` tells where
the prey is: private file, evaluator, ledger, home, a file to spoil, ports and sockets that listen, a process to end.
Beyond its own verdict, the driver checks after each program that nothing outside has changed, that no listener was
reached, that the secret has not come out, and that no process is left.
"""

from __future__ import annotations

from dataclasses import dataclass

PRELUDE = '''
import array, ctypes, errno, fcntl, glob, json, mmap, os, resource, signal, socket, struct, subprocess, sys, threading
import time
from pathlib import Path

libc = ctypes.CDLL(None, use_errno=True)
X86 = os.uname().machine == "x86_64"
SECRET = "hunter2-private-label"


def worked(action):
    """Whether an action is possible."""
    try:
        return action() is not False
    except (OSError, ValueError, subprocess.SubprocessError):
        return False


def reads(path):
    return worked(lambda: SECRET.encode() in open(path, "rb").read(1 << 20))


def call(x86, arm, *arguments):
    """Whether a raw system call succeeds."""
    return libc.syscall(x86 if X86 else arm, *arguments) >= 0


def refused(x86, arm, *arguments):
    """Whether a raw system call is refused as such, and not for its arguments."""
    failed = libc.syscall(x86 if X86 else arm, *arguments) < 0
    return failed and ctypes.get_errno() in (errno.EPERM, errno.ENOSYS, errno.EACCES)


def last(action):
    """The very last thing that the experiment does."""
    write = Path.write_text
    Path.write_text = lambda path, text: (write(path, text), action())


def background(action):
    """In a daemon: two forks and a session of its own."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            action()
        os._exit(0)
    os.wait()
'''


@dataclass(frozen=True)
class Program:
    """statuses: how it may end. runs: how often it is run, in the same warm process. wall: what it must have taken."""

    name: str
    attack: str
    statuses: tuple[str, ...] = ("ok",)
    runs: int = 1
    wall: float = 0.0

    @property
    def source(self) -> str:
        body = "\n    ".join(self.attack.strip().splitlines())
        score = 'Path(out, "score").write_text(str(int(bool(attack(params, inputs, out)))))'
        run = f"def run(params, inputs, out, seed):\n    {score}\n"
        return f"{PRELUDE}\n\ndef attack(p, inputs, out):\n    {body}\n\n\n{run}"


READING = [
    Program("private file", 'return reads(p["secret"])'),
    Program("private file by way of ..", 'return reads("../" * 30 + p["secret"].lstrip("/"))'),
    Program("evaluator", 'return worked(lambda: open(p["evaluator"]).read())'),
    Program("ledger", 'return worked(lambda: open(p["ledger"]).read())'),
    Program("home", 'return reads(p["home"])'),
    Program("passwords", 'return worked(lambda: open("/etc/shadow").read())'),
    Program("own environment", "return any(SECRET in value for value in os.environ.values())"),
    Program("environments", 'return any(reads(path) for path in glob.glob("/proc/[0-9]*/environ"))'),
    Program("command lines", 'return any(reads(path) for path in glob.glob("/proc/[0-9]*/cmdline"))'),
    Program(
        "roots of processes",
        """
names = [p["pid"], p["victim"], 1, "self", "thread-self"]
return any(reads(f"/proc/{name}/{part}{p['secret']}") for name in names for part in ("root", "cwd/../../../../.."))
""",
    ),
    Program(
        "memory of the parent",
        """
def copy():
    return os.pread(os.open(f"/proc/{p['pid']}/mem", os.O_RDONLY), 1, 0x400000)
buffer = ctypes.create_string_buffer(8)
vector = struct.pack("QQ", ctypes.addressof(buffer), 8)
return worked(copy) or call(310, 270, int(p["pid"]), vector, 1, vector, 1, 0)
""",
    ),
    Program("debugging the parent", 'return call(101, 117, 16, int(p["pid"]), 0, 0)'),
    Program(
        "files of the parent",
        'return call(438, 438, os.open(".", os.O_RDONLY), 0, 0) or call(312, 272, int(p["pid"]), os.getpid(), 0, 0, 0)',
    ),
    Program(
        "inherited descriptors",
        """
found = []
for fd in range(3, 256):
    try:
        found.append((fd, os.fstat(fd).st_mode >> 12))
    except OSError:
        pass
return [f for f in found if f[1] not in (1,) or f[0] > 3]  # its report is a pipe
""",
    ),
    Program(
        "searching everywhere",
        """
for folder, folders, names in os.walk("/"):
    folders[:] = [name for name in folders if (folder, name) not in (("/", "proc"), ("/", "usr"), ("/", "sys"))]
    folders[:] = [name for name in folders if name not in ("lib", "site-packages")]
    if any(reads(os.path.join(folder, name)) for name in names if name.endswith(".prey")):
        return True
""",
    ),
    Program(
        "symbolic link",
        'os.symlink(p["secret"], out / "link")\nfound = reads(out / "link")\n(out / "link").unlink()\nreturn found',
    ),
    Program("hard link", 'return worked(lambda: os.link(p["secret"], out / "copy"))'),
    Program(
        "file handle",
        """
handle = struct.pack("Ii", 128, 0) + bytes(128)
mount = struct.pack("i", 0)
return call(303, 264, -100, b"/", handle, mount, 0) or call(304, 265, -100, handle, 0)
""",
    ),
    Program(
        "labels in a package",
        """
import importlib.util
folder = Path(importlib.util.find_spec("sklearn").origin).parent / "datasets" / "data"
return worked(lambda: (folder / "digits.csv.gz").read_bytes())
""",
    ),
    Program(
        "nightlab itself",
        "try:\n    import nightlab.experiments.records\nexcept (ImportError, OSError):\n    return False\nreturn True",
    ),
    Program(
        "other runs",
        """
own = os.path.dirname(os.getcwd())
return [f for f in glob.glob(p["scratch"] + "/*/*/*/*") if not f.startswith(own)]
""",
    ),
    Program(
        "kernel log and keys",
        'return call(103, 116, 3, ctypes.create_string_buffer(64), 64) or call(248, 217, b"user", b"x", b"y", 1, -3)',
    ),
]

WRITING = [
    Program("overwriting a file", 'return worked(lambda: open(p["target"], "w").write("spoilt"))'),
    Program(
        "truncating a file",
        """
worked(lambda: os.truncate(p["target"], 0))
return worked(lambda: os.open(p["target"], os.O_RDONLY | os.O_TRUNC))
""",
    ),
    Program(
        "removing and renaming",
        'return worked(lambda: os.unlink(p["target"])) or worked(lambda: os.rename(p["target"], p["target"] + "2"))',
    ),
    Program(
        "modes and times",
        """
worked(lambda: os.chmod(p["target"], 0))
worked(lambda: os.utime(p["target"], (1, 1)))
worked(lambda: os.chown(p["target"], os.getuid(), -1))
worked(lambda: os.setxattr(p["target"], "user.x", b"y"))
""",
    ),
    Program(
        "a new file beside the private ones", 'return worked(lambda: open(os.path.dirname(p["secret"]) + "/new", "w"))'
    ),
    Program(
        "the evaluator's code", 'return worked(lambda: open(p["evaluator"], "w").write("def evaluate(*_): return {}"))'
    ),
    Program("the ledger's content", 'return worked(lambda: open(p["ledger"], "a").write("x"))'),
    Program(
        "the inputs",
        'return worked(lambda: open(inputs / "data", "w").write("x")) or worked(lambda: open(inputs / "new", "w"))',
    ),
    Program(
        "packages",
        """
import numpy
return worked(lambda: open(os.path.dirname(numpy.__file__) + "/x.py", "w")) or worked(lambda: open(numpy.__file__, "a"))
""",
    ),
    Program(
        "the interpreter",
        'return worked(lambda: open(sys.executable, "r+b")) or worked(lambda: open(os.__file__, "a"))',
    ),
    Program(
        "system folders",
        """
folders = "/ /etc /usr /usr/lib /dev /var /lab /root /home /proc /run /opt /srv /sys".split()
return any(worked(lambda: open(f"{folder}/nightlab-hostile", "w")) for folder in folders)
""",
    ),
    Program(
        "kernel settings",
        """
names = "sys/kernel/core_pattern sysrq-trigger sys/vm/overcommit_memory sys/kernel/pid_max".split()
return any(worked(lambda: open(f"/proc/{name}", "r+b")) for name in names)
""",
    ),
    Program(
        "the parent's chance to survive",
        'return worked(lambda: open(f"/proc/{p[\'pid\']}/oom_score_adj", "w").write("1000"))',
    ),
    Program(
        "device files",
        """
disk = worked(lambda: os.mknod("disk", 0o60666, os.makedev(254, 0)))
return disk or worked(lambda: os.mknod("mem", 0o20666, os.makedev(1, 1)))
""",
    ),
    Program(
        "disks",
        """
paths = "/dev/vda /dev/sda /dev/nvme0n1 /dev/mem /dev/kmsg".split()
return any(worked(lambda: open(path, "rb").read(512)) for path in paths)
""",
    ),
]

NETWORK = [
    Program("loopback", 'return worked(lambda: socket.create_connection(("127.0.0.1", int(p["tcp"])), 1))'),
    Program("loopback, IPv6", 'return worked(lambda: socket.create_connection(("::1", int(p["tcp"])), 1))'),
    Program(
        "datagrams",
        """
worked(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("127.0.0.1", int(p["udp"]))))
return False  # into a network of its own it may be sent; the prey says whether it has come
""",
    ),
    Program("the internet", 's = socket.socket\nreturn worked(lambda: s().connect(("1.1.1.1", 53)))'),
    Program("names", 'try:\n    return socket.getaddrinfo("example.org", 80)\nexcept OSError:\n    return False'),
    Program(
        "a server",
        """
s = socket.socket
def serve():
    with s() as one:
        one.bind(("0.0.0.0", 0)); one.listen()
        socket.create_connection(("127.0.0.1", one.getsockname()[1]), 1)
return worked(serve) and worked(lambda: socket.create_connection(("127.0.0.1", int(p["tcp"])), 1))
""",
    ),
    Program(
        "abstract socket", 's = socket.socket\nreturn worked(lambda: s(socket.AF_UNIX).connect("\\0" + p["abstract"]))'
    ),
    Program("named socket", 's = socket.socket\nreturn worked(lambda: s(socket.AF_UNIX).connect(p["socket"]))'),
    Program(
        "odd families",
        """
s = socket.socket
return any(worked(lambda: s(family, kind)) for family, kind in ((16, 3), (17, 3), (38, 5), (40, 1), (2, 3), (15, 3)))
""",
    ),
]

PROCESSES = [
    Program(
        "ending others",
        'return any(worked(lambda: os.kill(int(p[name]), signal.SIGKILL)) for name in ("victim", "pid"))',
    ),
    Program("ending the parent", "return worked(lambda: os.kill(os.getppid() or 10**6, signal.SIGKILL))"),
    Program(
        "ending all",
        "worked(lambda: os.kill(-1, signal.SIGKILL))\nworked(lambda: os.killpg(0, signal.SIGTERM))",
        ("ok", "crash", "invalid"),
    ),
    Program(
        "ending by a signal of input",
        """
read, write = os.pipe()
def arrange():
    fcntl.fcntl(read, fcntl.F_SETOWN, int(p["victim"]))
    fcntl.fcntl(read, 10, signal.SIGKILL)  # F_SETSIG
    fcntl.fcntl(read, fcntl.F_SETFL, fcntl.fcntl(read, fcntl.F_GETFL) | os.O_ASYNC)
    os.write(write, b"x")
worked(arrange)
""",
    ),
    Program(
        "limits of others",
        """
ended = worked(lambda: resource.prlimit(int(p["victim"]), resource.RLIMIT_CPU, (0, 0)))
return ended or worked(lambda: resource.prlimit(int(p["pid"]), resource.RLIMIT_NOFILE, (1, 1)))
""",
    ),
    Program(
        "priority of others",
        """
moved = worked(lambda: os.sched_setaffinity(int(p["victim"]), {0}))
return moved or worked(lambda: os.setpriority(os.PRIO_PROCESS, int(p["victim"]), 19))
""",
    ),
    Program("daemon", "background(lambda: time.sleep(60))"),
    Program(
        "daemon that ignores signals",
        """
def stay():
    for n in range(1, 32):
        worked(lambda: signal.signal(n, signal.SIG_IGN))
    time.sleep(60)
background(stay)
""",
    ),
    Program(
        "daemon that changes results",
        """
def later():
    time.sleep(0.2)
    while True:
        Path(out, "score").write_text("1")
background(later)
time.sleep(0.05)
""",
        ("ok",),
    ),
    Program("grandchild that holds the output", 'subprocess.Popen(["sleep", "60"], start_new_session=True)'),
    Program(
        "hydra",
        """
def head():
    while True:
        if os.fork() == 0:
            os.setsid()
        time.sleep(0.01)
background(head)
time.sleep(0.3)
""",
        ("ok", "crash"),
    ),
    Program("fork bomb", "while True:\n    os.fork()", ("crash", "timeout", "memory", "ok", "invalid")),
    Program(
        "thread bomb",
        "while True:\n    threading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        ("crash", "timeout", "memory"),
    ),
    Program(
        "stopping itself",
        "os.kill(os.getpid(), signal.SIGSTOP)\nos.kill(0, signal.SIGSTOP)\ntime.sleep(60)",
        ("timeout",),
    ),
    Program(
        "no namespaces",
        """
clone3 = not refused(435, 435, struct.pack("11Q", 0x10000000, *[0] * 10), 88)
return clone3 or not refused(272, 97, 0x10000000) or not refused(56, 220, 0x10000011, 0, 0, 0, 0)
""",
    ),
    Program(
        "no mounts",
        """
calls = [(165, 40, b"none", b"/tmp", b"tmpfs", 0, 0), (165, 40, b"none", b"/", 0, 32 | 4096, 0), (161, 51, b"/tmp")]
calls += [(429, 429, 0, b"", 0, b"", 0), (428, 428, -100, b"/", 1), (166, 39, b"/proc", 2), (155, 41, b".", b".")]
return not all(refused(*arguments) for arguments in calls)
""",
    ),
    Program(
        "no kernel interfaces",
        """
calls = ((321, 280), (298, 241), (323, 282), (425, 425), (250, 219), (447, 447), (246, 104), (308, 268), (999, 999))
return not all(refused(*numbers, 0, 0, 0, 0, 0) for numbers in calls)
""",
    ),
    Program(
        "no rights",
        """
fields = dict(line.split(":", 1) for line in open("/proc/self/status")) if os.path.exists("/proc/self/status") else {}
allowed = 1 << 2  # reading what root may read, bounded by the sandbox
if any(int(fields.get(name, "0"), 16) & ~allowed for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")):
    return True
return fields and (fields["NoNewPrivs"].strip() != "1" or fields["Seccomp"].strip() != "2")
""",
    ),
    Program(
        "becoming root",
        """
became = worked(lambda: os.setuid(0)) or worked(lambda: os.setgid(0))
return became or subprocess.run(["su", "-c", "id"], stdin=subprocess.DEVNULL, capture_output=True).returncode == 0
""",
    ),
    Program(
        "keeping out of the watchdog's sight",
        "return libc.prctl(36, 1, 0, 0, 0) == 0 or libc.prctl(1, 0, 0, 0, 0) == 0",
    ),
    Program(
        "typing into a terminal",
        'return worked(lambda: fcntl.ioctl(0, 0x5412, b"x")) or worked(lambda: open("/dev/tty"))',
    ),
    Program(
        "calls of another architecture",
        """
if not X86:
    sys.exit(1)
page = mmap.mmap(-1, 4096, prot=7)
page.write(b"\\xb8\\x14\\x00\\x00\\x00\\xcd\\x80\\xc3")  # mov eax, 20; int 0x80; ret
ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
return True
""",
        ("crash",),
    ),
    Program("calls of the x32 table", "return X86 and libc.syscall(0x40000000 + 39) > 0"),
]

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
        ("ok", "crash", "timeout"),
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
        ("crash", "invalid", "ok", "timeout"),
    ),
    Program(
        "a file with a hole",
        'with open(out / "hole", "wb") as file:\n    worked(lambda: file.truncate(400 << 20))',
        ("invalid",),
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

ENDINGS = [
    Program("segmentation fault", "ctypes.string_at(8)", ("crash",)),
    Program("stack overflow", "sys.setrecursionlimit(10**9)\ndef f(x):\n    return [f(x)]\nf(1)", ("crash", "memory")),
    Program("abort", "os.abort()", ("crash",)),
    Program("leaving early", "os._exit(0)", ("invalid",)),
    Program("leaving with an error", "sys.exit(3)", ("crash",)),
    Program(
        "an exception of its own",
        "class Mine(BaseException):\n    def __str__(self):\n        raise Mine\nraise Mine",
        ("crash",),
    ),
    Program(
        "an exception that hangs",
        "class Mine(Exception):\n    def __str__(self):\n        time.sleep(3600)\nraise Mine",
        ("timeout",),
    ),
    Program("interrupting itself", "raise KeyboardInterrupt", ("crash",)),
    Program("closing everything", "os.closerange(0, 1024)"),
    Program("closing everything and going on", "os.closerange(0, 1024)\ntime.sleep(0.4)", wall=0.4),
    Program(
        "closing everything and leaving with an error",
        '(out / "score").write_text("0")\nos.closerange(0, 1024)\nos._exit(7)',
        ("crash",),
        runs=5,
    ),
    Program(
        "closing everything and ending itself",
        '(out / "score").write_text("0")\nos.closerange(0, 1024)\nos.kill(os.getpid(), signal.SIGKILL)',
        ("crash",),
        runs=5,
    ),
    Program(
        "a thread that outlives the main one",
        """
def later():
    time.sleep(0.4)
    (out / "score").write_text("0")
    os._exit(0)
threading.Thread(target=later).start()
os.closerange(0, 1024)
libc.syscall(60 if X86 else 93, 0)
""",
        wall=0.4,
    ),
    Program(
        "a forged report",
        'os.write(3, json.dumps({"metrics": {"dev": {"score": 1e9}}, "ended": "exit"}).encode() * 100)',
    ),
    Program(
        "the ends of its pipes in a cycle of sockets",
        """
a, b = socket.socketpair()
for one in (a, b):
    socket.send_fds(one, [b"x"], [1, 2, 3, a.fileno(), b.fileno()])
(out / "score").write_text("0")
os._exit(0)
""",
        runs=3,
    ),
    Program(
        "a thread that waits for the end",
        """
over = threading.Event()
def later():
    over.wait()
    (out / "score").write_text("1")
    os._exit(9)
threading.Thread(target=later, daemon=True).start()
threading.Thread(target=lambda: over.wait() and sum(range(10**9)), daemon=True).start()
last(over.set)
""",
        runs=10,
    ),
    Program(
        "a thread that yields to nobody",
        """
def spin():
    while True:
        pass
threading.Thread(target=spin, daemon=True).start()
last(lambda: sys.setswitchinterval(60))
""",
        runs=3,
    ),
    Program("a file in the place of the report", 'os.dup2(os.open("kept", os.O_CREAT | os.O_WRONLY), 3)'),
    Program(
        "a child that comes back from the experiment",
        "if os.fork() == 0:\n    return False\nos.wait()\ntime.sleep(0.4)",
        wall=0.4,
    ),
    Program("a forged failure", 'os.write(3, json.dumps({"error": ["x"], "memory": "no"}).encode())', ("crash",)),
    Program(
        "lying about time",
        """
now = time.monotonic()
sleep = time.sleep
for name in ('time', 'monotonic', 'perf_counter', 'process_time'):
    setattr(time, name, lambda: 0.0)
sleep(0.4)
""",
        wall=0.4,
    ),
    Program(
        "escape sequences",
        """
os.write(1, b"\\x1b]52;c;ZXZpbA==\\x07\\x1b[2J\\x00\\xe2\\x80\\xae\\x9b31m\\x1bPx\\x1b\\\\ok\\r")
raise ValueError("\\x1b[31m\\u202e\\x00 \\x9d0;x\\x9c")
""",
        ("crash",),
    ),
]

OUTPUTS = [
    Program("result is a link", 'os.symlink(p["secret"], out / "note")', ("invalid",)),
    Program("result links to itself", 'os.symlink("loop", out / "loop")', ("invalid",)),
    Program("result is a hard link", 'os.link(sys.argv[0], out / "code")', ("invalid",)),
    Program("result is a pipe", 'os.mkfifo(out / "pipe")', ("invalid", "ok")),
    Program(
        "result is a socket",
        """
s = socket.socket
try:
    s(socket.AF_UNIX).bind(str(out / "socket"))
except OSError:
    (out / "a b").mkdir(); (out / "a b" / "c d").symlink_to("/")
""",
        ("invalid",),
    ),
    Program("the folder is a link", 'os.rename(out, str(out) + "2")\nos.symlink("/", out)', ("crash", "invalid")),
    Program("the folder is gone", 'os.rename(out, str(out) + "2")', ("crash", "invalid")),
    Program("the folder is a file", 'os.rename(out, str(out) + "2")\nout.write_text("x")', ("crash", "invalid")),
    Program(
        "closed files",
        'path = out / "closed"\npath.mkdir()\n(path / "x").write_text("x")\npath.chmod(0)',
        ("ok", "invalid"),
    ),
    Program("deep folders", 'path = out\nfor n in range(40):\n    path = path / "d"\n    path.mkdir()', ("invalid",)),
    Program(
        "names of files",
        """
for name in ("a\\nb", "\\x1b[31m", "-rf", "\\u202egpj.exe", ".hidden", "x" * 250):
    (out / name).write_text("x")
""",
        ("invalid",),
    ),
    Program(
        "modules for the evaluator",
        """
for name in ("json", "numpy", "evaluate", "sitecustomize", "usercustomize", "pathlib"):
    (out / f"{name}.py").write_text("raise SystemExit(0)")
""",
    ),
    Program(
        "pickle",
        """
import pickle
class Evil:
    def __reduce__(self):
        return (os.system, ("touch /tmp/nightlab-hostile-pickle",))
import numpy
numpy.save(out / "data.npy", numpy.array([Evil()], dtype=object), allow_pickle=True)
""",
        ("invalid",),
    ),
    Program(
        "an array that claims too much",
        """
head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }"
head += b" " * (117 - len(head)) + b"\\n"
(out / "data.npy").write_bytes(b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(head)) + head)
""",
        ("invalid",),
    ),
    Program("no number", '(out / "raw").write_text("nan")', ("invalid",)),
    Program("infinity", '(out / "raw").write_text("inf")', ("invalid",)),
    Program("a word", '(out / "raw").write_text("1.0; import os")', ("invalid",)),
]

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
]

ALL = READING + WRITING + NETWORK + PROCESSES + RESOURCES + ENDINGS + OUTPUTS + LEFT_BEHIND
