"""Values between a judge and a candidate: what JSON has, numeric arrays as they are, and tuples, sets, complex numbers
and dicts with any keys by a mark. Nothing else: no object of a class comes through."""

from __future__ import annotations

import math
from typing import Any

_MARK = "\1kind"


def packed(value: Any) -> Any:
    """The value as plain data; TypeError for what has none."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {_MARK: "float", "of": str(value)}
    if isinstance(value, complex):
        return {_MARK: "complex", "of": [packed(value.real), packed(value.imag)]}
    if isinstance(value, list):
        return [packed(each) for each in value]
    if isinstance(value, tuple):
        return {_MARK: "tuple", "of": [packed(each) for each in value]}
    if isinstance(value, set | frozenset):
        return {_MARK: "set", "of": [packed(each) for each in value]}
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and _MARK not in value:
            return {key: packed(each) for key, each in value.items()}
        return {_MARK: "dict", "of": [[packed(key), packed(each)] for key, each in value.items()]}
    if type(value).__module__.partition(".")[0] == "numpy":
        return _of_numpy(value)
    raise TypeError(f"{type(value).__qualname__} is no plain value")


def _of_numpy(value: Any) -> Any:
    kind = getattr(value, "dtype", None)
    if kind is None or kind.kind not in "biufc":
        raise TypeError(f"an array of {kind} is no plain value")
    return packed(value.item()) if value.ndim == 0 else value


def unpacked(value: Any) -> Any:
    """The value that `packed` made plain data of."""
    if isinstance(value, list):
        return [unpacked(each) for each in value]
    if not isinstance(value, dict):
        return value
    kind, of = value.get(_MARK), value.get("of")
    if kind == "float":
        return float(of)  # type: ignore[arg-type]
    if kind == "complex":
        return complex(unpacked(of[0]), unpacked(of[1]))  # type: ignore[index]
    if kind == "tuple":
        return tuple(unpacked(of))
    if kind == "set":
        return set(unpacked(of))
    if kind == "dict":
        return {unpacked(key): unpacked(each) for key, each in of}  # type: ignore[union-attr]
    return {key: unpacked(each) for key, each in value.items()}
