"""From facts to tables: cells that are marks, so that no number is typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from nightlab.experiments.records import Fact
from nightlab.papers.manuscript.markup import literal

T = TypeVar("T")
NONE = "–"  # a cell that has nothing to tell
Number: TypeAlias = Fact | str | None  # a fact, its id, or nothing


def mark(number: Number) -> str:
    """The markup of a fact."""
    if number is None:
        return NONE
    return f"{{fact:{number.id if isinstance(number, Fact) else number}}}"


def plus_minus(mean: Number, error: Number) -> str:
    """A mean with its standard error, where there is one."""
    return mark(mean) if mean is None or error is None else f"{mark(mean)} ± {mark(error)}"


def interval(low: Number, high: Number) -> str:
    """The two ends of an interval."""
    return f"[{mark(low)}, {mark(high)}]"


def spaced(items: Sequence[T], most: int) -> list[T]:
    """At most so many of the items, evenly spaced in their order; all where they are no more."""
    if len(items) <= most:
        return list(items)
    return [items[round(i * (len(items) - 1) / max(1, most - 1))] for i in range(most)]


def code(text: str) -> str:
    """A name as it stands in code, whatever letters it holds."""
    return literal(text) if not text or set(text) & set("`{}\n") else f"`{text}`"
