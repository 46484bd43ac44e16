"""Kept values of options that stand in the command alone: as these options' own defaults, where code writes them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress

from nightlab.experiments.records import ParamValue
from nightlab.experiments.template.knobs.constants import UNREADABLE, rewritten

_FLAG = re.compile(r"-{1,2}[A-Za-z][\w-]*")
Moved = Mapping[str, tuple[ParamValue, ParamValue]]  # by name: what a value was and what it is


def with_defaults(files: Mapping[str, bytes], command: Sequence[str], moved: Moved) -> dict[str, bytes]:
    """The files with other defaults of the options that a command gives these values.

    An option stays as it is whose old value no call of the Python files has as its plain default, or more than one.
    """
    found = dict(files)
    for name, (old, new) in moved.items():
        flags = [*_flags(command, name)]
        places = [(file, node) for file in found if file.endswith(".py") for node in _defaults(found[file], flags, old)]
        if len(places) == 1:
            file, node = places[0]
            end = (node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
            found[file] = rewritten(found[file], (node.lineno, node.col_offset), end, new)
    return found


def _flags(command: Sequence[str], name: str) -> Iterator[str]:
    """The flags whose values are this name: --lr {lr}, --lr={lr}."""
    for before, word in zip(["", *command], command, strict=False):
        flag = before if word == f"{{{name}}}" else word.removesuffix(f"={{{name}}}")
        if flag != word and _FLAG.fullmatch(flag):
            yield flag


def _defaults(source: bytes, flags: Sequence[str], value: ParamValue) -> Iterator[ast.expr]:
    """The literals that are the default of an option of these flags, by argparse or click, with this value."""
    with suppress(*UNREADABLE):
        for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
            named = [a.value for a in call.args if isinstance(a, ast.Constant)]
            for default in (k.value for k in call.keywords if k.arg == "default" and {*named} & {*flags}):
                with suppress(ValueError):
                    if ast.literal_eval(default) == value:
                        yield default
