"""Candidates that behave badly, by what they try."""

from __future__ import annotations

from tests.hostile.calls.program import Program

_IN_CALL = ("call 1, work()",)

TIME = [
    Program(
        "lies about time",
        "time.monotonic = time.perf_counter = time.time = lambda: 0.0\nrest(0.03)",
        wants=lambda m: m["least"] >= 0.03,
        head="rest = time.sleep",
    ),
    Program(
        "sets the clock of its caller",
        """
import gc
for found in gc.get_objects():
    if type(found).__name__ in ("Answering", "Channel", "Candidate"):
        for name in ("seconds", "spent", "_left", "limit_s"):
            try:
                setattr(found, name, 0.0)
            except Exception:
                pass
time.sleep(0.03)
""",
        wants=lambda m: m["least"] >= 0.03 and m["spent"] >= 0.12,
    ),
    Program(
        "works on between the calls",
        "sum(range(1000))",
        head="""
def prepare(params, inputs, out):
    def go_on():
        while True:
            STATE["more"] = STATE.get("more", 0) + 1
            time.sleep(0.001)
    threading.Thread(target=go_on, daemon=True).start()
""",
    ),
    Program("blocks", "time.sleep(60)", "timeout", (*_IN_CALL, "no answer", "run.timeout_s")),
    Program("spins with the lock held", "while True: pass", "timeout", _IN_CALL),
    Program(
        "blocks in its preparation",
        "pass",
        "timeout",
        ("before call 1, work(), in its preparation", "run.timeout_s"),
        head="def prepare(params, inputs, out):\n    time.sleep(60)",
    ),
    Program("blocks in the middle", "time.sleep(60 * (n == 2))", "timeout", ("call 3, work()",)),
    Program("answers late", "time.sleep(2.5)", "timeout", _IN_CALL),
    Program("stops itself", "os.kill(os.getpid(), signal.SIGSTOP)", "timeout", _IN_CALL),
    Program(
        "answers a byte at a time",
        "for byte in frame(['answer', nonce(), x + 1]):\n    say(bytes([byte])); time.sleep(0.2)",
        "timeout",
        _IN_CALL,
    ),
    Program("closes the line", "os.close(LINE)\ntime.sleep(60)", "timeout", _IN_CALL),
    Program(
        "puts another line in the place",
        "STATE['ends'] = socket.socketpair()\nos.dup2(STATE['ends'][0].fileno(), LINE)",
        "timeout",
        _IN_CALL,
    ),
]

ANSWERS = [
    Program("returns an object", "return object()", "invalid", (*_IN_CALL, "object is no plain data")),
    Program("returns a function", "return lambda: 1", "invalid", (*_IN_CALL, "no plain data")),
    Program("returns a text", "return 'x'", "invalid", (*_IN_CALL, "'x'", "a whole number was wanted")),
    Program("returns true", "return True", "invalid", (*_IN_CALL, "a whole number was wanted")),
    Program("returns NaN", "return float('nan')", "invalid", (*_IN_CALL, "no finite number")),
    Program("says infinity", 'say(frame(b\'["answer", "%s", 1e999]\' % nonce().encode()))\ntime.sleep(9)', "invalid"),
    Program("returns what is huge", "return 'x' * (20 << 20)", "invalid", (*_IN_CALL, "larger")),
    Program("says that it is huge", "say(frame(b'', sizes=(1 << 31, 0, 1 << 62)))\ntime.sleep(9)", "invalid", _IN_CALL),
    Program(
        "returns what is nested",
        "deep = []\nfor _ in range(100000):\n    deep = [deep]\nreturn deep",
        "invalid",
        (*_IN_CALL, "nested too deep"),
    ),
    Program(
        "says what is nested", "say(frame(b'[' * 100000))\ntime.sleep(9)", "invalid", (*_IN_CALL, "nested too deep")
    ),
    Program("returns what holds itself", "loop = []\nloop.append(loop)\nreturn loop", "invalid", _IN_CALL),
    Program(
        "returns an array of objects", "import numpy\nreturn numpy.array([object()])", "invalid", ("no plain data",)
    ),
    Program(
        "says an array of 10^12 rows",
        "say(frame(['answer', nonce(), {'\\0array': 0}], b'[[\"<f8\", [1000000000000]]]', b'x' * 8))\ntime.sleep(9)",
        "invalid",
        (*_IN_CALL, "holds less"),
    ),
    Program(
        "says an array of objects",
        "say(frame(['answer', nonce(), {'\\0array': 0}], b'[[\"|O8\", [1]]]', b'x' * 8))\ntime.sleep(9)",
        "invalid",
        (*_IN_CALL, "holds an array of"),
    ),
    Program("says a number of 10^5 digits", "say(frame(b'[1' + b'0' * 100000 + b']'))\ntime.sleep(9)", "invalid"),
    Program("says a pickle", "import pickle\nsay(frame(pickle.dumps(os.system)))\ntime.sleep(9)", "invalid"),
    Program(
        "raises without a word", "class E(Exception):\n    def __str__(self): raise self\nraise E", "crash", _IN_CALL
    ),
    Program(
        "raises with marks", "raise ValueError('\\x1b[31m\\u202e' + 'x' * 100000)", "crash", (*_IN_CALL, "ValueError")
    ),
    Program("exits as if all were well", "sys.exit(0)", "crash", (*_IN_CALL, "SystemExit")),
    Program("has no such function", "pass", "crash", (*_IN_CALL, "no function 'work'"), head="@lambda f: None"),
]

