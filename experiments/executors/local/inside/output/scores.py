"""What an evaluator returned, as what a report can hold."""

from __future__ import annotations

import array
import base64
import contextlib
import hashlib
import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

_METRICS, _LEFT = 256, 20  # numbers that an evaluator may give, and other things that are told of
_ARRAYS, _NUMBERS = 8, 20_000  # arrays for figures, and numbers in each


def items(by_item: Mapping[Any, Any]) -> dict[str, str]:
    """Values by item as text: doubles, and of the groups whole numbers, equal for equal names."""
    found = {}
    for name, values in by_item.items():
        listed = getattr(values, "tolist", lambda values=values: list(values))()
        whole = [v if type(v) is int else _numbered(v) for v in listed] if name == "group" else None
        packed = array.array("d", listed) if whole is None else array.array("q", whole)
        found[str(name)[:100]] = base64.b64encode(packed.tobytes()).decode()
    return found


def arrays(given: Mapping[Any, Any]) -> tuple[dict[str, list[list[float]]], dict[str, str]]:
    """Arrays for figures as rows of numbers, and why others are none; within what a report can hold."""
    found: dict[str, list[list[float]]] = {}
    left: dict[str, str] = {}
    for name, values in list(given.items())[: _ARRAYS + _LEFT]:
        listed = getattr(values, "tolist", lambda values=values: values)()
        rows = [r if isinstance(r, list | tuple) else [r] for r in listed] if isinstance(listed, list | tuple) else []
        fits = len(found) < _ARRAYS and 0 < sum(map(len, rows)) <= _NUMBERS and len({len(row) for row in rows}) == 1
        table = [[number for value in row if (number := _number(value)) is not None] for row in rows] if fits else []
        if table and all(len(row) == len(rows[0]) for row in table):
            found[str(name)[:100]] = table
        else:
            left[f"arrays.{name}"[:100]] = f"no list or table of at most {_NUMBERS} finite numbers, or one too many"
    return found, left


def _numbered(name: Any) -> int:
    """The number of a group that has another name."""
    return int.from_bytes(hashlib.blake2b(str(name).encode(), digest_size=7).digest(), "big")


def metrics(found: Mapping[Any, Any], counting: Sequence[str]) -> tuple[dict[str, float], dict[str, str]]:
    """The numbers among what an evaluator returned, and why the rest are none; within what a report can hold."""
    values: dict[str, float] = {}
    left: dict[str, str] = {}
    for name, value in sorted(found.items(), key=lambda item: item[0] not in counting):
        number = _number(value)
        if number is not None and len(values) < _METRICS:
            values[str(name)[:100]] = number
        elif name in counting or len(left) < _LEFT:
            left[str(name)[:100]] = "one too many" if number is not None else f"{value!r:.100}, not a finite number"
    return values, left


def _number(value: Any) -> float | None:
    """Integers and the scalars of array libraries are numbers, truth values are not."""
    with contextlib.suppress(Exception):  # of a class that nobody here knows
        if getattr(value, "ndim", None) == 0:
            value = value.item()
        if isinstance(value, numbers.Number) and not isinstance(value, bool):
            return number if math.isfinite(number := float(value)) else None  # type: ignore[arg-type]
    return None
