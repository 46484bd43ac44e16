"""Metrics, strictly: a flat table of finite numbers, in which an integer is a number and a truth value is not."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

_LARGEST = 1e300
_COUNT, _BYTES = 256, 1 << 17
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?|[-+]?(?:nan|inf|infinity)", re.IGNORECASE)


class InvalidMetrics(ValueError):
    """What was reported is no table of numbers; the message says why."""


def parse_json(text: bytes | str) -> dict[str, float]:
    """The metrics of a JSON object."""
    if len(text) > _BYTES:
        raise InvalidMetrics(f"the metrics are longer than {_BYTES} bytes")
    try:
        table = json.loads(text, object_pairs_hook=_no_duplicates, parse_constant=_not_finite, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise InvalidMetrics(f"the metrics are not valid JSON: {error}") from None
    return check(table)


def check(table: Any) -> dict[str, float]:
    """The metrics of a decoded table."""
    if not isinstance(table, Mapping):
        raise InvalidMetrics(f"the metrics must be a table of names and numbers, not {type(table).__name__}")
    if len(table) > _COUNT:
        raise InvalidMetrics(f"more than {_COUNT} metrics")
    return {_name(name): _number(name, value) for name, value in table.items()}


def from_words(words: Mapping[str, str], needed: Iterable[str]) -> dict[str, float]:
    """The metrics of printed lines; a word that is no finite number is none, unless it is `needed`."""
    found = {}
    for name, word in words.items():
        try:
            found[name] = _number(name, float(word) if _DECIMAL.fullmatch(word) else word)
        except InvalidMetrics:
            if name in needed:
                raise
    return found


def require(metrics: Mapping[str, float], names: Iterable[str], source: str) -> None:
    """Raise for the first metric that is missing."""
    for name in names:
        if name not in metrics:
            there = ", ".join(sorted(metrics)) or "none"
            told = f"the metric {name!r} is missing from {source} (found: {there})"
            raise InvalidMetrics(f"{told}; [objective] or a [[constraint]] names it")


def _name(name: object) -> str:
    if not isinstance(name, str) or not name.isascii() or not name.isidentifier() or len(name) > 64:
        raise InvalidMetrics(f"{name!r:.80} is no name for a metric: letters, digits and underscores")
    return name


def _number(name: object, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidMetrics(f"the metric {name!r:.80} is {value!r:.80}, not a number")
    if isinstance(value, int) and abs(value) > _LARGEST:
        raise InvalidMetrics(f"the metric {name!r:.80} is too large")
    if not math.isfinite(value) or abs(value) > _LARGEST:
        raise InvalidMetrics(f"the metric {name!r:.80} is {value!r}, not a finite number")
    return float(value)


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise InvalidMetrics("a metric is given twice")
    return table


def _not_finite(word: str) -> float:
    raise InvalidMetrics(f"{word} is not a finite number")


def _integer(word: str) -> int:
    if len(word) > 300:
        raise InvalidMetrics("an integer with more than 300 digits")
    return int(word)
