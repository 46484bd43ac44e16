"""The constants of a Python file: found in its syntax tree, never by running it, and replaced where they stand."""

from __future__ import annotations

import ast
import functools
import io
import tokenize
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

UNREADABLE = (SyntaxError, ValueError, MemoryError, RecursionError, LookupError)


class NoConstant(ValueError):
    """A file has no such constant; the message says what there is."""


@dataclass(frozen=True, kw_only=True)
class Constant:
    """A literal that has a name: `LR`, `Config.lr` in a class, `main.lr` in a function or among its parameters,
    `CONFIG.lr` in a dictionary or a call that is assigned. start, end: where it stands, as (line, byte in it).
    scope: the names of the scopes around it."""

    name: str
    value: Any
    start: tuple[int, int]
    end: tuple[int, int]
    annotation: ast.expr | None = None


def replaced(source: bytes, name: str, value: Any) -> bytes:
    """The file with another value of one of its constants. Raises NoConstant."""
    constant = one(source, name)
    return rewritten(source, constant.start, constant.end, value)


def rewritten(source: bytes, at: tuple[int, int], to: tuple[int, int], value: Any) -> bytes:
    """The file with another literal between two places, as (line, byte in it)."""
    text, encoding = _text(source)
    lines = text.encode().splitlines(keepends=True)
    (first, start), (last, end) = at, to
    lines[first - 1 : last] = [lines[first - 1][:start] + repr(value).encode() + lines[last - 1][end:]]
    return b"".join(lines).decode().encode(encoding)


def one(source: bytes, name: str) -> Constant:
    """The constant of this name. Raises NoConstant."""
    try:
        found = constants(source)
    except UNREADABLE as error:
        raise NoConstant(f"it cannot be read as Python: {error}") from None
    same = [c for c in found if c.name == name]
    if len(same) == 1:
        return same[0]
    there = ", ".join(dict.fromkeys(c.name for c in found)) or "none"
    raise NoConstant(
        f"it assigns {name!r} more than once" if same else f"it has no constant {name!r}; there are {there}"
    )


@functools.lru_cache(maxsize=256)
def constants(source: bytes) -> tuple[Constant, ...]:
    """The constants in the order in which they stand. A name that is assigned more than once in its scope is none."""
    tree = ast.parse(source)
    return tuple(sorted(_in_scope(tree, ""), key=lambda constant: constant.start))


def _in_scope(scope: ast.AST, prefix: str) -> Iterator[Constant]:
    nodes = list(_own(scope))
    stored = Counter(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from _defaults(scope, prefix)
    for node in nodes:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value, annotation = node.targets[0], node.value, None
        elif isinstance(node, ast.AnnAssign) and node.value:
            target, value, annotation = node.target, node.value, node.annotation
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from _in_scope(node, f"{prefix}{node.name}.")
            continue
        else:
            continue
        if isinstance(target, ast.Name) and stored[target.id] == 1:
            yield from _of(value, f"{prefix}{target.id}", annotation)


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope, but not those of the scopes in it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _own(child)


def _defaults(function: ast.FunctionDef | ast.AsyncFunctionDef, prefix: str) -> Iterator[Constant]:
    args = function.args
    placed = [*args.posonlyargs, *args.args]
    with_default = zip(placed[len(placed) - len(args.defaults) :], args.defaults, strict=True)
    for argument, default in (*with_default, *zip(args.kwonlyargs, args.kw_defaults, strict=True)):
        if default is not None:
            yield from _of(default, f"{prefix}{argument.arg}", argument.annotation)


def _of(value: ast.expr, name: str, annotation: ast.expr | None = None) -> Iterator[Constant]:
    """A literal, and the named ones in a dictionary or a call."""
    if isinstance(value, ast.Dict):
        for key, inner in zip(value.keys, value.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield from _of(inner, f"{name}.{key.value}")
    elif isinstance(value, ast.Call):
        for keyword in value.keywords:
            if keyword.arg:
                yield from _of(keyword.value, f"{name}.{keyword.arg}")
    else:
        with suppress(*UNREADABLE, TypeError):
            literal = ast.literal_eval(value)
            start, end = (value.lineno, value.col_offset), (value.end_lineno or 0, value.end_col_offset or 0)
            yield Constant(name=name, value=literal, start=start, end=end, annotation=annotation)


def _text(source: bytes) -> tuple[str, str]:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
    return source.decode(encoding), encoding
