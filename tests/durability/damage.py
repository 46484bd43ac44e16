"""What else may happen to a study: a full disk, a folder that cannot be written, corrupt files, a jumping clock.

Each function disturbs a study that is half done and returns what was wrong afterwards, or nothing.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.durability import books

TRIALS = 4
Fault = str

JUMPING = """\
import random, time

true, dice = time.time, random.Random(7)


def jumping():
    return true() + dice.choice((-86400.0 * 400, -3600.0, 0.0, 0.0, 7200.0, 86400.0 * 400))


time.time = jumping
"""


class Scene:
    """A template, the books of an undisturbed study on it, and half-done studies to be disturbed."""

    def __init__(self, place: Path, *, thorough: bool = True) -> None:
        self.place = place
        self.kinds = None if thorough else 1  # of corruption that are tried; None for all
        self._copies = 0
        self.template = books.quick_template(place / "template", noise=0.0)
        folder = books.new_study(self.template, place / "plain", workers=1, trials=TRIALS, mode="experiment")
        self.finish(folder)
        self.plain = books.told(folder)

    @cached_property
    def _killed(self) -> Path:
        """A study that was killed after its second trial."""
        folder = books.new_study(self.template, self.place, workers=1, trials=TRIALS, mode="experiment")
        process = books.resume(folder)
        self.wait_for(process, "trial 2/")
        books.kill_group(process)
        return folder

    def half_done(self, out: Path | None = None) -> Path:
        """A copy of a study that was killed after its second trial."""
        self._copies += 1
        return shutil.copytree(self._killed, (out or self.place) / f"half-done-{self._copies}")

    @staticmethod
    def wait_for(process: subprocess.Popen[str], words: str) -> None:
        assert process.stdout
        for line in process.stdout:
            if words in line:
                return
        raise AssertionError(f"the study never said {words!r}: {process.communicate()[1]}")

    @staticmethod
    def finish(folder: Path, **more: Any) -> tuple[int, str, str]:
        process = books.resume(folder, "--json", **more)
        out, errors = process.communicate(timeout=300)
        return process.returncode, out, errors

    def mended(self, folder: Path, notice: str = "") -> Fault:
        """Resume a study after the damage is over; what is wrong with it then."""
        code, _, errors = self.finish(folder)
        if code:
            return f"resume ended with {code}: {errors[-500:]}"
        if notice not in errors:
            return f"nothing was said of {notice!r}: {errors[-500:]}"
        return "; ".join(books.faults(folder, self.plain, same=True))

    def refused(self, folder: Path, *told: str, **more: Any) -> Fault:
        """Resume a study that cannot go on; what is wrong with how that is told."""
        return misfit(*self.finish(folder, **more), *told)


def misfit(code: int, out: str, errors: str, *told: str) -> Fault:
    if code != 3 or "Traceback" in errors or not any(words in errors for words in told):
        return f"ended with {code} and said: {errors[-800:]}"
    try:
        return "" if "error" in json.loads(out.splitlines()[-1]) else "the JSON holds no error"
    except (json.JSONDecodeError, IndexError):
        return f"no JSON at the end: {out[-300:]}"


@contextmanager
def small_disk(place: Path) -> Iterator[Path | None]:
    """A file system of 32 MB in memory; None where this user may not mount one."""
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=32m", "none", place], capture_output=True, check=False)
    try:
        yield place if done.returncode == 0 else None
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", place], check=True)


def full_disk(scene: Scene) -> Fault:
    with small_disk(scene.place / "small") as disk:
        if disk is None:
            return _file_size_limit(scene)
        folder = scene.half_done(disk)
        process = books.resume(folder, "--json")
        with (disk / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(b"0" * 4096)
        out, errors = process.communicate(timeout=120)
        told = misfit(process.returncode, out, errors, "full", "No space")
        (disk / "ballast").unlink()
        return told or scene.mended(folder)


def _file_size_limit(scene: Scene) -> Fault:
    """Where no file system can be mounted: no file may grow further."""
    folder = scene.half_done()

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))

    return scene.refused(folder, "full", "too large", preexec_fn=limit) or scene.mended(folder)


def read_only_folder(scene: Scene) -> Fault:
    folder = scene.half_done()
    if os.geteuid():
        for path in (folder, folder / "study.db"):
            path.chmod(path.stat().st_mode & ~0o222)
        told = scene.refused(folder, "read-only", "Permission denied", "readonly")
        for path in (folder, folder / "study.db"):
            path.chmod(path.stat().st_mode | 0o200)
        return told or scene.mended(folder)
    mounted = subprocess.run(["mount", "--bind", folder, folder], capture_output=True, check=False)
    if mounted.returncode:
        return ""  # root may write everywhere, and this one may not mount
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        told = scene.refused(folder, "read-only", "Read-only", "readonly")
    finally:
        subprocess.run(["umount", "-l", folder], check=True)
    return told or scene.mended(folder)


def corrupt_checkpoint(scene: Scene) -> Fault:
    for damage in (_garbage_inside, _garbage_at_the_head, _truncate, _no_checkpoint_of_ours)[: scene.kinds]:
        folder = scene.half_done()
        damage(folder / "graph.db")
        if fault := scene.mended(folder, "set aside"):
            return f"{damage.__name__}: {fault}"
    return ""


def corrupt_ledger(scene: Scene) -> Fault:
    for damage in (_garbage_inside, _garbage_at_the_head)[: scene.kinds]:
        folder = scene.half_done()
        damage(folder / "study.db")
        if fault := scene.refused(folder, "restore it from a copy"):
            return f"{damage.__name__}: {fault}"
    return ""


def two_at_once(scene: Scene) -> Fault:
    folder = scene.half_done()
    first = books.resume(folder)
    scene.wait_for(first, "trial 3/")
    first.send_signal(signal.SIGSTOP)  # else it may have ended before the second one has imported all that it needs
    told = scene.refused(folder, "another nightlab works on this study")
    first.send_signal(signal.SIGCONT)
    _, errors = first.communicate(timeout=300)
    if first.returncode:
        return f"the first resume ended with {first.returncode}: {errors[-500:]}"
    return told or "; ".join(books.faults(folder, scene.plain, same=True))


def jumping_clock(scene: Scene) -> Fault:
    """The wall clock of a resumed study and of the next one jumps by up to 400 days, there and back."""
    shim = scene.place / "shim"
    shim.mkdir()
    (shim / "sitecustomize.py").write_text(JUMPING)
    folder = scene.half_done()
    env = {**os.environ, "PYTHONPATH": f"{shim}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    process = books.resume(folder, env=env)
    scene.wait_for(process, "trial 3/")
    books.kill_group(process)
    code, out, errors = scene.finish(folder, env=env)
    if code:
        return f"ended with {code}: {errors[-500:]}"
    if not 0 < json.loads(out.splitlines()[-1])["wall_s"] < 600:
        return f"the time that it took: {out.splitlines()[-1]}"
    return "; ".join(books.faults(folder, scene.plain, same=True))


def _truncate(file: Path) -> None:
    _settle(file)
    os.truncate(file, file.stat().st_size // 2)


def _garbage_at_the_head(file: Path) -> None:
    _settle(file)
    file.write_bytes(b"no database" * 1000)


def _garbage_inside(file: Path) -> None:
    _settle(file)
    body = bytearray(file.read_bytes())
    body[4096:] = os.urandom(len(body) - 4096)
    file.write_bytes(body)


def _no_checkpoint_of_ours(file: Path) -> None:
    _settle(file)

    with sqlite3.connect(file) as db:
        db.execute("UPDATE checkpoints SET checkpoint = x'c1c1c1'")
    db.close()


def _settle(file: Path) -> None:
    """Bring what a killed process left in the write-ahead log into the file itself."""

    db = sqlite3.connect(file)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()


SCENARIOS: dict[str, Callable[[Scene], Fault]] = {
    "full disk": full_disk,
    "read-only folder": read_only_folder,
    "corrupt checkpoint": corrupt_checkpoint,
    "corrupt ledger": corrupt_ledger,
    "two resumes at once": two_at_once,
    "jumping clock": jumping_clock,
}
