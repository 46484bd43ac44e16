"""Knobs in words for a model, and its values as a checked assignment."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from nightlab.experiments.numbers import written
from nightlab.experiments.records import Knob, Params, ParamValue
from nightlab.experiments.template.contract import Constraint
from nightlab.experiments.template.knobs.rules import broken, settled
from nightlab.experiments.template.knobs.tables import label
from nightlab.experiments.template.template import Template


class ParameterRefused(Exception):
    """A value that a knob cannot take; the message says what would do."""


def assigned(
    given: Mapping[str, Any], before: Params, knobs: Sequence[Knob], others: Sequence[Knob] = ()
) -> dict[str, ParamValue]:
    """The whole assignment with what was given; numbers may come as text. others: knobs that may not change here.

    Raises ParameterRefused for an unknown name and for a value out of range.
    """
    known = {k.name: k for k in knobs}
    if unknown := [name for name in given if name not in known]:
        raise ParameterRefused(f"{unknown[0]!r} is no parameter that may change; those are {', '.join(known)}")
    every = [*knobs, *(k for k in others if k.name not in known)]
    found = settled(every, {**before, **{name: _value(known[name], value) for name, value in given.items()}})
    if rule := broken(every, found):
        raise ParameterRefused(f"{rule} must hold, and with these values it does not")
    return found


def _value(knob: Knob, given: Any) -> ParamValue:
    if knob.type == "choice":
        for choice in knob.choices:
            if given == choice or str(given) == str(choice) or label(given) == choice:
                return choice
        raise ParameterRefused(f"{knob.name} must be one of {_choices(knob)}, not {given!r}")
    number = _number(given)
    if not knob.low <= number <= knob.high or (knob.type == "int" and number != int(number)):
        kind = "a whole number" if knob.type == "int" else "a number"
        raise ParameterRefused(f"{knob.name} must be {kind} {_range(knob)}, not {given!r}")
    return int(number) if knob.type == "int" else float(number)


def _number(given: Any) -> int | float:
    """Not a number where it is none; a whole one stays whole, since a float has not every large one."""
    for kind in (int, float):
        with suppress(TypeError, ValueError, OverflowError):
            if not isinstance(given, bool) and (kind is float or not isinstance(given, float)):
                return kind(given)
    return math.nan


def _range(knob: Knob) -> str:
    low, high = (written(int(v) if knob.type == "int" else v) for v in (knob.low, knob.high))
    return f"from {low} to {high}"


def the_task(template: Template, knobs: Sequence[Knob]) -> dict[str, Any]:
    """What a prompt says of a template; it stays the same throughout a study."""
    spec = template.spec
    module, _, function = (spec.run.entry or "").partition(":")
    interface = f"the function {function}(...) of {module}.py" if function else "how the program is called"
    return {
        "title": spec.template.title,
        "description": spec.template.description.strip(),
        "verb": "minimize" if template.sign < 0 else "maximize",
        "metric": template.metric,
        "bounds": [_bound(c) for c in spec.constraint],
        "timeout_s": f"{spec.run.timeout_s:g}",
        "memory_mb": spec.run.memory_mb,
        "network": spec.run.network,
        "knobs": [_described(k) for k in knobs],
        "example": json.dumps({k.name: _another(k) for k in knobs[:1]}),
        "editable": template.editable_names,
        "blocks": spec.artifact.blocks,
        "interface": f"{interface} and what it writes",
    }


def _bound(c: Constraint) -> str:
    sides = [f"at least {c.min:g}"] if c.min is not None else []
    sides += [f"at most {c.max:g}"] if c.max is not None else []
    return f"{c.metric} must be {' and '.join(sides)}"


def _described(knob: Knob) -> str:
    if knob.type == "choice":
        return f"{knob.name}: one of {_choices(knob)}; default {knob.default}"
    log = ", logarithmic" if knob.log else ""
    return f"{knob.name}: {knob.type} {_range(knob)}{log}; default {written(knob.default)}"


def _another(knob: Knob) -> ParamValue:
    """Some value other than the default, halfway to an end of the range."""
    if knob.type == "choice":
        return next(c for c in knob.choices if c != knob.default)
    default = float(knob.default)
    end = knob.high if default < knob.high else knob.low
    halfway = math.sqrt(default) * math.sqrt(end) if knob.log else default / 2 + end / 2
    return knob.nearest(math.ceil(halfway) if knob.type == "int" else halfway)


def _choices(knob: Knob) -> str:
    return ", ".join(str(c) for c in knob.choices)
