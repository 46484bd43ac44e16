"""The levels of isolation, which of them this machine has, and one program run at one of them."""

from __future__ import annotations

import functools
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nightlab.experiments.executors.local.inside.kernel.tree import remove
from nightlab.experiments.executors.local.isolation.canary import CANARY, bait
from nightlab.experiments.executors.local.isolation.launch import (
    Limits,
    RunnerError,
    Sandbox,
    Settings,
    claims,
    exchange,
)
from nightlab.experiments.executors.local.isolation.visible import sandbox_view
from nightlab.experiments.records import Level

LEVELS: tuple[Level, ...] = ("S0", "S1", "S2", "S3")
CONTAINED = "NIGHTLAB_CONTAINED"
_DESCRIPTIONS: Mapping[Level, str] = {
    "S3": "namespaces: own files, processes and network, quota in memory, seccomp, limits",
    "S2": "Landlock, seccomp and limits; no private /tmp, /dev/shm or process table: worker pools may not start",
    "S1": f"limits only, inside a container that the operator vouches for with {CONTAINED}=1",
    "S0": "limits only: private files and keys must not be on this machine",
}


class IsolationError(RunnerError):
    """The machine isolates less than was asked for; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How a confined program ended. limit: the one that it hit (timeout, cpu, memory, processes, disk), or none."""

    level: Level
    code: int
    limit: str
    wall_s: float
    cpu_s: float
    memory_mb: float
    stdout: str
    stderr: str
    problems: tuple[str, ...]  # what of its output was not taken over, and why

    @property
    def ok(self) -> bool:
        return self.code == 0 and not self.limit


def describe(level: Level) -> str:
    """What a level means, for people."""
    return _DESCRIPTIONS[level]


@functools.cache
def probe() -> Level:
    """The best level that holds on this machine, found by letting a canary try to break out."""
    if sys.platform == "linux":
        for level in ("S3", "S2"):
            if not why_not(level):
                return level
    return "S1" if os.environ.get(CONTAINED) == "1" else "S0"


@functools.cache
def why_not(level: Level) -> str:
    """What goes wrong when a canary runs at `level`; empty if the level holds."""
    with bait() as (folder, words), tempfile.TemporaryDirectory(prefix="nightlab-canary-") as write:
        try:
            ended = confined(
                [sys.executable, "-P", "-s", "-c", CANARY, level, *words],
                write=Path(write),
                limits=Limits(wall_s=20, memory_mb=512),
                level=level,
                secret=[folder],
            )
        except (RunnerError, OSError) as error:
            return str(error)
        report = (Path(write) / "report").read_text() if (Path(write) / "report").is_file() else ""
    return "" if ended.ok and report == "held" else (ended.stdout + ended.stderr).strip() or f"exit code {ended.code}"


def needed(minimum: Level | None, *, own_code: bool) -> Level:
    """The least level that will do: `minimum`, or else S3 for code of a model."""
    least: Level = minimum or ("S0" if own_code else "S3")
    return "S2" if least == "S1" and not own_code else least  # only S0 says that the whole risk is accepted


def choose(minimum: Level | None, *, own_code: bool) -> Level:
    """The level to run at; IsolationError where that is less than `minimum`, which is S3 for code of a model."""
    level, least = probe(), needed(minimum, own_code=own_code)
    if LEVELS.index(level) < LEVELS.index(least):
        tried: Level = "S2" if least == "S2" else "S3"
        less = "what S2 leaves open with --isolation S2" if level == "S2" else "the risk with --isolation S0"
        raise IsolationError(
            f"this machine isolates at level {level} ({describe(level)}), and {least} is needed"
            f"{'' if own_code else ' for code that a model wrote'}. {tried} fails here with: {why_not(tried)}."
            " Allow user namespaces (sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone=1,"
            " kernel.apparmor_restrict_unprivileged_userns=0; Docker: --security-opt seccomp=unconfined),"
            f"{'' if level == 'S2' else ' give --isolation S2 on a kernel with Landlock (5.13 or newer),'}"
            f" or accept {less}."
        )
    return level


def confined(
    argv: Sequence[str],
    *,
    read: Sequence[Path] = (),
    write: Path,
    env: Mapping[str, str] | None = None,
    limits: Limits | None = None,
    level: Level | None = None,
    network: bool = False,
    secret: Sequence[Path] = (),
) -> Finished:
    """Run one program in a copy of the folder `write`, then take over into `write` what it wrote there.

    argv: `{artifact}` and `{tmp}` stand for the working and the scratch folder. read: further folders that it may
    read. env: on top of a bare environment; nothing is inherited. level: the best there is by default. Links and
    special files in `write` are not shown, and only plain files come back, within `limits`.
    """
    level = level or probe()
    scratch = Path(tempfile.mkdtemp(prefix="nightlab-"))
    settings = Settings(
        level=level,
        view=sandbox_view(read=read, secret=secret, network=network),
        scratch=scratch,
        argv=list(argv),
        limits=limits or Limits(),
        env=env or {},
        collect="artifact",
        network=network,
    )
    before = contents(write)
    sandbox = Sandbox(settings)
    try:
        with sandbox.connect() as connection:
            reply, files = exchange(connection, {"executable": executables(write, before)}, before)
        if not reply["started"]:
            raise IsolationError(f"the sandbox at level {level} cannot start: {reply['report'] or sandbox.errors()}")
    except EOFError:
        raise IsolationError(f"the sandbox at level {level} ended: {sandbox.errors() or 'without a word'}") from None
    finally:
        sandbox.close()
        with suppress(OSError):  # what the system does not let go
            remove(scratch)
    _take_over(write, before, files)
    return Finished(
        level=level,
        code=reply["code"],
        limit="" if reply["ended"] == "exit" else reply["ended"],
        wall_s=reply["wall_s"],
        cpu_s=reply["cpu_s"],
        memory_mb=reply["memory"] / (1 << 20),
        stdout=reply["stdout"],
        stderr=reply["stderr"] + str(claims(reply).get("error", "")),
        problems=tuple(reply["problems"]),
    )


def contents(folder: Path, prefix: str = "artifact") -> dict[str, bytes]:
    """The plain files of a folder by their path, below `prefix`; links are left out."""
    found = {}
    for place, _, names in os.walk(folder):
        for path in (Path(place, name) for name in names):
            if path.is_file() and not path.is_symlink():
                found[f"{prefix}/{path.relative_to(folder)}"] = path.read_bytes()
    return found


def executables(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Which of `files`, as `contents` names them, may be executed."""
    return [name for name in files if os.access(folder / name.partition("/")[2], os.X_OK)]


def _take_over(folder: Path, before: Mapping[str, bytes], files: Mapping[str, bytes]) -> None:
    """Write what is new; a link that stands in the folder is replaced, never followed."""
    for name, data in files.items():
        if before.get(f"artifact/{name}") == data:
            continue
        target = folder / name
        if any(above.is_symlink() for above in target.parents if above.is_relative_to(folder) and above != folder):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_symlink():
            target.unlink()
        target.write_bytes(data)
