"""Starts a sandbox and speaks with it."""

from __future__ import annotations

import itertools
import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.executors.local.inside import frames
from nightlab.experiments.executors.local.inside.kernel import cgroup
from nightlab.experiments.executors.local.isolation.visible import SandboxView, closed_to_others
from nightlab.experiments.records import Level
from nightlab.experiments.template.command import pieces

_CODE = Path(__file__).resolve().parents[1]
_SANDBOXES, _GROUPS = itertools.count(), itertools.count()
_MARGIN = 300.0  # s for a reply beyond the run's own time: to start, to end its processes, to collect
_PATIENCE = 30.0  # s for a sandbox to end
_BOOT = """
import json, sys
config = json.loads(sys.stdin.read())
sys.path.insert(0, config["code"])
from inside.server import main
main(config)
"""
_FLAGS = ("-P", "-s", "-B", "-c", _BOOT)
_USER = "experiment"


class RunnerError(NightlabError):
    """The machine cannot run what was asked for; the message says what to do."""


class Overdue(EOFError):
    """A sandbox does not answer; who asked it must end it."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one run may use. `cpu_s` is of the whole tree and by default what `wall_s` allows on every core."""

    wall_s: float = 60.0
    cpu_s: float | None = None
    memory_mb: int = 2048
    processes: int = 256
    disk_mb: int = 512  # everything that it writes, scratch files included
    inodes: int = 4096
    files: int = 256  # outputs that are collected
    output_mb: int = 128
    capture: int = 32_000  # bytes kept of the head, and again of the tail, of what it prints
    address_space: bool = True

    @property
    def processor_s(self) -> float:
        """The limit of processor time that holds."""
        return self.cpu_s or self.wall_s * (os.cpu_count() or 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Settings:
    """One sandbox, and what all of its runs have in common.

    kind: what a run is: a function of the experiment, its functions for a judge to call, a function of the evaluator,
    one that calls candidates, or a program. entry: the function, as module:function; argv: the program's words. env: of
    the runs, on top of a bare environment. In argv and env, `{name}` stands for a place. named: folders of the outside
    that runs see, read-only, and refer to by name. preload: modules to import once for all runs, with preload_env;
    ahead: a function to call then, and the source of its module. collect: the place whose files are taken over.
    metrics: those that count. reads: the text that they are looked for in, "stdout" or a file that the run writes, by
    `pattern` if there is one. spelt: those that are said by other names. takes: what is taken of several values of one.
    python: an interpreter other than this one, in which all of the sandbox works.
    """

    level: Level
    view: SandboxView
    scratch: Path
    kind: Literal["python", "candidate", "evaluate", "judge", "exec"] = "exec"
    entry: str | None = None
    argv: Sequence[str] | None = None
    limits: Limits = field(default_factory=Limits)
    env: Mapping[str, str] = field(default_factory=dict)
    named: Mapping[str, Path] = field(default_factory=dict)
    preload: Sequence[str] = ()
    ahead: tuple[str, ...] = ()
    preload_env: Mapping[str, str] = field(default_factory=dict)
    collect: str = "out"
    metrics: Sequence[str] = ()
    reads: str = ""
    spelt: Mapping[str, str] = field(default_factory=dict)
    takes: Mapping[str, str] = field(default_factory=dict)
    pattern: str = ""
    network: bool = False
    gpus: bool = False
    python: str = ""


class Sandbox:
    """A running sandbox: a keeper process and, inside, monitors for requests and a warm process that forks for them."""

    def __init__(self, settings: Settings) -> None:
        self._control, control = socket.socketpair()
        alive, self._life = os.pipe()
        self._reply_s = settings.limits.wall_s + _MARGIN
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the sandbox
        fds = (control.fileno(), alive)
        self._group = cgroup.made(cgroup.home(), str(next(_GROUPS)))
        own_tmp = "/lab/warm" if settings.level == "S3" else str(settings.scratch)
        self._process = subprocess.Popen(
            [settings.python, "-S", *_FLAGS] if settings.python else [sys.executable, *_FLAGS],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=self._errors,
            cwd="/",
            env={**base_environment(), "HOME": own_tmp, "TMPDIR": own_tmp, **settings.preload_env},
            pass_fds=fds,
            start_new_session=True,
        )
        control.close()
        os.close(alive)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError), self._process.stdin as stdin:
            stdin.write(
                json.dumps(_config(settings) | {"control": fds[0], "life": fds[1], "group": self._group}).encode()
            )

    def connect(self) -> socket.socket:
        """A connection for one request; closing it ends the run. It waits as long as a reply can take."""
        ours, theirs = socket.socketpair()
        ours.settimeout(self._reply_s)
        try:
            socket.send_fds(self._control, [b"+"], [theirs.fileno()])
        except OSError as error:
            ours.close()
            raise EOFError("the sandbox has ended") from error
        finally:
            theirs.close()
        return ours

    def alive(self) -> bool:
        """Whether it still runs; one that is just ending gets a moment to do so."""
        try:
            self._process.wait(0.5)
        except subprocess.TimeoutExpired:
            return True
        return False

    def errors(self) -> str:
        """What its trusted side wrote to standard error, the end of it."""
        if self._errors.closed:
            return ""
        size = os.fstat(self._errors.fileno()).st_size
        return os.pread(self._errors.fileno(), 4000, max(0, size - 4000)).decode(errors="replace").strip()

    def close(self) -> None:
        """End all of its processes; returns when they are gone, or when the kernel does not let them go."""
        if self._life >= 0:
            os.close(self._life)
            self._life = -1
            self._control.close()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
            self._process.kill()  # if it is there still: everything else in it has ended, or ends with it
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_PATIENCE)
            self._errors.close()
            cgroup.removed(self._group)


