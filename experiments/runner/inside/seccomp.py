"""The system call filter: everything is allowed but what reaches out of a sandbox or grows the kernel's attack surface.

A deny-list, since an experiment may run any program; numbers that are newer than this file are refused as unknown.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import platform
import struct
from collections.abc import Iterable

from . import syscalls

_ARM = platform.machine() == "aarch64"
_NEWEST = 450
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _GREATER, _SET, _RETURN, _AND = 0x20, 0x15, 0x25, 0x45, 0x06, 0x54

# (x86_64, aarch64); 0 where there is no such call
_REFUSED = {
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "pidfd_getfd": (438, 438),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "acct": (163, 89),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "syslog": (103, 116), "iopl": (172, 0), "ioperm": (173, 0),
    "sethostname": (170, 161), "setdomainname": (171, 162), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "modify_ldt": (154, 0), "vhangup": (153, 58), "lookup_dcookie": (212, 18), "uselib": (134, 0), "sysfs": (139, 0),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "fanotify_init": (300, 262),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264),
    # memory that belongs to no process and no quota
    "memfd_secret": (447, 447), "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
}  # fmt: skip
_ABSENT = {
    "clone3": (435, 435),  # its flags lie in memory, where no filter can look; the C library falls back to clone
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
}  # fmt: skip
_MEMFD = (319, 279)
# Pools of the whole machine, and memory that no process is seen to hold.
_POOLS = {"inotify_init": (253, 0), "inotify_init1": (294, 26), "vmsplice": (278, 75)}
# The page cache is every run's: advice on it seems to be taken, and what is in it is not told.
_ADVICE = {"fadvise64": (221, 223), "readahead": (187, 213)}
_MINCORE, _MADVISE_PAGES, _PREADV2 = (27, 232), (28, 233), (327, 286)
_MADV_COLD, _MADV_PAGEOUT, _RWF_NOWAIT, _RWF_DONTCACHE = 20, 21, 0x8, 0x80
_IO_SETUP, _CLONE_PARENT, _F_SETPIPE_SZ, _SETSOCKOPT, _SO_SNDBUF = (206, 0), 0x8000, 1031, (54, 208), 7
# Where files lie on a disk: what is sent holds space that no process is seen to hold, and only writing takes time.
_SENDING = {"sendmsg": (46, 211), "sendmmsg": (307, 269)}
_FALLOCATE = (285, 47)
# Landlock sees none of these, and the user's own files are in reach where neither a namespace nor another uid protects
# them. Changes of mode and owner seem to succeed, since much code makes them in passing.
_PRETENDED = {
    "chmod": (90, 0), "fchmod": (91, 52), "fchmodat": (268, 53), "chown": (92, 0), "lchown": (94, 0),
    "fchown": (93, 55), "fchownat": (260, 54),
}  # fmt: skip
_METADATA = {
    "utime": (132, 0), "utimes": (235, 0), "futimesat": (261, 0), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16),
}  # fmt: skip
_NO_NAMESPACES = {
    "truncate": (76, 45), "inotify_init": (253, 0), "inotify_init1": (294, 26), "pidfd_open": (434, 434),
}  # fmt: skip
_SELF_ONLY = {  # the first argument is a process; 0 is the caller
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
}  # fmt: skip
_WHOSE = {"setpriority": (141, 140), "ioprio_set": (251, 30)}  # the second argument is
_SIGNALS = {
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424),
}  # fmt: skip
_CLONE, _SOCKET, _PRLIMIT, _PRCTL, _IOCTL, _FCNTL = (56, 220), (41, 198), (302, 261), (157, 167), (16, 29), (72, 25)
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW*: user, pid, net, ipc, uts, cgroup, mount
_TIOCSTI, _TIOCLINUX, _F_SETOWN, _F_SETOWN_EX = 0x5412, 0x541C, 8, 15


class _Program:
    """Classic BPF, appended instruction by instruction; offsets of jumps are relative and small."""

    def __init__(self) -> None:
        self.code: list[bytes] = []

    def add(self, code: int, k: int, yes: int = 0, no: int = 0) -> None:
        self.code.append(struct.pack("HBBI", code, yes, no, k & 0xFFFFFFFF))

    def refuse(self, calls: Iterable[tuple[int, int]], error: int) -> None:
        for pair in calls:
            if number := pair[_ARM]:
                self.add(_EQUAL, number, 0, 1)
                self.add(_RETURN, _ERRNO | error)

    def refuse_if(
        self, call: tuple[int, int], argument: int, tests: Iterable[tuple[int, int, bool]], error: int
    ) -> None:
        """Refuse `call` where one of the (comparison, value, wanted result) holds for the low half of an argument."""
        body = _Program()
        for comparison, value, wanted in tests:
            body.add(comparison, value, *((0, 1) if wanted else (1, 0)))
            body.add(_RETURN, _ERRNO | error)
        self.add(_EQUAL, call[_ARM], 0, len(body.code) + 2)
        self.add(_LOAD, 16 + 8 * argument)
        self.code += body.code
        self.add(_LOAD, 0)


def install(code: bytes) -> None:
    """Filter this process and its children for good by what `program` made."""
    buffer = ctypes.create_string_buffer(code, len(code))
    syscalls.prctl(syscalls.PR_SET_SECCOMP, 2, struct.pack("HxxxxxxQ", len(code) // 8, ctypes.addressof(buffer)))


@functools.lru_cache
def program(*, namespaces: bool, another_user: bool, scoped: bool, network: bool, memfd: bool, pid: int) -> bytes:
    """The instructions of a filter.

    namespaces: it has its own (S3), so that other processes and the user's files are out of sight already.
    another_user: it runs as nobody else does, so that the files of others keep it out.
    scoped: Landlock itself refuses signals out of the sandbox.
    pid: the only process that may be signalled where nothing else refuses it.
    """
    filter_ = _Program()
    filter_.add(_LOAD, 4)
    filter_.add(_EQUAL, 0xC00000B7 if _ARM else 0xC000003E, 1, 0)
    filter_.add(_RETURN, _KILL)  # another architecture's call table (int 0x80)
    filter_.add(_LOAD, 0)
    filter_.add(_GREATER, _NEWEST, 0, 1)
    filter_.add(_RETURN, _ERRNO | errno.ENOSYS)
    filter_.refuse(_REFUSED.values(), errno.EPERM)
    filter_.refuse([*_ABSENT.values(), *([] if memfd else [_MEMFD])], errno.ENOSYS)
    filter_.refuse_if(_CLONE, 0, [(_SET, _NEW_NAMESPACES, True)], errno.EPERM)
    filter_.refuse_if(_PRLIMIT, 0, [(_EQUAL, 0, False)], errno.EPERM)
    filter_.refuse_if(_PRCTL, 0, [(_EQUAL, syscalls.PR_SET_PDEATHSIG, True)], errno.EPERM)
    filter_.refuse_if(_PRCTL, 0, [(_EQUAL, syscalls.PR_SET_CHILD_SUBREAPER, True)], errno.EPERM)
    filter_.refuse_if(_IOCTL, 1, [(_EQUAL, _TIOCSTI, True), (_EQUAL, _TIOCLINUX, True)], errno.EPERM)
    _shared(filter_, namespaces=namespaces, network=network)
    _sockets(filter_, namespaces=namespaces, network=network)
    if not namespaces:
        filter_.refuse(_NO_NAMESPACES.values(), errno.EPERM)
        if not another_user:
            filter_.refuse(_PRETENDED.values(), 0)
            filter_.refuse(_METADATA.values(), errno.EPERM)
        for call in _SELF_ONLY.values():
            filter_.refuse_if(call, 0, [(_EQUAL, 0, False)], errno.EPERM)
        for call in _WHOSE.values():
            filter_.refuse_if(call, 1, [(_EQUAL, 0, False)], errno.EPERM)
        if not (scoped or another_user):
            for call in _SIGNALS.values():
                filter_.refuse_if(call, 0, [(_EQUAL, pid, False)], errno.EPERM)
            filter_.refuse_if(_FCNTL, 1, [(_EQUAL, _F_SETOWN, True), (_EQUAL, _F_SETOWN_EX, True)], errno.EPERM)
    filter_.add(_RETURN, _ALLOW)
    return b"".join(filter_.code)


def _shared(program: _Program, *, namespaces: bool, network: bool) -> None:
    """What all runs and the machine share, and what would hide from those who count what a run uses."""
    program.refuse_if(_CLONE, 0, [(_SET, _CLONE_PARENT, True)], errno.EPERM)  # a child that is not below its parent
    program.refuse_if(_IO_SETUP, 0, [(_EQUAL, 0, False)], errno.ENOSYS)
    program.refuse([*_POOLS.values(), _MINCORE], errno.ENOSYS)
    program.refuse(_ADVICE.values(), 0)
    program.refuse_if(_MADVISE_PAGES, 2, [(_EQUAL, _MADV_COLD, True), (_EQUAL, _MADV_PAGEOUT, True)], errno.EINVAL)
    program.refuse_if(_PREADV2, 5, [(_SET, _RWF_NOWAIT | _RWF_DONTCACHE, True)], errno.EOPNOTSUPP)
    program.refuse_if(_FCNTL, 1, [(_EQUAL, _F_SETPIPE_SZ, True)], errno.EPERM)
    if not network:
        program.refuse_if(_SETSOCKOPT, 2, [(_EQUAL, _SO_SNDBUF, True)], 0)  # so that to count sockets bounds them
    if not namespaces:
        program.refuse_if(_PRCTL, 0, [(_EQUAL, syscalls.PR_SET_DUMPABLE, True)], 0)
        program.refuse([_FALLOCATE], errno.EOPNOTSUPP)
        if not network:
            program.refuse(_SENDING.values(), errno.EPERM)


def _sockets(program: _Program, *, namespaces: bool, network: bool) -> None:
    """Local sockets only inside namespaces, internet sockets only with the network; socketpair is always there."""
    families = ([1] if namespaces else []) + ([2, 10] if network else [])
    body = _Program()
    for index, family in enumerate(families):
        body.add(_EQUAL, family, len(families) - index, 0)
    program.add(_EQUAL, _SOCKET[_ARM], 0, len(body.code) + 3)
    program.add(_LOAD, 16)
    program.code += body.code
    program.add(_RETURN, _ERRNO | errno.EACCES)
    program.add(_LOAD, 0)
