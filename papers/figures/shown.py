"""What a figure shows, kept as JSON beside it: who has another matplotlib can still compare the data."""

from __future__ import annotations

import functools
import inspect
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

P = ParamSpec("P")
Draw = Callable[Concatenate[Path, P], None]


def shown(draw: Draw[P]) -> Draw[P]:
    """Let a function that draws data into a file write its arguments beside that file, too, by their names."""
    names = list(inspect.signature(draw).parameters)[1:]

    @functools.wraps(draw)
    def both(path: Path, /, *args: P.args, **kwargs: P.kwargs) -> None:
        draw(path, *args, **kwargs)
        data = dict(zip(names, args, strict=False)) | kwargs
        text = json.dumps(data, indent=1, ensure_ascii=False, default=_plain)
        path.with_suffix(".json").write_text(f"{text}\n", encoding="utf-8", errors="surrogateescape")

    return both


def _plain(value: Any) -> Any:
    """A record as its fields, a number of numpy as one of Python."""
    return value.item() if hasattr(value, "item") else asdict(value)


def same(one: Any, other: Any) -> bool:
    """Whether two such data are equal, numbers to what two processors may differ in."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return type(one) is type(other) and bool(one == other)
