"""Level S3: a file system, process table and network of its own, by namespaces that need neither root nor a helper."""

from __future__ import annotations

import fcntl
import os
import resource
import select
import signal
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import limits, syscalls

LAB = "/lab"  # where named folders and a run's own folder appear
BOX = f"{LAB}/box"
WARM = f"{LAB}/warm"  # scratch of the warm process itself, for what imports write
DEVICES = ("null", "zero", "full", "random", "urandom")
_INSIDE_ID = 1000
_SIOCSIFFLAGS, _IFF_UP = 0x8914, 1
_FILES = {
    "passwd": f"experiment:x:{_INSIDE_ID}:{_INSIDE_ID}::/tmp:/bin/sh\n",
    "group": f"experiment:x:{_INSIDE_ID}:\n",
    "hosts": "127.0.0.1 localhost\n",
}


def privileged() -> bool:
    """Whether mounting needs no user namespace: real root with the capability for it."""
    return os.geteuid() == 0 and bool(syscalls.effective() >> syscalls.CAP_SYS_ADMIN & 1)


def leave(network: bool, *, cgroups: bool) -> None:
    """Give this process new namespaces; its next child is process 1 of the new process table.

    cgroups: also of control groups; where runs have such groups, the monitors who make them need the outer one.
    """
    flags = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWPID | syscalls.CLONE_NEWIPC | syscalls.CLONE_NEWUTS
    flags |= (syscalls.CLONE_NEWCGROUP if cgroups else 0) | (0 if network else syscalls.CLONE_NEWNET)
    if privileged():
        syscalls.unshare(flags)
    else:
        uid, gid = os.geteuid(), os.getegid()
        syscalls.unshare(flags | syscalls.CLONE_NEWUSER)
        me = os.open("/proc/self", os.O_RDONLY | os.O_DIRECTORY)
        _map(me, uid, gid)
        os.close(me)


def nest(me: int) -> None:
    """A user namespace below the current one: limits of processes then count this run alone.

    me: a descriptor of this process's folder below /proc, by which it can be written to.
    """
    uid, gid = os.geteuid(), os.getegid()
    syscalls.unshare(syscalls.CLONE_NEWUSER)
    _map(me, uid, gid)


def _map(me: int, uid: int, gid: int) -> None:
    write(me, "setgroups", b"deny")
    write(me, "uid_map", f"{_INSIDE_ID} {uid} 1".encode())
    write(me, "gid_map", f"{_INSIDE_ID} {gid} 1".encode())


def build(config: dict[str, Any]) -> None:
    """Replace the file system of this process by what `config` binds, read-only, and nothing else."""
    syscalls.mount("none", "/", None, syscalls.MS_REC | syscalls.MS_PRIVATE)
    _tmpfs("/tmp", "2m")
    for name in ("/tmp/old", "/tmp/new"):
        os.mkdir(name)
    syscalls.pivot_root("/tmp", "/tmp/old")
    os.chdir("/")
    _tmpfs("/new", "2m")
    for source, target in config["binds"]:
        if not os.path.lexists(f"/new{target}"):
            _bind(f"/old{source}", f"/new{target}")
    for link, target in config["links"].items():
        if not os.path.lexists(f"/new{link}"):
            os.symlink(target, _parents(f"/new{link}"))
    socket.sethostname("experiment")
    for name, text in _FILES.items():
        if not os.path.exists(f"/new/etc/{name}"):
            Path(_parents(f"/new/etc/{name}")).write_text(text)
    for path in config["hidden"]:
        if os.path.isdir(f"/new{path}"):
            _tmpfs(f"/new{path}", "4k", syscalls.MS_RDONLY)
        elif os.path.exists(f"/new{path}"):
            syscalls.bind("/old/dev/null", f"/new{path}", devices=True)
    _devices(config["gpus"])
    for name in (BOX, WARM, "/tmp", "/proc"):
        os.makedirs(f"/new{name}", exist_ok=True)
    _proc("/new", "/old/dev/null")
    _tmpfs(f"/new{WARM}", "16m")
    syscalls.mount("none", "/new", None, _PLAIN & ~syscalls.MS_NOEXEC | syscalls.MS_REMOUNT | syscalls.MS_RDONLY)
    os.chdir("/new")
    syscalls.pivot_root(".", ".")
    syscalls.unmount(".")
    os.chdir("/")


