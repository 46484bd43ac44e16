"""Small helpers of the frames' words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

Phrasings: TypeAlias = tuple[str, ...]  # whole sentences of markup, with their facts as {fact:ID}
Said: TypeAlias = Iterator[tuple[str, Phrasings]]  # frames by their names

SIDES = {"baseline": "the baseline", "best": "the best configuration"}
SPLITS = {"dev": "the development split", "holdout": "the holdout"}


def fact(id: str) -> str:
    return f"{{fact:{id}}}"


def words(text: str) -> str:
    return text.replace("_", " ")


def listed(items: Sequence[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def interval(key: str, coverage: str = "setting.coverage") -> str:
    return f"{{fact:{coverage}}} interval {fact(f'{key}.low')} to {fact(f'{key}.high')}"
