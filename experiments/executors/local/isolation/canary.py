"""A program that tries to break out, run once to learn what a level is worth on this machine."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CANARY = """
import os, socket, subprocess, sys, tempfile
level, secret, port, parent = sys.argv[1:]
def refused(what, attempt):
    try:
        attempt()
    except OSError:
        return
    sys.exit(what)
refused("it read a file outside", lambda: open(secret).read())
refused("it wrote outside", lambda: open(os.path.dirname(secret) + "/written", "w"))
refused("it reached the network", lambda: socket.create_connection(("127.0.0.1", int(port)), 1))
refused("it signalled a process outside", lambda: os.kill(int(parent), 0))
if level == "S3" and sum(name.isdigit() for name in os.listdir("/proc")) > 2:
    sys.exit("it has no process table of its own")
tempfile.TemporaryFile().write(b"x")
if subprocess.run([sys.executable, "-c", "print(2 + 2)"], capture_output=True).stdout != b"4\\n":
    sys.exit("it cannot start a program")
open("report", "w").write("held")
"""


@contextmanager
def bait() -> Iterator[tuple[Path, list[str]]]:
    """A folder to hide, and the words for the canary: a secret file, a listening port, this process."""
    with tempfile.TemporaryDirectory(prefix="nightlab-bait-") as name, socket.socket() as listener:
        folder = Path(name)
        (folder / "secret").write_text("secret")
        folder.chmod(0o777)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield folder, [str(folder / "secret"), str(listener.getsockname()[1]), str(os.getpid())]
