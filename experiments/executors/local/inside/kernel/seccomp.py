"""The system call filter: everything is allowed but what reaches out of a sandbox or grows the kernel's attack surface.

A deny-list, since an experiment may run any program; numbers that are newer than this file are refused as unknown.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import platform
import struct
from collections.abc import Iterable, Sequence

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
    "memfd_secret": (447, 447),  # memory that belongs to no process and no quota, as what follows
    # Whoever knows a number or a name reaches these objects of other programs; Landlock sees none of them.
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "shmdt": (67, 197), "semget": (64, 190),
    "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
    "mq_timedsend": (242, 182), "mq_timedreceive": (243, 183), "mq_notify": (244, 184), "mq_getsetattr": (245, 185),
}  # fmt: skip
# What a run writes is read from memory and gone with it: to wait for the disk is of no use to it, and slows others.
_IN_VAIN = {
    "sync": (162, 81), "syncfs": (306, 267), "fsync": (74, 82), "fdatasync": (75, 83), "sync_file_range": (277, 84),
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
_MINCORE, _PREADV2 = (27, 232), (327, 286)
_MADV_COLD, _MADV_PAGEOUT, _RWF_NOWAIT, _RWF_DONTCACHE = 20, 21, 0x8, 0x80
_IO_SETUP, _F_SETPIPE_SZ, _SETSOCKOPT, _SO_SNDBUF = (206, 0), 1031, (54, 208), 7
# Where files lie on a disk: what is sent holds space that no process is seen to hold, and only writing takes time.
_SENDING = {"sendmsg": (46, 211), "sendmmsg": (307, 269)}
_FALLOCATE = (285, 47)
# Landlock sees none of these, and the user's own files are in reach where neither a namespace nor another uid protects
# them. Changes of mode and owner seem to succeed, since much code makes them in passing.
_OWNERSHIP = {
    "chmod": (90, 0), "fchmod": (91, 52), "fchmodat": (268, 53), "chown": (92, 0), "lchown": (94, 0),
    "fchown": (93, 55), "fchownat": (260, 54),
}  # fmt: skip
_TIMES = {"utime": (132, 0), "utimes": (235, 0), "futimesat": (261, 0), "utimensat": (280, 88)}
_NO_NAMESPACES = {  # the first six leave notes on files that everybody may write
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14),
    "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "truncate": (76, 45), "pidfd_open": (434, 434),
}  # fmt: skip
_SCHEDULED = {  # the first argument is a process; 0 is the caller
    "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274), "get_robust_list": (274, 100),
}  # fmt: skip
_PRIORITIES = (((141, 140), 2), ((251, 30), 3))  # setpriority, ioprio_set: the second is; the first may mean a user
_SIGNALS = {
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240), "pidfd_send_signal": (424, 424),
}  # fmt: skip
_CLONE, _SOCKET, _PRLIMIT, _PRCTL, _IOCTL, _FCNTL = (56, 220), (41, 198), (302, 261), (157, 167), (16, 29), (72, 25)
_SOCKETPAIR, _MADVISE, _MSYNC = (53, 199), (28, 233), (26, 227)
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW*: user, pid, net, ipc, uts, cgroup, mount
_CLONE_PARENT = 0x8000  # makes a child that is not below its parent
_OWNING = (8, 15)  # fcntl's F_SETOWN, F_SETOWN_EX: who gets a signal of input
_FILE_EVENTS = (1024, 1026, 1036, 1038)  # fcntl's F_SETLEASE, F_NOTIFY, F_SET_RW_HINT, F_SET_FILE_RW_HINT
_TYPING, _OWNING_SOCKETS = (0x5412, 0x541C), (0x8901, 0x8902)  # ioctl's TIOCSTI, TIOCLINUX; FIOSETOWN, SIOCSPGRP
# The commands of file systems (inode flags, encryption, snapshots, defragmentation and so on): ext, generic and XFS,
# version, btrfs, f2fs. Through a descriptor that only reads they change what lies outside, whatever Landlock says.
_FILE_SYSTEMS = tuple(ord(c) << 8 for c in "fXv\x94\xf5")
_ASKING = (0x80086601, 0x80046601, 0x801C581F, 0x80087601, 0xC020660B)  # flags, attributes, version, extents
_UNIX, _INTERNET, _CONNECTED = 1, [2, 10], [1, 5]  # families of sockets; types: SOCK_STREAM, SOCK_SEQPACKET
_MERGING, _MS_SYNC = 12, 4  # madvise's MADV_MERGEABLE, whose pages are compared with those of all programs
_PR_SCHED_CORE, _PR_SET_MEMORY_MERGE = 62, 67  # keep others from a sibling core; as MADV_MERGEABLE


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
        self._within(call, argument, body)

    def refuse_values(self, call: tuple[int, int], argument: int, values: Iterable[int], error: int) -> None:
        self.refuse_if(call, argument, [(_EQUAL, value, True) for value in values], error)

    def refuse_but(
        self, call: tuple[int, int], argument: int, values: Sequence[int], error: int, mask: int = 0xFFFFFFFF
    ) -> None:
        """Refuse `call` unless the low half of an argument, less what `mask` leaves out, is one of the values."""
        body = _Program()
        body.add(_AND, mask)
        for index, value in enumerate(values):
            body.add(_EQUAL, value, len(values) - index, 0)
        body.add(_RETURN, _ERRNO | error)
        self._within(call, argument, body)

    def refuse_types(
        self, call: tuple[int, int], argument: int, types: Sequence[int], spared: Sequence[int], error: int
    ) -> None:
        """Refuse `call` where the second byte of an argument is one of the types, but spare some values."""
        body = _Program()
        for index, value in enumerate(spared):
            body.add(_EQUAL, value, len(spared) - index + 2 * len(types), 0)
        body.add(_AND, 0xFF00)
        for value in types:
            body.add(_EQUAL, value, 0, 1)
            body.add(_RETURN, _ERRNO | error)
        self._within(call, argument, body)

    def _within(self, call: tuple[int, int], argument: int, body: _Program) -> None:
        """Only for `call`: let `body` judge the low half of an argument."""
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
    filter_.refuse(_IN_VAIN.values(), 0)
    _arguments(filter_)
    _shared(filter_, namespaces=namespaces, network=network)
    _sockets(filter_, namespaces=namespaces, network=network)
    if namespaces:
        for call in _SCHEDULED.values():
            filter_.refuse_values(call, 0, [1], errno.EPERM)  # process 1, which ends the run, may be the same user's
        for call, _ in _PRIORITIES:
            filter_.refuse_values(call, 1, [1], errno.EPERM)
    else:
        _without_namespaces(filter_, another_user=another_user, only=None if scoped or another_user else pid)
    filter_.add(_RETURN, _ALLOW)
    return b"".join(filter_.code)


def _arguments(program: _Program) -> None:
    """Calls that are refused for what they ask, at every level."""
    program.refuse_if(_CLONE, 0, [(_SET, _NEW_NAMESPACES | _CLONE_PARENT, True)], errno.EPERM)
    program.refuse_if(_PRLIMIT, 0, [(_EQUAL, 0, False)], errno.EPERM)
    options = (syscalls.PR_SET_PDEATHSIG, syscalls.PR_SET_CHILD_SUBREAPER, _PR_SCHED_CORE, _PR_SET_MEMORY_MERGE)
    program.refuse_values(_PRCTL, 0, options, errno.EPERM)
    program.refuse_values(_FCNTL, 1, _FILE_EVENTS, errno.EPERM)
    program.refuse_values(_IOCTL, 1, _TYPING, errno.EPERM)
    program.refuse_types(_IOCTL, 1, _FILE_SYSTEMS, _ASKING, errno.ENOTTY)
    program.refuse_values(_MADVISE, 2, [_MERGING], errno.EINVAL)
    program.refuse_if(_MSYNC, 2, [(_SET, _MS_SYNC, True)], 0)
    for call, user in _PRIORITIES:
        program.refuse_values(call, 0, [user], errno.EPERM)


def _shared(program: _Program, *, namespaces: bool, network: bool) -> None:
    """What all runs and the machine share, and what would hide from those who count what a run uses."""
    program.refuse_if(_IO_SETUP, 0, [(_EQUAL, 0, False)], errno.ENOSYS)
    program.refuse([*_POOLS.values(), _MINCORE], errno.ENOSYS)
    program.refuse(_ADVICE.values(), 0)
    program.refuse_values(_MADVISE, 2, [_MADV_COLD, _MADV_PAGEOUT], errno.EINVAL)
    program.refuse_if(_PREADV2, 5, [(_SET, _RWF_NOWAIT | _RWF_DONTCACHE, True)], errno.EOPNOTSUPP)
    program.refuse_values(_FCNTL, 1, [_F_SETPIPE_SZ], errno.EPERM)
    if not network:
        program.refuse_values(_SETSOCKOPT, 2, [_SO_SNDBUF], 0)  # so that to count sockets bounds them
    program.refuse_values(_PRCTL, 0, [syscalls.PR_SET_DUMPABLE], 0)  # else an ordinary user's monitor cannot look
    if not namespaces:
        program.refuse([_FALLOCATE], errno.EOPNOTSUPP)
        if not network:
            program.refuse(_SENDING.values(), errno.EPERM)


def _without_namespaces(program: _Program, *, another_user: bool, only: int | None) -> None:
    """What a namespace would keep out of reach. only: the process that may be signalled, where not all may."""
    program.refuse(_NO_NAMESPACES.values(), errno.EPERM)
    if not another_user:
        program.refuse(_OWNERSHIP.values(), 0)
        program.refuse(_TIMES.values(), errno.EPERM)
    for call in _SCHEDULED.values():
        program.refuse_if(call, 0, [(_EQUAL, 0, False)], errno.EPERM)
    for call, _ in _PRIORITIES:
        program.refuse_if(call, 1, [(_EQUAL, 0, False)], errno.EPERM)
    if only is not None:
        for call in _SIGNALS.values():
            program.refuse_if(call, 0, [(_EQUAL, only, False)], errno.EPERM)
        program.refuse_values(_FCNTL, 1, _OWNING, errno.EPERM)
        program.refuse_values(_IOCTL, 1, _OWNING_SOCKETS, errno.EPERM)


def _sockets(program: _Program, *, namespaces: bool, network: bool) -> None:
    """Local sockets only inside namespaces, internet sockets there or with the network; pairs are always there.

    One of a pair of datagrams can still be sent to any name: without namespaces pairs are streams.
    """
    families = [_UNIX, *_INTERNET] if namespaces else _INTERNET if network else []  # a network of its own is closed
    program.refuse_but(_SOCKET, 0, families, errno.EACCES)
    program.refuse_but(_SOCKETPAIR, 0, [_UNIX], errno.EACCES)
    if not namespaces:
        program.refuse_but(_SOCKETPAIR, 1, _CONNECTED, errno.EACCES, mask=0xF)
