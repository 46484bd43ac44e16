"""What a run may leave for the evaluator."""

from __future__ import annotations

from tests.hostile.programs.program import Program

OUTPUTS = [
    Program("result is a link", 'os.symlink(p["secret"], out / "note")', ("ok", "invalid")),
    Program("result links to itself", 'os.symlink("loop", out / "loop")', ("ok", "invalid")),
    Program("result is a hard link", 'os.link(sys.argv[0], out / "code")', ("ok", "invalid")),
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
        ("ok", "invalid"),
    ),
    Program("the folder is a link", 'os.rename(out, str(out) + "2")\nos.symlink("/", out)', ("crash", "invalid")),
    Program("the folder is gone", 'os.rename(out, str(out) + "2")', ("crash", "invalid")),
    Program("the folder is a file", 'os.rename(out, str(out) + "2")\nout.write_text("x")', ("crash", "invalid")),
    Program(
        "closed files",
        'path = out / "closed"\npath.mkdir()\n(path / "x").write_text("x")\npath.chmod(0)',
        ("ok", "invalid"),
    ),
    Program(
        "deep folders", 'path = out\nfor n in range(40):\n    path = path / "d"\n    path.mkdir()', ("ok", "invalid")
    ),
    Program(
        "names of files",
        """
for name in ("a\\nb", "\\x1b[31m", "-rf", "\\u202egpj.exe", ".hidden", "x" * 250):
    (out / name).write_text("x")
""",
        ("ok", "invalid"),
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
    Program(
        "folders that change places",
        """
(out / "score").write_text("0")
box = os.path.dirname(str(out))
os.makedirs(box + "/artifact/sub", exist_ok=True)
def swap():
    while True:
        raw(316, 276, -100, (box + "/artifact").encode(), -100, str(out).encode(), 2)
if os.fork() == 0:
    swap()
time.sleep(0.2)
""",
        ("ok", "crash", "invalid"),
        runs=2,
    ),
    Program(
        "settings for the evaluator",
        """
names = "matplotlibrc pyvenv.cfg sitecustomize.py evaluate.py numpy.py json.py gconv-modules ld.so.preload".split()
for name in names:
    (out / name).write_text("import os; os._exit(0)")
(out / "__pycache__").mkdir()
(out / "__pycache__" / "evaluate.cpython-311.pyc").write_bytes(b"x" * 64)
""",
        ("ok", "invalid"),
    ),
    Program(
        "odd modes and names",
        """
(out / "score").write_text("0")
os.chmod(out / "score", 0o6777)
for name in (b"user.x", b"security.capability"):
    worked(lambda: os.setxattr(out / "score", name, b"\\1\\0\\0\\2" + bytes(16)))
for name in ("Score", "SCORE", "score ", "score."):
    (out / name).write_text("7")
""",
        ("ok", "invalid"),
    ),
    Program(
        "an archive that is large inside",
        """
import zipfile
head = b"{'descr': '<f8', 'fortran_order': False, 'shape': (20971520,), }"
head += b" " * (117 - len(head)) + b"\\n"
with zipfile.ZipFile(out / "data.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
    with archive.open("a.npy", "w", force_zip64=True) as file:
        file.write(b"\\x93NUMPY\\x01\\x00" + struct.pack("<H", len(head)) + head)
        for _ in range(16):
            file.write(bytes(10 << 20))
""",
        ("ok", "invalid"),
    ),
    Program(
        "control characters in what an evaluator quotes",
        r"""
(out / "quoted").write_text("\x1b[ \x1b] \x07 \x08\x08 \x9b \x9d \u202e \r \x00")
""",
        ("invalid",),
    ),
    Program("a long word that an evaluator quotes", '(out / "quoted").write_text("! a " * 5_000_000)', ("invalid",)),
    Program(
        "names that stand for places",
        """
told = str(p["knob"])
return "/private" in told or os.path.exists("/var/tmp/nightlab-hostile-knob")
""",
        params={"knob": "$(touch /var/tmp/nightlab-hostile-knob); {private} {template} {box} `id` \\x00"},
    ),
]