_PLAIN = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_NOEXEC


# What a run sees of /proc beside its own processes; the rest tells of the machine, or is closed to all but root.
_PROC = {"cpuinfo", "devices", "filesystems", "loadavg", "meminfo", "stat", "sys", "uptime", "version", "vmstat"}


def _proc(root: str = "", null: str = "/dev/null", flags: int = 0) -> None:
    """Mount a process table in which nobody sees processes of other users."""
    syscalls.mount("proc", f"{root}/proc", "proc", _PLAIN | flags, "hidepid=2")
    for name in os.listdir(f"{root}/proc"):
        path = f"{root}/proc/{name}"
        if name in _PROC or name.isdigit() or os.path.islink(path):
            continue
        if os.path.isdir(path):
            _tmpfs(path, "4k", syscalls.MS_RDONLY)
        else:
            syscalls.bind(null, path, devices=True)
    for name in ("sys/kernel/random/boot_id",):
        syscalls.bind(null, f"{root}/proc/{name}", devices=True)


def _tmpfs(target: str, size: str, flags: int = 0, options: str = "") -> None:
    flags |= syscalls.MS_NOSUID | syscalls.MS_NODEV
    syscalls.mount("tmpfs", target, "tmpfs", flags, f"size={size},mode=0755{options}")


def _parents(path: str) -> str:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def _bind(source: str, target: str, *, devices: bool = False) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        Path(_parents(target)).touch()
    syscalls.bind(source, target, devices=devices)  # what is written to a device changes no file


def _devices(gpus: bool) -> None:
    os.makedirs("/new/dev/shm")
    names = list(DEVICES)
    if gpus:
        names += [n for n in os.listdir("/old/dev") if n.startswith("nvidia")]
        _bind("/old/sys", "/new/sys")
    for name in names:
        _bind(f"/old/dev/{name}", f"/new/dev/{name}", devices=True)
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "fd/0"), ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, f"/new/dev/{name}")


SPACES = ("pid_for_children", "mnt", "cgroup", "net")