CHANNEL = [
    Program(
        "speaks before it is asked",
        "pass",
        "invalid",
        ("call 2, work()",),
        head="""
def prepare(params, inputs, out):
    threading.Timer(0.0, lambda: None)
    def speak():
        while STATE["n"] < 0: time.sleep(0.0005)
        time.sleep(0.003); say(frame(["answer", "0" * 16, 1]))
    threading.Thread(target=speak, daemon=True).start()
""",
    ),
    Program("writes what is no message", "say(os.urandom(64))\ntime.sleep(9)", "invalid", _IN_CALL),
    Program("answers twice", "say(frame(['answer', nonce(), x + 1]))", "invalid", ("call 2, work()",)),
    Program(
        "answers the next call beforehand",
        "say(frame(['answer', nonce(), x + 1]), frame(['answer', '0' * 16, 7]))\nos._exit(0)",
        "invalid",
        ("call 2, work()",),
    ),
    Program(
        "answers another call", "say(frame(['answer', 'f' * 16, x + 1]))\ntime.sleep(9)", "invalid", ("out of turn",)
    ),
    Program("says that it is ready again", "say(frame(['ready']))\ntime.sleep(9)", "invalid", ("out of turn",)),
    Program("floods the line", "while True: say(b'x' * 65536)", "invalid", _IN_CALL),
    Program("shuts the line", "socket.socket(fileno=LINE).shutdown(2)\ntime.sleep(9)", "crash", ("its process ended",)),
    Program(
        "patches its caller",
        """
import gc
json.dumps = json.loads = lambda *a, **k: 0
for found in gc.get_objects():
    if isinstance(found, dict) and "packed" in found:
        found["packed"] = lambda message: [b"x" * 64]
""",
        "crash",
        _IN_CALL,
    ),
    Program(
        "hands over descriptors",
        "end = socket.socket(fileno=LINE)\n"
        "refused(46, 211) or socket.send_fds(end, [frame(['answer', nonce(), x + 1])[:1]], [1, 2] * 8)\n"
        "if not refused(46, 211): say(frame(['answer', nonce(), x + 1])[1:]); os._exit(0)\nend.detach()",
        "crash",
        ("call 2, work(): its process ended",),
        levels=("S3",),
    ),
    Program(
        "says what looks like an array",
        "return {'\\0array': 0}",
        "invalid",
        (*_IN_CALL, "a whole number was wanted"),
    ),
]

PROCESSES = [
    Program("exits in the middle", "if n == 1: os._exit(3)", "crash", ("call 2, work()", "exit code 3")),
    Program("exits well in the middle", "if n == 1: os._exit(0)", "crash", ("call 2, work()", "its process ended")),
    Program("dies by a signal", "os.kill(os.getpid(), signal.SIGSEGV)", "crash", (*_IN_CALL, "signal 11")),
    Program("returns in a fork too", "os.fork()"),
    Program("leaves the answer to a child", "if os.fork(): os._exit(0)\ntime.sleep(0.2)", "crash", _IN_CALL),
    Program("leaves a daemon that holds the line", "background(lambda: time.sleep(3600))"),
    Program("takes all memory", "return len(bytearray(1 << 40))", "memory", _IN_CALL),
    Program("takes memory bit by bit", "hold = []\nwhile True: hold.append(bytes(1 << 22))", "memory", _IN_CALL),
    Program(
        "fails in its preparation",
        "pass",
        "crash",
        ("in its preparation", "KeyError: 'nothing'"),
        head="""
def prepare(params, inputs, out):
    {}["nothing"]
""",
    ),
]

