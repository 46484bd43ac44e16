"""The blocks of a file that may change: the lines between one that holds NAME-START and one that holds NAME-END."""

from __future__ import annotations

from collections.abc import Iterator


def of_lines(text: str, name: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it lies in a block; the marks themselves lie outside."""
    inside = False
    for line in text.splitlines(keepends=True):
        if inside and f"{name}-END" in line:
            inside = False
        yield line, inside
        inside = inside or f"{name}-START" in line


def outside(text: str, name: str) -> tuple[str, ...]:
    """What must stay as it is: the lines outside of blocks, and in the place of each block nothing."""
    return tuple(line for line, inside in of_lines(text, name) if not inside)


def numbers(text: str, name: str) -> frozenset[int]:
    """The numbers of the lines in blocks, from 1."""
    return frozenset(n for n, (_, inside) in enumerate(of_lines(text, name), 1) if inside)


def fault(text: str, name: str) -> str:
    """Why a file has no blocks that can be told from the rest; empty where it has."""
    starts = sum(f"{name}-START" in line for line in text.splitlines())
    ends = sum(f"{name}-END" in line for line in text.splitlines())
    if not starts:
        return f"has no line with {name}-START"
    if starts != ends or not numbers(text, name):
        return f"has {starts} lines with {name}-START and {ends} with {name}-END; each block needs one of both"
    return ""
