"""Differences of two versions, and taking a change out again under later ones."""

from __future__ import annotations

import time

import pytest

from nightlab.experiments.template.artifact.diffs import diffs, unified, without

LINES = [f"line {i}\n" for i in range(20)]


def text(*changes: tuple[int, str]) -> dict[str, bytes]:
    lines = list(LINES)
    for i, new in changes:
        lines[i] = new
    return {"a.py": "".join(lines).encode(), "b.txt": b"same\n"}


def test_differences_are_counted_by_file_and_shown() -> None:
    (found,) = diffs(text(), text((3, "three\n3\n"), (9, "")))
    assert (found.file, found.added, found.removed) == ("a.py", 2, 2)
    shown = unified(text(), text((3, "three\n")))
    assert "--- a/a.py" in shown
    assert "-line 3\n+three\n" in shown
    assert "b.txt" not in shown
    assert diffs(text(), text()) == []


def test_a_change_is_taken_out_under_a_later_one() -> None:
    assert without(text((3, "A\n")), text(), text((3, "A\n"), (9, "B\n"))) == text((9, "B\n"))
    latest = text((3, "A\n"), (15, "B\nC\n"))
    assert without(latest, text((3, "A\n")), latest) == text((3, "A\n"))


def test_changes_of_the_same_or_neighbouring_lines_are_not_taken_apart() -> None:
    assert without(text((3, "A\n")), text(), text((3, "B\n"))) is None
    assert without(text((3, "A\n")), text(), text((3, "A\n"), (4, "B\n"))) is None


def test_bytes_that_are_no_text_survive() -> None:
    binary = {"a.bin": b"\xff\xfe\n\x00"}
    assert without(binary | text((3, "A\n")), binary | text(), binary | text((3, "A\n"))) == binary | text()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("x\n" * 90_000, "y\n" + "x\n" * 50_000 + "z\n" + "x\n" * 30_000),
        ("\n" * 200_000, "\n" * 199_999 + "a"),
        ("".join(f"{i % 100}\n" for i in range(60_000)), "".join(f"{i % 101}\n" for i in range(60_000))),
        ("".join(f"{i}\n" for i in range(20_000)), "".join(f"{-i}\n" for i in range(-20_000, 0))),
    ],
)
def test_no_text_takes_long_to_be_compared(old: str, new: str) -> None:
    before, after = {"a.txt": old.encode()}, {"a.txt": new.encode()}
    start = time.monotonic()
    (found,) = diffs(before, after)
    assert found.added - found.removed == len(new.splitlines()) - len(old.splitlines())
    assert unified(before, after)
    assert without(after, before, after) == before
    assert time.monotonic() - start < 10
