"""The words of a command, taken apart outside by `template/command.py`, with the values that only a run knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any


def filled(pieces: Sequence[Any], values: Mapping[str, str]) -> str:
    """The word of these pieces: text, or a name with what stands there without a value and with one."""
    return "".join(piece if isinstance(piece, str) else _piece(values, *piece) for piece in pieces)


def _piece(values: Mapping[str, str], name: str, without: str, instead: str | None) -> str:
    if name not in values:
        return without
    return values[name] if instead is None else instead


def is_only(pieces: Sequence[Any], names: Collection[str]) -> bool:
    """Whether a word is nothing but one of these names."""
    return len(pieces) == 1 and not isinstance(pieces[0], str) and pieces[0][0] in names and pieces[0][2] is None
