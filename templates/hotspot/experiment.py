"""Edit distances: how few insertions, deletions and substitutions of letters turn one text into another.

The judge calls `distances` with lists of pairs. Which implementation answers, and by which short cuts, is chosen by the
parameters; the slow one that the study starts from is `table`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

CHOSEN: dict[str, Any] = {}


def start(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:  # noqa: ARG001 - nothing is left to chance
    """Choose the implementation."""
    CHOSEN.update(params)
    base = ALGORITHMS[params["algorithm"]]
    CHOSEN["distance"] = lru_cache(params["cache"])(base) if params["cache"] else base


def distances(pairs: list[list[str]]) -> list[int]:
    """The edit distance of each pair of texts."""
    return [distance(first, second) for first, second in pairs]


def distance(a: str, b: str) -> int:
    if CHOSEN["equal_first"] and a == b:
        return 0
    if CHOSEN["trim"] != "nothing":
        a, b = trimmed(a, b, both=CHOSEN["trim"] == "both")
    if (CHOSEN["order"] == "shorter_first" and len(a) > len(b)) or (
        CHOSEN["order"] == "longer_first" and len(a) < len(b)
    ):
        a, b = b, a
    if not a or not b:
        return len(a) + len(b)
    return CHOSEN["distance"](a, b)


def trimmed(a: str, b: str, *, both: bool) -> tuple[str, str]:
    """The texts without the beginning, and the end, that they have in common."""
    most = min(len(a), len(b))
    head = 0
    while head < most and a[head] == b[head]:
        head += 1
    a, b, most, tail = a[head:], b[head:], most - head, 0
    while both and tail < most and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    return a[: len(a) - tail], b[: len(b) - tail]


def table(a: str, b: str) -> int:
    """The textbook's table of all prefixes."""
    rows = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i in range(len(a) + 1):
        rows[i][0] = i
    for j in range(len(b) + 1):
        rows[0][j] = j
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            cost = 0 if a[i - 1] == b[j - 1] else 1
            rows[i][j] = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + cost)
    return rows[-1][-1]


def two_rows(a: str, b: str) -> int:
    """The same table, of which only the last row is kept, and no call in the inner loop."""
    above = list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        left, row = i, [i]
        corner = i - 1
        for up, other in zip(above[1:], b, strict=True):
            best = corner if letter == other else corner + 1
            if up < best:
                best = up + 1
            if left < best:
                best = left + 1
            row.append(best)
            left, corner = best, up
        above = row
    return above[-1]


def banded(a: str, b: str) -> int:
    """Only the cells near the diagonal, in a band that is widened until the distance fits into it."""
    band = CHOSEN["band"]
    while (found := within(a, b, band)) > band:
        band *= CHOSEN["widen"]
    return found


def within(a: str, b: str, band: int) -> int:
    """The distance if it is at most `band`; else a larger number."""
    n, far = len(b), len(a) + len(b)
    if abs(len(a) - n) > band:
        return far
    above = [j if j <= band else far for j in range(n + 1)]
    for i, letter in enumerate(a, 1):
        low, high = max(1, i - band), min(n, i + band)
        row = [far] * (n + 1)
        row[0] = i if i <= band else far
        for j in range(low, high + 1):
            row[j] = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (letter != b[j - 1]))
        above = row
    return above[n] if above[n] <= band else far


def diagonals(a: str, b: str) -> int:
    """The table by its diagonals, each at once with numpy."""
    x, y = (np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32) for text in (a, b))
    m, n = len(x), len(y)
    before, last = np.zeros(m + 1, np.int64), np.zeros(m + 1, np.int64)
    last[:2] = 1
    for d in range(2, m + n + 1):
        low, high = max(1, d - n), min(m, d - 1)
        i = np.arange(low, high + 1)
        row = np.full(m + 1, d)
        best = before[i - 1] + (x[i - 1] != y[d - i - 1])
        row[i] = np.minimum(best, np.minimum(last[i - 1], last[i]) + 1)
        before, last = last, row
    return int(last[m])


def furthest(a: str, b: str) -> int:
    """How far each diagonal is reached with so many edits, until the end is reached."""
    m, n = len(a), len(b)
    reach = {0: common(a, b, 0, 0)}
    edits = 0
    while reach.get(n - m, -1) < m:
        edits += 1
        wider = {}
        for k in range(max(-m, -edits), min(n, edits) + 1):
            i = max(reach.get(k, -2) + 1, reach.get(k - 1, -2), reach.get(k + 1, -2) + 1)
            i = min(i, m, n - k)
            if i >= max(0, -k):
                wider[k] = common(a, b, i, i + k)
        reach = wider
    return edits


def common(a: str, b: str, i: int, j: int) -> int:
    """Where in `a` the letters from a[i] and b[j] on cease to be the same."""
    m, n = len(a), len(b)
    while i < m and j < n and a[i] == b[j]:
        i, j = i + 1, j + 1
    return i


def bits(a: str, b: str) -> int:
    """A column of the table as two whole numbers, whose bits say where it rises and falls."""
    where: dict[str, int] = {}
    for i, letter in enumerate(a):
        where[letter] = where.get(letter, 0) | 1 << i
    full, last, found = (1 << len(a)) - 1, 1 << (len(a) - 1), len(a)
    rises, falls = full, 0
    for letter in b:
        same = where.get(letter, 0)
        flat = same | falls
        diagonal = (((same & rises) + rises) ^ rises) | same
        up, down = falls | ~(diagonal | rises) & full, rises & diagonal
        if up & last:
            found += 1
        elif down & last:
            found -= 1
        up, down = (up << 1 | 1) & full, (down << 1) & full
        rises, falls = down | ~(flat | up) & full, up & flat
    return found


ALGORITHMS: dict[str, Callable[[str, str], int]] = {
    "table": table,
    "two_rows": two_rows,
    "banded": banded,
    "diagonals": diagonals,
    "furthest": furthest,
    "bits": bits,
}
