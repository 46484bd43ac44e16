"""Control groups: their files' protocol on folders that look like them, and real ones where they are delegated."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from nightlab.experiments.executors.local.inside.kernel import cgroup
from tests.experiments.executors.local.test_local_runner import House, house, stack

__all__ = ["house", "stack"]
BOUNDS = {"memory_mb": 100, "disk_mb": 28, "processes": 9}


def tree(folder: Path, **files: str) -> Path:
    """A folder with the files of a group; `__` stands for a dot."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("memberships", "mount", "folder"),
    [
        ("0::/a/b\n", "41 31 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "/sys/fs/cgroup/a/b"),
        ("9:pids:/x\n0::/\n", "41 31 0:38 / /u rw,shared:7 - cgroup2 cgroup rw", "/u"),
        ("0::/a/b\n", "41 31 0:38 /a /sys/fs/cgroup rw - cgroup2 cgroup2 rw", "/sys/fs/cgroup/b"),
        ("0::/ab\n", "41 31 0:38 /a /sys/fs/cgroup rw - cgroup2 cgroup2 rw", ""),
        ("0::/a\n", "41 31 0:38 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids", ""),
        ("9:pids:/x\n", "41 31 0:38 / /u rw - cgroup2 cgroup2 rw", ""),
        ("", "", ""),
    ],
)
def test_the_own_group_is_found_where_it_is_mounted(memberships: str, mount: str, folder: str) -> None:
    assert cgroup._own_folder(memberships, mount) == folder


def test_a_group_bounds_others_only_when_it_is_empty_of_processes(tmp_path: Path) -> None:
    alone = {"cgroup__controllers": "cpu memory pids", "cgroup__procs": "11\n12\n"}
    none = tree(tmp_path / "none", **alone | {"cgroup__controllers": "cpu memory"}, cgroup__subtree_control="")
    assert not cgroup.made_room(str(none), {11, 12})
    shared = tree(tmp_path / "shared", **alone, cgroup__subtree_control="")
    assert not cgroup.made_room(str(shared), {11})
    assert not (shared / "nightlab").exists()
    ready = tree(tmp_path / "ready", **alone, cgroup__subtree_control="pids memory")
    assert cgroup.made_room(str(ready), {11})
    mine = tree(tmp_path / "mine", **alone, cgroup__subtree_control="")
    tree(mine / "nightlab", cgroup__procs="")
    assert cgroup.made_room(str(mine), {11, 12, 13})
    assert (mine / "nightlab" / "cgroup.procs").read_text().strip() in ("11", "12")
    assert (mine / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_a_refused_step_leaves_the_processes_where_they_were(tmp_path: Path) -> None:
    group = tree(tmp_path / "g", cgroup__controllers="memory pids", cgroup__procs="11", cgroup__subtree_control="")
    assert not cgroup.made_room(str(group), {11})  # the new folder has no file to move a process by
    assert not (group / "nightlab").exists()
    assert (group / "cgroup.procs").read_text() == "11"
    assert cgroup.made("", "0") == ""
    assert cgroup.made(str(group), "0") == ""
    assert cgroup.group(-1, "m", BOUNDS) is None


@contextmanager
def opened(folder: Path) -> Iterator[int]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    yield fd
    os.close(fd)


def test_a_monitors_group_has_the_limits_of_a_run_and_counts_from_its_start(tmp_path: Path) -> None:
    files = {"memory__max": "max", "pids__max": "max", "cgroup__procs": "", "cgroup__kill": "0"}
    counted = {"cpu__stat": "usage_usec 2000000\nuser_usec 1\n", "memory__events": "low 0\noom 3\noom_kill 1\n"}
    tree(tmp_path / "m", **files, **counted)
    with opened(tmp_path) as parent:
        group = cgroup.group(parent, "m", BOUNDS)
        assert group
        assert (tmp_path / "m" / "memory.max").read_text() == str((128 << 20) + (64 << 20))
        assert (tmp_path / "m" / "pids.max").read_text()[:2] == "10"
        assert group.enter(4711)
        assert (tmp_path / "m" / "cgroup.procs").read_text() == "4711"
        assert (group.cpu_s(), group.out_of_memory()) == (0.0, False)
        tree(tmp_path / "m", cpu__stat="usage_usec 2500000\n", memory__events="oom_kill 2\n")
        assert (group.cpu_s(), group.out_of_memory()) == (0.5, True)
        group.end()
        assert (tmp_path / "m" / "cgroup.kill").read_text() == "1"


def test_what_a_killed_session_left_is_removed(tmp_path: Path) -> None:
    for name in ("nightlab-999999999-0/m", f"nightlab-{os.getpid()}-0/m", "nightlab", "other"):
        (tmp_path / name).mkdir(parents=True)
    cgroup.made(str(tmp_path), "1")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["nightlab", f"nightlab-{os.getpid()}-0", "other"]


@pytest.mark.skipif(not cgroup.home(), reason="no control group is delegated to the tests")
def test_a_delegated_group_bounds_memory_and_counts_all_time(house: Callable[..., House]) -> None:
    h = house({"memory_mb = 512": "memory_mb = 64\ndisk_mb = 8"})
    burst = "import mmap; mmap.mmap(-1, 400 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x8000)"
    assert h.run(burst).status == "memory"
    unseen = "import signal; signal.signal(signal.SIGCHLD, signal.SIG_IGN)\nfor _ in range(20):\n    if not os.fork():"
    spent = h.run(f"{unseen}\n        while time.process_time() < 0.02: pass\n        os._exit(0)\ntime.sleep(1)")
    assert spent.status == "ok"
    assert spent.cpu_s >= 0.4