def separate(proc: int, config: dict[str, Any]) -> tuple[int, socket.socket, list[int]]:
    """Give this process's children a process table and mounts, and a network unless they may use the machine's.

    proc: a descriptor of /proc. Returns process 1 of the table, the socket on which a byte has it end all others, and
    descriptors of the namespaces that are its own, in the order of `SPACES`. Process 1 answers twice: when no other
    will do anything any more, and when they are gone.
    """
    flags, spaces = syscalls.CLONE_NEWNS | syscalls.CLONE_NEWPID, list(SPACES[:2])
    if config["group"] >= 0:
        flags, spaces = flags | syscalls.CLONE_NEWCGROUP, [*spaces, "cgroup"]
    if not config["network"]:
        flags, spaces = flags | syscalls.CLONE_NEWNET, [*spaces, "net"]  # ports and names of other runs are free
    syscalls.unshare(flags)
    if not config["network"]:
        _loop_back()
    _tmpfs(WARM, "4k", syscalls.MS_RDONLY)  # the warm process's own, which runs must not share
    for name in config["named"]:
        with suppress(OSError):  # where the kernel has no such file system
            _own_inodes(f"{LAB}/{name}")
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            _be_first(theirs.fileno())
        finally:
            os._exit(1)
    theirs.close()
    if not ours.recv(1):
        raise EOFError("process 1 of a table has ended as it began")
    return pid, ours, [os.open(f"self/ns/{name}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc) for name in spaces]


def _loop_back() -> None:
    """Let processes of this network, which has no other way out, speak with each other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh22x", b"lo", _IFF_UP))


def traffic(proc: int) -> bytes:
    """What this process's network has counted, which whoever is in it can read."""
    told = b""
    for name in ("dev", "snmp", "netstat", "snmp6"):
        with suppress(OSError):  # no IPv6
            told += limits.text(os.open(f"self/net/{name}", os.O_RDONLY, dir_fd=proc)).encode()
    return told


def new_network(proc: int) -> int:
    """Enter a network that nobody has used, and which nobody reaches; its descriptor."""
    syscalls.unshare(syscalls.CLONE_NEWNET)
    _loop_back()
    return os.open("self/ns/net", os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)


def _own_inodes(folder: str) -> None:
    """Show a folder by inodes that no other monitor's runs have: locks, leases and marks on them are theirs alone."""
    flags = syscalls.MS_RDONLY | syscalls.MS_NOSUID | syscalls.MS_NODEV
    syscalls.mount("overlay", BOX, "overlay", flags, f"lowerdir={folder}:{WARM}")  # it must have two: one is empty
    syscalls.unmount(folder)  # the table of mounts tells where this comes from
    syscalls.mount(BOX, folder, None, syscalls.MS_MOVE)


def name_user(uid: int) -> None:
    """Give the runs' user a name and a home, in files that only this process's children see."""
    _tmpfs(WARM, "16k")
    for name, text in (("passwd", f"experiment:x:{uid}:{uid}::/tmp:/bin/sh\n"), ("group", f"experiment:x:{uid}:\n")):
        Path(f"{WARM}/{name}").write_text(text)
        syscalls.bind(f"{WARM}/{name}", f"/etc/{name}")
    flags = syscalls.MS_NOSUID | syscalls.MS_NODEV | syscalls.MS_REMOUNT | syscalls.MS_RDONLY
    syscalls.mount("none", WARM, None, flags)


def _be_first(link: int) -> None:
    """Process 1 of a table: takes in orphans, ends all others when asked to, and takes them along at its own end."""
    syscalls.prctl(syscalls.PR_SET_PDEATHSIG, 9)
    syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    os.dup2(link, 0)
    os.closerange(1, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    syscalls.mount("proc", "/proc", "proc", _PLAIN)
    proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY)
    _proc(flags=syscalls.MS_RDONLY)  # what runs see: they set nothing of themselves
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)  # who has ended is waited for: its processor time counts
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    os.write(0, b"-")
    while True:
        ready = select.select([0, told], [], [])[0]
        if told in ready:
            os.read(told, select.PIPE_BUF)
        _reap()
        if 0 in ready:
            if not os.read(0, 1):
                return
            _end_all(proc)
            with suppress(OSError):  # a kernel that cannot: process numbers go on from run to run
                write(proc, "sys/kernel/ns_last_pid", b"1")
            os.write(0, b"-")


def _end_all(proc: int) -> None:
    """End all processes of the table but this one; says so when none of them will do anything any more."""
    running = True
    with suppress(ProcessLookupError):
        while True:  # a signal to all finds nobody only when the last one has been waited for
            os.kill(-1, signal.SIGKILL)
            _reap()
            if running and limits.all_exiting(proc, besides=1):
                running = not os.write(0, b".")
            time.sleep(0.0003 if running else 0.002)  # no run waits any more, only the preparation of the next
    if running:
        os.write(0, b".")


def _reap() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def write(folder: int, name: str, data: bytes) -> None:
    fd = os.open(name, os.O_WRONLY, dir_fd=folder)
    try:
        os.write(fd, data)
    finally:
        os.close(fd)


def open_box(limits: dict[str, Any], uid: int | None) -> None:
    """Mount a run folder of bounded size."""
    _tmpfs(BOX, f"{limits['disk_mb']}m", options=f",nr_inodes={limits['inodes']}")
    lay_out(BOX, uid)
    for name, target in _BOXED.items():
        if not any(os.scandir(target)):  # something that is to be read may lie below /tmp
            syscalls.mount(f"{BOX}/{name}", target, None, syscalls.MS_BIND)


def lay_out(box: str, uid: int | None) -> None:
    """Make the folders of a run, which are its user's."""
    own(box, uid)
    for name in FOLDERS:
        os.mkdir(f"{box}/{name}")
        own(f"{box}/{name}", uid)


def own(path: str | int, uid: int | None) -> None:
    """Give a file or folder to a run's user, where it has one of its own."""
    if uid is not None:
        os.chown(path, uid, uid)


def close_box() -> None:
    """Unmount the run folder, with all that is in it; every process of the run has ended."""
    device = os.stat(BOX).st_dev
    for target in (*_BOXED.values(), BOX):
        if os.stat(target).st_dev == device:
            syscalls.unmount(target)


_BOXED = {"tmp": "/tmp", "shm": "/dev/shm"}
FOLDERS = ("artifact", "out", *_BOXED)  # of a run
