"""What must not be read: private files, the evaluator, keys, other processes, other runs."""

from __future__ import annotations

from tests.hostile.programs.program import Program

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
    Program("a key beside the interpreter", 'return p["key"] and reads(p["key"])'),
    Program(
        "a key beside the packages",
        """
folders = {os.path.dirname(path) for path in sys.path if path.endswith("-packages")} | {sys.prefix, sys.base_prefix}
return [f for f in folders for name in (".env", ".git", "studies", "study.db") if os.path.exists(f"{f}/{name}")]
""",
    ),
    Program(
        "frames of those who called",
        """
frame, found = sys._getframe(), []
while frame:
    found += [value for value in frame.f_locals.values() if isinstance(value, (dict, list, str, bytes))]
    frame = frame.f_back
texts = [str(value).replace(str(p), "") for value in found]
outside = [os.path.dirname(p["secret"]), p["scratch"], p["evaluator"]]
return [text[:300] for text in texts if any(path in text for path in outside)]
""",
        levels=("S3",),
    ),
    Program(
        "objects that are left in memory",
        """
import gc
outside = [os.path.dirname(p["secret"]), p["evaluator"], p["scratch"]]
held = [o for o in gc.get_objects() if isinstance(o, (dict, list, tuple)) and o is not p and o is not outside]
texts = [t for o in held for t in (o.values() if isinstance(o, dict) else o) if isinstance(t, str)]
return [text for text in texts if text in outside]
""",
    ),
    Program(
        "memory that is written together",
        'return [line for line in open("/proc/self/maps") if line.split()[1] in ("rw-s", "-w-s")]',
    ),
]
