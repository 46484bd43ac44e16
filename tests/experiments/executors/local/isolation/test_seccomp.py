"""The system call filter, asked instruction by instruction: both architectures and older kernels, on any machine."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from nightlab.experiments.executors.local.inside.kernel import seccomp

ALLOWED = 0x7FFF0000
REFUSED, ABSENT, NO_SUCH, SUCCEEDS = (0x50000 | error for error in (errno.EPERM, errno.ENOSYS, errno.ENOTTY, 0))
KILLED = 0x80000000
PID = 4711
X86, ARM = 0xC000003E, 0xC00000B7


def judge(code: bytes, architecture: int, number: int, *arguments: int) -> int:
    """What the filter answers to a call, as the kernel runs it."""
    data = struct.pack("iIQ6Q", number, architecture, 0, *[a % (1 << 64) for a in (*arguments, *[0] * 6)[:6]])
    at = value = 0
    while True:
        operation, yes, no, k = struct.unpack_from("HBBI", code, 8 * at)
        at += 1
        if operation == 0x06:
            return int(k)
        if operation == 0x20:
            (value,) = struct.unpack_from("I", data, k)
        elif operation == 0x54:
            value &= k
        else:
            holds = {0x15: value == k, 0x25: value > k, 0x45: bool(value & k)}[operation]
            at += yes if holds else no


def filtered(*, namespaces: bool, user: bool = False, scoped: bool = True, network: bool = False) -> bytes:
    make = seccomp.program.__wrapped__
    return bytes(make(namespaces=namespaces, another_user=user, scoped=scoped, network=network, memfd=False, pid=PID))


@pytest.fixture(params=[False, True], ids=["x86_64", "aarch64"])
def arm(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(seccomp, "_ARM", request.param)
    return bool(request.param)


EVERYWHERE = {  # (x86_64, aarch64), arguments, answer at every level
    "a write": ((1, 64), (1, 0, 5), ALLOWED),
    "another program's shared memory": ((30, 196), (7, 0, 0), REFUSED),
    "its removal": ((31, 195), (7, 0), REFUSED),
    "another program's semaphores": ((66, 191), (7, 0, 16, 1), REFUSED),
    "another program's messages": ((70, 188), (7, 0, 9, 0, 0), REFUSED),
    "another program's queue": ((241, 181), (0x1000,), REFUSED),
    "the whole machine's disks": ((162, 81), (), SUCCEEDS),
    "a file's way to the disk": ((74, 82), (5,), SUCCEEDS),
    "a mapping's way to the disk": ((26, 227), (0x1000, 4096, 4), SUCCEEDS),
    "whether a page is there": ((26, 227), (0x1000, 4096, 1), ALLOWED),
    "a lease": ((72, 25), (5, 1024, 1), REFUSED),
    "notices of a folder": ((72, 25), (5, 1026, 1), REFUSED),
    "a hint for writing": ((72, 25), (5, 1036, 0x1000), REFUSED),
    "a hint of an open file": ((72, 25), (5, 1038, 0x1000), REFUSED),
    "flags of a descriptor": ((72, 25), (5, 2, 1), ALLOWED),
    "flags of an inode": ((16, 29), (5, 0x40086602, 0x1000), NO_SUCH),
    "flags of an inode, 32 bits": ((16, 29), (5, 0x40046602, 0x1000), NO_SUCH),
    "attributes of an inode": ((16, 29), (5, 0x401C5820, 0x1000), NO_SUCH),
    "a file that nobody can change any more": ((16, 29), (5, 0x40806685, 0x1000), NO_SUCH),
    "an encrypted folder": ((16, 29), (5, 0x800C6613, 0x1000), NO_SUCH),
    "a snapshot": ((16, 29), (5, 0x50009401, 0x1000), NO_SUCH),
    "what flags an inode has": ((16, 29), (5, 0x80086601, 0x1000), ALLOWED),
    "the size of a terminal": ((16, 29), (1, 0x5413, 0x1000), ALLOWED),
    "typing": ((16, 29), (0, 0x5412, 0x1000), REFUSED),
    "typing, with more bits": ((16, 29), (0, 0x100005412, 0x1000), REFUSED),
    "the priority of a user's programs": ((141, 140), (2, 0, 19), REFUSED),
    "the disk priority of a user's programs": ((251, 30), (3, 0, 3 << 13), REFUSED),
    "the priority of process 1": ((141, 140), (0, 1, 19), REFUSED),
    "the processors of process 1": ((203, 122), (1, 8, 0x1000), REFUSED),
    "its own priority": ((141, 140), (0, 0, 19), ALLOWED),
    "pages that are compared with others'": ((28, 233), (0x1000, 4096, 12), 0x50000 | errno.EINVAL),
    "pages that are not needed": ((28, 233), (0x1000, 4096, 4), ALLOWED),
    "a core for itself": ((157, 167), (62, 1, 0, 0, 0), REFUSED),
    "all its pages compared": ((157, 167), (67, 1, 0, 0, 0), REFUSED),
    "memory that nobody may look into": ((157, 167), (4, 0, 0, 0, 0), SUCCEEDS),
    "a name for its thread": ((157, 167), (15, 0x1000, 0, 0, 0), ALLOWED),
    "a pair of another family": ((53, 199), (30, 1, 0, 0x1000), 0x50000 | errno.EACCES),
    "a pair of streams": ((53, 199), (1, 0o2000001, 0, 0x1000), ALLOWED),
    "a child beside its parent": ((56, 220), (0x8011, 0, 0, 0, 0), REFUSED),
    "a user namespace": ((56, 220), (0x10000011, 0, 0, 0, 0), REFUSED),
    "a thread": ((56, 220), (0x3D0F00, 0x1000, 0, 0, 0), ALLOWED),
    "places for asynchronous input": ((206, 0), (1024, 0x1000), ABSENT),
    "notices of files": ((294, 26), (0,), ABSENT),
    "what the page cache holds": ((27, 232), (0x1000, 4096, 0x1000), ABSENT),
    "the same by reading": ((327, 286), (5, 0x1000, 1, 0, 0, 8), 0x50000 | errno.EOPNOTSUPP),
    "an advice to forget pages": ((221, 223), (5, 0, 0, 4), SUCCEEDS),
    "pages of files put out": ((28, 233), (0x1000, 4096, 21), 0x50000 | errno.EINVAL),
    "a large pipe": ((72, 25), (5, 1031, 1 << 20), REFUSED),
    "a call that nobody knows": ((9999, 9999), (), ABSENT),
}


@pytest.mark.parametrize("what", EVERYWHERE)
@pytest.mark.parametrize("namespaces", [True, False], ids=["S3", "S2"])
def test_what_reaches_others_is_refused_at_every_level(arm: bool, namespaces: bool, what: str) -> None:
    numbers, arguments, answer = EVERYWHERE[what]
    for user in (True, False):
        code = filtered(namespaces=namespaces, user=user)
        assert judge(code, ARM if arm else X86, numbers[arm], *arguments) == answer


WITHOUT_NAMESPACES = {
    "a pair of datagrams": ((53, 199), (1, 0o2000002, 0, 0x1000), 0x50000 | errno.EACCES),
    "a pair of raw sockets": ((53, 199), (1, 3, 0, 0x1000), 0x50000 | errno.EACCES),
    "attributes of a file that all may write": ((188, 5), (0x1000, 0x1000, 0x1000, 1, 0), REFUSED),
    "the priority of a process": ((141, 140), (0, 99, 19), REFUSED),
    "where another process keeps its locks": ((274, 100), (99, 0x1000, 0x1000), REFUSED),
}


@pytest.mark.parametrize("what", WITHOUT_NAMESPACES)
@pytest.mark.parametrize("user", [True, False], ids=["another user", "the same user"])
def test_what_a_namespace_would_hide_is_refused_without_one(arm: bool, user: bool, what: str) -> None:
    numbers, arguments, answer = WITHOUT_NAMESPACES[what]
    architecture = ARM if arm else X86
    assert judge(filtered(namespaces=True), architecture, numbers[arm], *arguments) == ALLOWED
    assert judge(filtered(namespaces=False, user=user), architecture, numbers[arm], *arguments) == answer


@pytest.mark.parametrize(
    ("numbers", "arguments"),
    [
        ((62, 129), (99, 9)),
        ((72, 25), (5, 8, 99)),
        ((16, 29), (5, 0x8901, 0x1000)),
        ((16, 29), (5, 0x8902, 0x1000)),
    ],
    ids=["a signal", "a signal of input", "a signal of a socket", "the same by its other name"],
)
def test_signals_to_the_same_user_are_refused_where_landlock_cannot(
    arm: bool, numbers: tuple[int, int], arguments: tuple[int, ...]
) -> None:
    architecture = ARM if arm else X86
    assert judge(filtered(namespaces=False, scoped=False), architecture, numbers[arm], *arguments) == REFUSED
    assert judge(filtered(namespaces=False, scoped=True), architecture, numbers[arm], *arguments) == ALLOWED
    assert judge(filtered(namespaces=False, scoped=False), architecture, (62, 129)[arm], PID, 9) == ALLOWED


def test_another_architectures_table_ends_the_process(arm: bool) -> None:
    assert judge(filtered(namespaces=True), X86 if arm else ARM, 1) == KILLED
    assert judge(filtered(namespaces=True), 0x40000003, 20) == KILLED  # int 0x80


def test_the_numbers_are_the_kernels() -> None:
    headers = [Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"), Path("/usr/include/asm-generic/unistd.h")]
    if not all(header.is_file() for header in headers):
        pytest.skip("the kernel's headers are not installed")
    tables = [
        {name: int(n) for name, n in re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)", header.read_text())}
        for header in headers
    ]
    ours = {name: pair for table in vars(seccomp).values() if isinstance(table, dict) for name, pair in table.items()}
    calls = {name: pair for name, pair in ours.items() if isinstance(pair, tuple) and not name.startswith("__")}
    assert len(calls) > 100
    for name, pair in calls.items():
        for number, table in zip(pair, tables, strict=True):
            assert number == table.get(name, number if name.endswith("by_handle_at") or number > 440 else 0), name
