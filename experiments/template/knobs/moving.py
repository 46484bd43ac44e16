"""Assignments that move one knob, to see whether it acts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nightlab.experiments.records import Knob, Params
from nightlab.experiments.template.knobs.rules import broken, settled
from nightlab.experiments.template.template import Template

BESIDE = 4  # other knobs that are moved one by one for a knob that seems to do nothing


def moved(template: Template, knob: Knob) -> dict[str, Any] | None:
    """A valid assignment in which a knob has another value and an effect; None where none was found."""
    base = dict(template.defaults)
    by_name = {k.name: k for k in template.knobs}
    for name in _above(knob, by_name):
        for other, allowed in by_name[name].when.items():
            base[other] = base[other] if base[other] in allowed else allowed[0]
    for value in _values(knob):
        params = settled(template.knobs, {**base, knob.name: value})
        if value != knob.default and params[knob.name] == value and not broken(template.knobs, params):
            return params
    return None


def beside(template: Template, knob: Knob, params: Params) -> Iterator[tuple[str, Params]]:
    """Assignments with others moved: few alone, those with the fewest values first, then all of them."""
    others = [k for k in template.knobs if k is not knob and k.name not in knob.when and params[k.name] == k.default]
    other = {k.name: v for k in others if (v := next((v for v in _values(k) if v != k.default), None)) is not None}
    few = sorted(other, key=lambda name: next(len(k.choices) or 99 for k in others if k.name == name))[:BESIDE]
    yield from ((f"{name} is", {**params, name: other[name]}) for name in few)
    if len(other) > 1:
        yield "the others are", {**params, **other}


def _above(knob: Knob, by_name: Mapping[str, Knob]) -> Iterator[str]:
    """The knob, and those on which its effect depends."""
    yield knob.name
    for other in knob.when:
        yield from _above(by_name[other], by_name)


def _values(knob: Knob) -> Iterator[Any]:
    """Other values: the choices; of a range the farther end's half, then its ends and places between."""
    if knob.type == "choice":
        yield from knob.choices
        return
    default = float(knob.default)
    far = knob.high if knob.high - default >= default - knob.low else knob.low
    for share in (0.5, 0.25, 0.1, 0.02, 1.0, -0.5, -0.25, -0.1):
        yield knob.nearest(default + share * (far - default))
    for end in (knob.low, knob.high):
        yield knob.nearest(end)
