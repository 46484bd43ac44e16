"""One confined program: what it sees, what comes back, which limit it hit."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nightlab.experiments.executors.local.imports import imported
from nightlab.experiments.executors.local.inside.kernel.limits import exiting
from nightlab.experiments.executors.local.inside.output.collect import collect
from nightlab.experiments.executors.local.isolation.launch import Limits
from nightlab.experiments.executors.local.isolation.sandbox import LEVELS, confined, describe, probe, why_not
from nightlab.experiments.executors.local.isolation.visible import sandbox_view
from nightlab.experiments.records import Level

CONFINING = [level for level in ("S3", "S2") if LEVELS.index(probe()) >= LEVELS.index(level)]


@pytest.fixture(params=[*CONFINING, "S0"])
def level(request: pytest.FixtureRequest) -> Level:
    level: Level = request.param
    return level


def test_levels_are_probed_and_described() -> None:
    assert probe() in LEVELS
    assert len({describe(level) for level in LEVELS}) == 4
    if probe() in ("S3", "S2"):
        assert why_not(probe()) == ""


def test_the_canary_notices_what_is_no_sandbox() -> None:
    assert "it read a file outside" in why_not("S0")


def test_files_go_in_and_come_back(tmp_path: Path, level: Level) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "in").write_text("old")
    (tmp_path / "tool").write_text("#!/bin/sh\necho made > $1/made; echo new > sub/in; mkdir far; echo $WORD; exit 3\n")
    (tmp_path / "tool").chmod(0o755)
    (tmp_path / "link").symlink_to("/etc/hostname")
    ended = confined(["./tool", "{artifact}"], write=tmp_path, env={"WORD": "word"}, level=level)
    assert (ended.code, ended.stdout, ended.ok, ended.level) == (3, "word\n", False, level), ended.stderr
    assert (tmp_path / "made").read_text() == "made\n"
    assert (tmp_path / "sub" / "in").read_text() == "new\n"
    assert (tmp_path / "link").is_symlink()


def test_nothing_is_inherited(tmp_path: Path, level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", "secret")
    ended = confined(["env"], write=tmp_path, level=level)
    assert ended.ok
    names = {line.partition("=")[0] for line in ended.stdout.splitlines()}
    assert names <= {
        "PATH",
        "HOME",
        "TMPDIR",
        "USER",
        "LOGNAME",
        "LANG",
        "PYTHONHASHSEED",
        "PYTHONDONTWRITEBYTECODE",
        "PWD",
    }


@pytest.mark.parametrize(
    ("program", "limits", "limit"),
    [
        ("sleep 30", Limits(wall_s=0.3), "timeout"),
        ("(trap '' TERM; while :; do :; done) & sleep 30", Limits(wall_s=20, cpu_s=0.4), "cpu"),
        ("python -c 'x = b\"x\" * (300 << 20); import time; time.sleep(30)'", Limits(memory_mb=200), "memory"),
    ],
)
def test_limits(tmp_path: Path, level: Level, program: str, limits: Limits, limit: str) -> None:
    ended = confined(["sh", "-c", program], write=tmp_path, limits=limits, level=level)
    assert ended.limit == limit
    assert not ended.ok
    assert ended.wall_s < 8


@pytest.mark.parametrize("level", CONFINING)
def test_only_the_given_folders_are_seen(tmp_path: Path, level: Level) -> None:
    for name in ("shown", "secret", "work"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    look = f"cat {tmp_path}/shown/file; cat {tmp_path}/secret/file; echo x > {tmp_path}/shown/new"
    ended = confined(["sh", "-c", look], read=[tmp_path / "shown"], write=tmp_path / "work", level=level)
    assert ended.stdout == "shown"
    assert not (tmp_path / "shown" / "new").exists()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_process_that_runs_no_more_code_is_told_from_one_that_does() -> None:
    later = "import os, threading, time; threading.Thread(target=time.sleep, args=(60,)).start(); print(flush=True)\n"
    later += "import ctypes; ctypes.CDLL(None).syscall(60 if os.uname().machine == 'x86_64' else 93, 0)"
    programs = {"ended": "", "runs": "import time; print(flush=True); time.sleep(60)", "a thread runs": later}
    proc = os.open("/proc", os.O_RDONLY)
    found = {}
    for name, program in programs.items():
        with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
            assert process.stdout
            process.stdout.readline()
            for _ in range(100):  # the end of its main thread takes a moment
                time.sleep(0.005)
                found[name] = exiting(proc, process.pid)
            process.kill()
    os.close(proc)
    assert found == {"ended": True, "runs": False, "a thread runs": False}


def test_collecting_follows_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "secret").write_text("secret")
    (out / "good.json").write_text("{}")
    (out / "link").symlink_to(tmp_path / "secret")
    os.link(tmp_path / "secret", out / "hard")
    os.mkfifo(out / "pipe")
    (out / "folder").symlink_to(tmp_path)
    (out / "bad\nname").write_text("x")
    (out / "big").write_bytes(bytes(2000))
    outputs = collect(str(out), count=10, size=1000)
    assert outputs.files == {"good.json": b"{}"}
    assert len(outputs.problems) == 6


def test_what_can_be_collected_is_whatever_stands_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / "a/b/c/d/e").mkdir(parents=True)
    (out / "a/b/c/d/e/deep").write_text("x")
    (out / "closed").mkdir(mode=0)
    (out / ".hydra").mkdir()
    (out / "zz").write_text("last by name, and small")
    for name in ("model", "more"):
        (out / name).write_bytes(bytes(700))
    for number in range(30):
        (out / "a" / f"step-{number:02}").write_text("x")
    outputs = collect(str(out), count=10, size=1000)
    assert {"zz", "model", "a/step-00"} <= set(outputs.files)
    assert len(outputs.files) == 9  # one of the ten is too large beside the others
    told = " | ".join(outputs.problems)
    for what in ("more is too large", "23 files beyond the first 10, such as a/step-07", ".hydra has a name with"):
        assert what in told
    assert "a/b/c/d lies too deep" in told
    for number in range(40):
        (out / f"?{number}").write_text("x")
    outputs = collect(str(out), count=99, size=9999)
    assert (len(outputs.problems), outputs.problems[-1]) == (21, "and 22 more")


def test_what_is_hidden_is_in_no_rule(tmp_path: Path) -> None:
    for name in ("a/b/secret", "a/b/open", "a/c"):
        (tmp_path / name).mkdir(parents=True)
    sight = sandbox_view(read=[tmp_path / "a"], secret=[tmp_path / "a/b/secret"], network=False)
    assert str(tmp_path / "a/b/secret") in sight.hidden
    assert {str(tmp_path / "a/b/open"), str(tmp_path / "a/c")} <= set(sight.allowed)
    assert not {str(tmp_path / "a"), str(tmp_path / "a/b")} & set(sight.allowed)


def test_imports_of_others_at_the_top_level() -> None:
    source = b"""
import numpy as np, os.path
from sklearn.linear_model import Ridge
from . import x
import helper
try:
    import torch
except ImportError:
    pass
def f():
    import late
"""
    files = {"main.py": source, "helper.py": b"import json", "broken.py": b"(", "data.csv": b"import csv"}
    assert imported(files) == ("numpy", "os.path", "sklearn.linear_model", "torch", "json")


@pytest.mark.parametrize("level", CONFINING)
def test_the_network_where_it_is_asked_for(tmp_path: Path, level: Level) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        reach = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2).close(); print('reached')"
        for network in (True, False):
            ended = confined(["python", "-c", reach], write=tmp_path, level=level, network=network)
            assert (ended.stdout == "reached\n") == network, ended.stderr
