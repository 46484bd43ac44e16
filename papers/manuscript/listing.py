"""Listings: the difference of two versions of an artifact's files, line by line, as it stands there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

LINES = 40  # of one edit that a paper shows at most
_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True)
class Listed:
    """A line. number: in its own version of the file; 0 for a file's name. sign: of a line that went or came."""

    number: int
    sign: str
    text: str


@dataclass(frozen=True)
class Listing:
    """A part of a paper that quotes code. diff: in the usual notation, cut to what is shown; caption: markup."""

    key: str
    caption: str
    diff: str

    def lines(self) -> Iterator[Listed]:
        """The lines with their numbers."""
        old = new = last_old = last_new = 0
        for line in self.diff.split("\n"):
            if old < last_old or new < last_new:
                sign, text = line[:1].strip(), line[1:]
                yield Listed(old if sign == "-" else new, sign, text)
                old, new = old + (sign != "+"), new + (sign != "-")
            elif found := _HUNK.match(line):
                old, new = int(found[1]), int(found[3])
                last_old, last_new = old + int(found[2] or 1), new + int(found[4] or 1)
            elif line.startswith("+++ "):
                yield Listed(0, "", line.removeprefix("+++ ").removeprefix("b/"))


def cut(diff: str) -> tuple[str, bool]:
    """The first LINES lines of a difference, and whether there are more. Bytes that are no text show as such."""
    lines = diff.encode("utf-8", "replace").decode("utf-8").rstrip("\n").split("\n")
    return "\n".join(lines[:LINES]), len(lines) > LINES
