"""Where code and configurations have values that an option, a constant or a key names: by reading, never by running."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from nightlab.experiments.template.adoption.folder import Folder
from nightlab.experiments.template.knobs.constants import constants

LONGEST = 1 << 20  # bytes of a file that is read
_UNREADABLE = (SyntaxError, ValueError, MemoryError, RecursionError, LookupError)
_PLAIN = (bool, int, float, str)
_EXPONENT = re.compile(r"[-+]?\d+[eE][-+]?\d+")


@dataclass(frozen=True, kw_only=True)
class ValuePlace:
    """A value that stands somewhere. name: with dots between its parts. value: None where it is no plain one. choices:
    those that are allowed. texts: of an option without a value, its words for false and true."""

    where: str
    name: str
    kind: Literal["option", "constant", "key"]
    value: Any = None
    flags: tuple[str, ...] = ()
    choices: tuple[Any, ...] = ()
    texts: tuple[str, ...] = ()

    @property
    def last(self) -> str:
        return plain(self.name).rpartition(".")[2]


def plain(name: str) -> str:
    """A name as it is compared."""
    return name.lstrip("-+").replace("-", "_").lower()


def places(found: Folder) -> list[ValuePlace]:
    """Every value with a name in the Python files and the configurations of a folder."""
    told = list[ValuePlace]()
    for name, size in found.files.items():
        if size <= LONGEST:
            with suppress(*_UNREADABLE):
                told += _of_python(name, found.text(name)) if name.endswith(".py") else _of_table(name, found)
    return told


def _of_python(file: str, source: bytes) -> Iterator[ValuePlace]:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (option := _option(file, node)):
            yield option
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _parameters(file, node)
    for constant in constants(source):
        if isinstance(constant.value, _PLAIN):
            value = _typed(constant.value, ast.unparse(constant.annotation) if constant.annotation else "")
            yield ValuePlace(where=f"{file}:{constant.name}", name=constant.name, kind="constant", value=value)


def _option(file: str, call: ast.Call) -> ValuePlace | None:
    """An option by argparse, click, typer or absl: a call that names a flag, or the argument of a parser."""
    words = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    function = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    flags = [flag for word in words if word[:1] == "-" for flag in word.split("/")]
    if function.startswith("DEFINE_") and words:
        flags = [f"--{words[0]}"]
    if not flags and not (function == "add_argument" and words):
        return None
    keywords = {k.arg: k.value for k in call.keywords if k.arg}
    long = max(flags, key=len) if flags else words[0]
    name = _literal(keywords.get("dest")) or plain(flags[0] if "/" in "".join(words) else long)
    others = [a for a in call.args if not (isinstance(a, ast.Constant) and a.value in (*words, *flags))]
    default = _literal(keywords.get("default", others[0] if others else None))
    kind = keywords.get("type")
    choices = _literal(keywords.get("choices")) or (_literal(kind.args[0]) if _called(kind, "Choice") else ())  # type: ignore[union-attr]
    texts = _switch(flags, keywords)
    value = bool(default) or _action(keywords) == "store_false" if texts else default
    return ValuePlace(
        where=f"{file}:{call.lineno}",
        name=str(name),
        kind="option",
        value=_typed(value, ast.unparse(kind) if kind else function),
        flags=tuple(flags),
        choices=tuple(choices) if isinstance(choices, list | tuple) else (),
        texts=texts,
    )


def _switch(flags: list[str], keywords: dict[str, ast.expr]) -> tuple[str, ...]:
    """The words for false and true of an option that takes no value; none where it takes one."""
    action, long = _action(keywords), max(flags, key=len, default="")
    if action in ("store_true", "store_false") or _literal(keywords.get("is_flag")) is True:
        return (long, "") if action == "store_false" else ("", long)
    if action == "BooleanOptionalAction":
        return (f"--no-{long.lstrip('-')}", long)
    if len(flags) == 2 and plain(flags[1]) in (f"no_{plain(flags[0])}", f"not_{plain(flags[0])}"):
        return (flags[1], flags[0])
    return ()


def _action(keywords: dict[str, ast.expr]) -> str:
    action = keywords.get("action")
    return str(_literal(action) or ast.unparse(action).rpartition(".")[2]) if action else ""


def _parameters(file: str, function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ValuePlace]:
    """The options that typer makes of parameters whose default is a call, such as typer.Option(0.1)."""
    args = [*function.args.posonlyargs, *function.args.args]
    pairs = zip(args[len(args) - len(function.args.defaults) :], function.args.defaults, strict=True)
    kwonly = zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True)
    for argument, default in (*pairs, *kwonly):
        if isinstance(default, ast.Call) and default.args and not _option(file, default):
            value = _typed(_literal(default.args[0]), ast.unparse(argument.annotation) if argument.annotation else "")
            flags = (f"--{argument.arg.replace('_', '-')}",)
            yield ValuePlace(
                where=f"{file}:{default.lineno}", name=argument.arg, kind="option", value=value, flags=flags
            )


def _called(node: ast.expr | None, name: str) -> bool:
    return isinstance(node, ast.Call) and bool(node.args) and ast.unparse(node.func).rpartition(".")[2] == name


def _literal(node: ast.expr | None) -> Any:
    with suppress(*_UNREADABLE, TypeError):
        return ast.literal_eval(node) if node else None
    return None


def _typed(value: Any, kind: str) -> Any:
    """A default as its type has it: 1 of a float is 1.0."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if whole and "float" in kind else value if isinstance(value, _PLAIN) else None


def _of_table(file: str, found: Folder) -> Iterator[ValuePlace]:
    suffix = file.rpartition(".")[2].lower()
    if suffix in ("yaml", "yml"):
        import yaml

        with suppress(yaml.YAMLError):
            yield from _leaves(file, yaml.safe_load(found.text(file)), "")
    elif suffix in ("toml", "json"):
        text = found.text(file).decode("utf-8-sig")
        yield from _leaves(file, tomllib.loads(text) if suffix == "toml" else json.loads(text), "")


def _leaves(file: str, table: Any, prefix: str) -> Iterator[ValuePlace]:
    for key, value in table.items() if isinstance(table, dict) else ():
        if isinstance(value, dict):
            yield from _leaves(file, value, f"{prefix}{key}.")
        elif isinstance(value, _PLAIN):
            if isinstance(value, str) and _EXPONENT.fullmatch(value):  # which YAML takes for a text
                value = float(value)
            yield ValuePlace(where=f"{file}:{prefix}{key}", name=f"{prefix}{key}", kind="key", value=value)
