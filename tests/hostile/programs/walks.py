"""Trees of files that are hard to walk, count or remove; what they hide must not outlive the run."""

from __future__ import annotations

from tests.hostile.programs.program import Program

DEEP = 'os.chdir(os.environ["TMPDIR"])\nfor _ in range(1500):\n    os.mkdir("d"); os.chdir("d")'
FOLDERS = 'os.chdir(os.environ["TMPDIR"])\ndef make():\n    for n in range(2500):\n        os.mkdir(f"{n}")'

WALKS = [
    Program(
        "a daemon behind a deep tree",
        f"background(lambda: time.sleep(60))\n{DEEP}\ntime.sleep(0.4)",
        ("ok", "crash", "timeout"),
    ),
    Program(
        "folders without rights",
        """
place = Path(os.environ["TMPDIR"]) / "closed"
(place / "below").mkdir(parents=True)
(place / "below" / "file").write_text("x")
(place / "below").chmod(0)
place.chmod(0)
time.sleep(0.3)
""",
        runs=2,
    ),
    Program(
        "folders without rights, deep down",
        f"{DEEP}\n" + 'open("file", "w").write("x")\nos.chmod(".", 0)\ntime.sleep(0.3)',
        ("ok", "crash", "timeout"),
    ),
    Program(
        "names that are no text",
        """
os.chdir(os.environ["TMPDIR"])
for name in (b"\\xff\\xfe", b"\\n", b"\\x1b[2J", b"-rf", b"x" * 255):
    os.mkdir(name)
    open(name + b"/" + name, "w").write("x")
    os.symlink(b"/", name + b"/link")
""",
        runs=2,
    ),
    Program(
        "a tree that moves while it is walked",
        """
os.chdir(os.environ["TMPDIR"])
def move():
    while True:
        for one, other in (("a", "b/a"), ("b/a", "a")):
            worked(lambda: os.rename(one, other))
os.makedirs("a/deep/deeper"); os.mkdir("b")
if os.fork() == 0:
    move()
time.sleep(0.5)
""",
        runs=2,
    ),
    Program(
        "unlinked files",
        """
held, total = [], 0
def grow():
    for n in range(3):
        held.append(open(os.environ["TMPDIR"] + f"/{n}", "wb"))
        os.unlink(held[-1].name)
        for _ in range(300):
            held[-1].write(bytes(1 << 20))
worked(grow)
return hold(sum(os.fstat(file.fileno()).st_blocks * 512 for file in held) > 700 << 20)
""",
        ("ok", "crash"),
    ),
    Program(
        "unlinked files of a daemon",
        """
def hold():
    file = open(os.environ["TMPDIR"] + "/x", "wb")
    os.unlink(file.name)
    file.write(bytes(50 << 20))
    time.sleep(60)
background(hold)
time.sleep(0.3)
""",
        runs=2,
    ),
    Program("folders upon folders", f"{FOLDERS}\nreturn worked(make)", ("ok", "crash")),  # gone before anybody looks
    Program("folders upon folders that are kept", f"{FOLDERS}\nreturn hold(worked(make))", ("ok", "crash")),
    Program(
        "much that is written at once",
        """
def fill():
    for n in range(6):
        (out / f"{n}").write_bytes(bytes(120 << 20))
return worked(fill)
""",
        ("ok", "crash"),
    ),
]
