"""Knobs in words for a model, and its values as a checked assignment."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from nightlab.experiments.contract import Constraint
from nightlab.experiments.records import Knob, Params, ParamValue
from nightlab.experiments.template import Template


class ParameterRefused(Exception):
    """A value that a knob cannot take; the message says what would do."""


def assigned(given: Mapping[str, Any], before: Params, knobs: Sequence[Knob]) -> dict[str, ParamValue]:
    """The whole assignment with what was given; numbers may come as text.

    Raises ParameterRefused for an unknown name and for a value out of range.
    """
    known = {k.name: k for k in knobs}
    if unknown := [name for name in given if name not in known]:
        raise ParameterRefused(f"{unknown[0]!r} is no parameter that may change; those are {', '.join(known)}")
    return {**before, **{name: _value(known[name], value) for name, value in given.items()}}


def _value(knob: Knob, given: Any) -> ParamValue:
    if knob.type == "choice":
        for choice in knob.choices:
            if given == choice or str(given) == str(choice):
                return choice
        raise ParameterRefused(f"{knob.name} must be one of {_choices(knob)}, not {given!r}")
    try:
        number = math.nan if isinstance(given, bool) else float(given)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not knob.low <= number <= knob.high or (knob.type == "int" and number != int(number)):
        kind = "a whole number" if knob.type == "int" else "a number"
        raise ParameterRefused(f"{knob.name} must be {kind} from {knob.low:g} to {knob.high:g}, not {given!r}")
    return int(number) if knob.type == "int" else number


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
        "editable": spec.artifact.editable,
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
    return f"{knob.name}: {knob.type} from {knob.low:g} to {knob.high:g}{log}; default {knob.default:g}"


def _another(knob: Knob) -> ParamValue:
    """Some value other than the default, halfway to an end of the range."""
    if knob.type == "choice":
        return next(c for c in knob.choices if c != knob.default)
    default = float(knob.default)
    end = knob.high if default < knob.high else knob.low
    halfway = math.sqrt(default * end) if knob.log else (default + end) / 2
    return math.ceil(halfway) if knob.type == "int" else float(f"{halfway:.2g}")


def _choices(knob: Knob) -> str:
    return ", ".join(str(c) for c in knob.choices)
