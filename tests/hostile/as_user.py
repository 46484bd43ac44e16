"""Starts a program as an ordinary user, where root runs the tests: `python -m tests.hostile.as_user PROGRAM ...`.

The interpreter may lie below root's closed home: the program sees it at its place with the rest of that home empty.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from nightlab.experiments.executors.local.inside.kernel import syscalls

UID = 65533


def main(argv: list[str]) -> None:
    syscalls.unshare(syscalls.CLONE_NEWNS)
    syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    base = Path(sys.base_prefix).resolve()
    if closed := [folder for folder in reversed(base.parents) if folder.stat().st_mode & 0o5 != 0o5]:
        with tempfile.TemporaryDirectory() as held:
            syscalls.mount(str(base), held, None, syscalls.MS_BIND | syscalls.MS_REC)
            syscalls.mount("tmpfs", str(closed[0]), "tmpfs", 0, "mode=0755")
            base.mkdir(parents=True)
            syscalls.mount(held, str(base), None, syscalls.MS_BIND | syscalls.MS_REC)
            syscalls.unmount(held)
    os.setgroups([])
    os.setgid(UID)
    os.setuid(UID)
    os.environ["HOME"] = "/tmp"
    os.execvp(argv[0], argv)


if __name__ == "__main__":
    main(sys.argv[1:])
