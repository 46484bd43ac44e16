"""How a setting is declared: once, with the field that it is. The command line, the Python API and the checks of its
value read the declaration."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, get_args, get_type_hints


@dataclass(frozen=True)
class Option:
    """What is asked for by a setting; a field without one is no option of the command line.

    low, high: its range; a value that is the default need not lie in it. origin: in words, where the default comes
    from, if the value does not say so; None for one that says nothing. panel: the heading of a group of options. role:
    of a mapping by role, the one that the option is for. shown: what stands for the value in a help.
    """

    help: str
    low: float | None = None
    high: float | None = None
    origin: str | None = ""
    panel: str = ""
    role: str = ""
    shown: str = ""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A setting as its field declares it."""

    name: str
    kind: Any  # its type
    default: Any
    option: Option | None


def declared(concern: type[Any]) -> Mapping[str, Declared]:
    """All settings of a concern, a dataclass, by name."""
    kinds = get_type_hints(concern, include_extras=True)
    return {each.name: _declared(each.name, kinds[each.name], each.default) for each in fields(concern)}


def _declared(name: str, kind: Any, default: Any) -> Declared:
    option = next((part for part in get_args(kind)[1:] if isinstance(part, Option)), None)
    return Declared(name=name, kind=get_args(kind)[0] if option else kind, default=default, option=option)


def faults(record: Any) -> Iterator[str]:
    """What is wrong with the numbers among the settings: their types, and what lies out of their ranges.

    A float's range is what the command line takes: it keeps slips away and is no limit of what can be done.
    """
    for setting in declared(type(record)).values():
        value = getattr(record, setting.name)
        if setting.kind not in (int, float):
            continue
        whole = setting.kind is int
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            yield f"{setting.name} = {value!r} must be a {'whole number' if whole else 'number'}"
        elif value != setting.default:
            low, high = (setting.option.low, setting.option.high) if whole and setting.option else (None, None)
            if high is not None and not (low or 0) <= value <= high:
                yield f"{setting.name} = {value!r} must be from {low} to {high}"
            elif low and not low <= value:
                yield f"{setting.name} = {value!r} must be at least {low}"
            elif not 0 <= value < math.inf:
                yield f"{setting.name} = {value!r} must not be negative"
