"""What a run must not do to processes, and rights that it must not get."""

from __future__ import annotations

from tests.hostile.programs.program import Program

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
    time.sleep(3)  # when the run has long been over
    while True:
        Path(out, "score").write_text("1")
background(later)
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
        ("ok", "crash", "memory"),
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
    Program(
        "process 1",
        """
names = "fd environ mem root cwd ns/mnt maps map_files".split()
opened = [name for name in names if worked(lambda: os.listdir(f"/proc/1/{name}") and None)]
opened += [name for name in names if worked(lambda: open(f"/proc/1/{name}").read(1))]
for number in (9, 19, 15, 11):
    libc.kill(1, number)
return opened
""",
        runs=2,
    ),
    Program(
        "a filter with a listener",
        """
code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7FFF0000))
filters = struct.pack("HxxxxxxQ", 1, ctypes.addressof(code))
for flags in (8, 16):
    libc.syscall(317 if X86 else 277, 1, flags, filters)
""",
        runs=2,
    ),
    Program(
        "programs that change their user",
        """
import shutil
def becomes_root(place):
    copy = f"{place}/id"
    shutil.copy("/usr/bin/id", copy)
    os.chmod(copy, 0o6755)
    told = subprocess.run([copy, "-u"], capture_output=True, text=True).stdout.strip()
    os.unlink(copy)
    return told == "0"
return any(worked(lambda: becomes_root(place)) for place in (os.environ["TMPDIR"], out, "/dev/shm"))
""",
    ),
    Program(
        "writing to all that it has inherited",
        """
for fd in range(3, 64):
    worked(lambda: os.write(fd, bytes(8)))
    worked(lambda: socket.socket(fileno=os.dup(fd)).shutdown(2))
""",
        runs=2,
    ),
    Program(
        "a user namespace by clone",
        """
flags = 0x10000000, 0x20000000, 0x00020000, 0x40000000, 0x08000000
made = [flag for flag in flags if (pid := raw(56, 220, flag | 17, 0, 0, 0, 0)) == 0 and os._exit(0) or pid > 0]
return made
""",
    ),
]