def exchange(
    connection: socket.socket,
    header: Mapping[str, Any],
    files: Mapping[str, bytes],
    channel: socket.socket | None = None,
) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Send a request and wait for its reply; EOFError where the sandbox or this side ended it, Overdue if it is late.

    header: what is this run's own: seed, params, splits, further modules to preload, which files are executable,
    whether to look how the evaluator comes to its metrics (probe). channel: what it talks on, or asks for candidates.
    """
    try:
        frames.send(connection, {**header, "channel": channel is not None}, files)
        if channel is not None:
            socket.send_fds(connection, [b"+"], [channel.fileno()])
        return frames.receive(connection)
    except TimeoutError:
        raise Overdue(f"it gave no answer within {connection.gettimeout():g} s") from None
    except OSError as error:
        raise EOFError(str(error)) from error


def claims(reply: Mapping[str, Any]) -> dict[str, Any]:
    """What the process that ran said of itself: error, metrics, or anything, since it may be hostile."""
    try:
        said = json.loads(reply["report"])
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def base_environment() -> dict[str, str]:
    """The environment of a sandbox, which inherits nothing."""
    path = [str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
    return {
        "PATH": os.pathsep.join(path),
        "HOME": "{tmp}",
        "TMPDIR": "{tmp}",
        "USER": _USER,
        "LOGNAME": _USER,
        "LANG": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _config(settings: Settings) -> dict[str, Any]:
    sight = settings.view
    named = {name: str(path.resolve()) for name, path in settings.named.items()}
    spaces = settings.level == "S3"
    shown = (*(source for source, _ in sight.binds), *(() if spaces else (str(settings.scratch),)))
    binds = [*sight.binds, *((source, f"/lab/{name}") for name, source in named.items())]
    return {
        "level": settings.level,
        "code": str(_CODE),
        "parent": os.getpid(),
        "kind": settings.kind,
        "entry": settings.entry,
        "argv": [pieces(word) for word in settings.argv or ()],
        "limits": asdict(settings.limits) | {"cpu_s": settings.limits.processor_s},
        "env": {name: pieces(value) for name, value in {**base_environment(), **settings.env}.items()},
        "collect": settings.collect,
        "metrics": list(settings.metrics),
        "reads": settings.reads,
        "spelt": dict(settings.spelt),
        "takes": dict(settings.takes),
        "pattern": settings.pattern,
        "uid": os.getpid() * 64 + 40 * next(_SANDBOXES),  # monitors add their own, so that none share a user
        "read_all": os.geteuid() == 0 and closed_to_others(shown, tuple(named.values()), parents=not spaces),
        "binds": binds,
        "links": dict(sight.links),
        "hidden": sight.hidden,
        "allowed": sight.allowed,
        "listed": sight.listed,
        "path": sight.packages,
        "named": named,
        "preload": list(settings.preload),
        "ahead": list(settings.ahead),
        "site": bool(settings.python),
        "network": settings.network,
        "gpus": settings.gpus,
        "scratch": str(settings.scratch.resolve()),
    }
