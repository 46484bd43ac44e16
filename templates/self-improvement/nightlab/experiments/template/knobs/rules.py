"""Which assignments of the knobs are valid: conditions under which a knob counts, and requirements between knobs."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping, Sequence
from types import CodeType
from typing import Any

from nightlab.experiments.records import Knob, Params, ParamValue

_FUNCTIONS = {"min": min, "max": max, "abs": abs, "len": len}
_NODES = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.BinOp, ast.Add, ast.Sub),
    *(ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
    *(ast.In, ast.NotIn, ast.Name, ast.Load, ast.Constant, ast.Tuple, ast.List, ast.Call, ast.IfExp),
)


def settled(knobs: Sequence[Knob], params: Params) -> dict[str, ParamValue]:
    """The assignment in which each knob whose condition does not hold has its default, since it has no effect."""
    found = dict(params)
    for knob in in_order(knobs):
        if not active(knob, found, knobs):
            found[knob.name] = knob.default
    return found


def active(knob: Knob, params: Params, knobs: Sequence[Knob]) -> bool:
    """Whether a knob has an effect in an assignment: what its condition names must have one, too."""
    by_name = {k.name: k for k in knobs} if knob.when else {}
    return all(params[name] in allowed and active(by_name[name], params, knobs) for name, allowed in knob.when.items())


def in_order(knobs: Sequence[Knob]) -> list[Knob]:
    """The knobs that have a condition, each after those that it depends on. Raises ValueError for a circle."""
    left, found = [k for k in knobs if k.when], list[Knob]()
    while left:
        ready = [k for k in left if not any(other.name in k.when for other in left)]
        if not ready:
            raise ValueError(f"the conditions of {', '.join(k.name for k in left)} depend on one another")
        found += ready
        left = [k for k in left if k not in ready]
    return found


def broken(knobs: Sequence[Knob], params: Params) -> str:
    """The first requirement that does not hold; empty if all do."""
    texts = dict.fromkeys(rule for knob in knobs for rule in knob.rules)
    values = {k.name: k.meant(params[k.name]) for k in knobs} if texts else {}
    return next((text for text in texts if not holds(text, values)), "")


def holds(text: str, values: Mapping[str, Any]) -> bool:
    """Whether a requirement holds; one that cannot be computed for these values does not."""
    try:
        return bool(eval(_compiled(text)[0], {"__builtins__": {}, **_FUNCTIONS}, dict(values)))
    except (ArithmeticError, TypeError, ValueError):
        return False


def names(text: str) -> tuple[str, ...]:
    """The knobs that a requirement is about. Raises ValueError where it is none."""
    return _compiled(text)[1]


@functools.lru_cache(maxsize=256)
def _compiled(text: str) -> tuple[CodeType, tuple[str, ...]]:
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(f"{text!r} is no comparison of knobs, such as 'low <= high'") from None
    for node in ast.walk(tree):
        if not isinstance(node, _NODES) or (isinstance(node, ast.Call) and _foreign(node)):
            raise ValueError(f"{text!r} must compare knobs and numbers, by + - * / // %, min, max, abs and len alone")
    found = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - _FUNCTIONS.keys()
    return compile(tree, "requirement", "eval"), tuple(sorted(found))


def _foreign(call: ast.Call) -> bool:
    return not isinstance(call.func, ast.Name) or call.func.id not in _FUNCTIONS or bool(call.keywords)
