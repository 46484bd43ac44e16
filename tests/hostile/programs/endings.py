"""How a run may end: each way is told as what it is, and no way hides what went on."""

from __future__ import annotations

from tests.hostile.programs.program import Program

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
        ("ok", "crash"),
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
    Program(
        "the last word, and then a fault",
        """
frame, word = sys._getframe(), None
while frame:
    word = frame.f_locals.get("word") or word
    frame = frame.f_back
(out / "score").write_text("0")
if isinstance(word, bytes):
    os.write(3, word)
os.kill(os.getpid(), signal.SIGSEGV)
""",
        ("ok", "crash"),
        runs=3,
    ),
    Program("a flood of reports", 'block = b"{" * 65536\nfor _ in range(2000):\n    os.write(3, block)', runs=2),
    Program(
        "a metric that is printed",
        """
os.write(1, b"score: 0.5\\nscore = 1e400\\nscore: nan\\nscore: 0x0\\nscore: 0_0\\n")
os.write(3, b"score: 0\\n" + json.dumps({"metrics": {"dev": {"score": 5}}, "stdout": "score: 5"}).encode())
""",
    ),
    Program(
        "texts with paths of the machine",
        'raise RuntimeError(open("/proc/self/mountinfo").read() if os.path.exists("/proc/self/mountinfo") else "")',
        ("crash",),
        judge=lambda outcomes: "a path outside came out" if "/scratch/runner-" in outcomes[0].error else "",
    ),
    Program("a private word in the evaluator's error", '(out / "told").write_text("x")', ("invalid",)),
]