HUNTERS = [
    Program("reads the judge's files", "return LOOT if reads(p['secret']) or reads(p['evaluator']) else x + 1"),
    Program(
        "looks for the judge among processes",
        """
near = range(max(1, os.getpid() - 300), os.getpid() + 100)
for pid in filter(str.isdigit, os.listdir("/proc")) if worked(lambda: os.listdir("/proc")) else near:
    if int(pid) != os.getpid():
        if any(worked(lambda: open(f"/proc/{pid}/{what}", "rb").read(1)) for what in ("mem", "environ", "maps")):
            return LOOT
        if worked(lambda: os.listdir(f"/proc/{pid}/fd")) or not refused(101, 117, 16, int(pid), 0, 0):
            return LOOT
""",
    ),
    Program(
        "asks the line who is at its end",
        """
pid, uid, gid = struct.unpack("3i", socket.socket(fileno=os.dup(LINE)).getsockopt(1, 17, 12))
if worked(lambda: os.kill(pid, 0)) and pid != 0 and pid != os.getpid():
    return LOOT
""",
    ),
    Program(
        "has descriptors of others",
        """
for fd in map(int, os.listdir("/proc/self/fd")):
    if fd > LINE and worked(lambda: os.fstat(fd)) and "/proc" not in os.readlink(f"/proc/self/fd/{fd}"):
        return LOOT
""",
    ),
    Program(
        "looks through frames",
        """
for at in sys._current_frames().values():
    while at:
        if SECRET in repr(at.f_locals).replace(f'SECRET = "{SECRET}', "").replace(f"'SECRET': '{SECRET}", ""):
            return LOOT
        at = at.f_back
""",
    ),
    Program(
        "uses up its tools",
        """
for _ in range(50):
    try:
        tools["ask"]("word")
    except Exception as error:
        assert "no calls of tools are left" in str(error)
""",
        wants=lambda m: m["asked"] == 20,
    ),
    Program(
        "gives a tool what it cannot take",
        """
try:
    tools["ask"](5, 6, seven=8)
except Exception as error:
    assert "hunter2" not in str(error)
else:
    return LOOT
""",
    ),
    Program(
        "asks for a tool that it was not given",
        "say(frame(['tool', nonce(), '__class__', [], {}]))\nassert b'refused' in os.read(LINE, 1000)",
    ),
    Program(
        "keeps its tools for later",
        """
if n:
    try:
        STATE["tools"]["ask"]("late")
    except Exception as error:
        assert "while the call lasts" in str(error)
    else:
        return LOOT
STATE["tools"] = tools
""",
        wants=lambda m: m["asked"] == 0,
    ),
    Program(
        "calls a tool without end",
        "while True:\n    try: tools['ask']('x')\n    except Exception: pass",
        "timeout",
        _IN_CALL,
    ),
]

_PLACES = """
kept = [f"{place}/kept" for place in (
    out, os.path.dirname(out), os.getcwd(), os.environ["TMPDIR"], "/tmp", "/dev/shm", "/var/tmp", p["inputs"]
)]
if any(map(os.path.exists, kept)):
    return LOOT
for path in kept:
    worked(lambda: open(path, "w"))
"""
FRESH = [
    Program("keeps state in its process", "if n: return LOOT", fresh=True),
    Program("keeps state in files", _PLACES, fresh=True),
    Program(
        "keeps state in a process that goes on",
        """
background(lambda: time.sleep(3600))
alive = [pid for pid in filter(str.isdigit, os.listdir("/proc")) if int(pid) not in (1, os.getpid())]
if len(alive) > 2: return LOOT
""",
        fresh=True,
        levels=("S3",),
    ),
    Program("ends each process", "say(frame(['answer', nonce(), x + 1]))\nos._exit(0)", fresh=True),
    Program("fails in one process", "os._exit(5)", "crash", (*_IN_CALL, "exit code 5"), fresh=True),
]

ALL = [*TIME, *ANSWERS, *CHANNEL, *PROCESSES, *HUNTERS, *FRESH]
