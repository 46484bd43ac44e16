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


def items(by_item: Mapping[Any, Any]) -> dict[str, str]:
    """Values by item as text: doubles, and of the groups whole numbers, equal for equal names."""
    found = {}
    for name, values in by_item.items():
        listed = getattr(values, "tolist", lambda values=values: list(values))()
        whole = [v if type(v) is int else _numbered(v) for v in listed] if name == "group" else None
        packed = array.array("d", listed) if whole is None else array.array("q", whole)
        found[str(name)[:100]] = base64.b64encode(packed.tobytes()).decode()
    return found


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
