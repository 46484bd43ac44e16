"""How a run gets the values of its knobs: as parameters and words, in the environment, or written into its files."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nightlab.experiments.template.command import text as word
from nightlab.experiments.template.knobs import constants

PLACED = ("key", "constant")  # the keys of a knob that is written into a file


class NoPlace(ValueError):
    """A value has no place in a file; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Handed:
    """params: by name, as they are meant. words: as they stand in a command; None leaves the word out. env: variables.
    files: those of the artifact that another value makes others."""

    params: Mapping[str, Any]
    words: Mapping[str, str | None] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)


def handed(params: Mapping[str, Any], space: Mapping[str, Any], files: Mapping[str, bytes]) -> Handed:
    """What a run gets. space: the knobs' tables. Raises NoPlace where a file lacks the place of a value."""
    texts, env, changed = dict[str, str | None](), dict[str, str](), dict(files)
    for name, value in params.items():
        knob = space.get(name)
        text = knob.text(value) if knob else word(value)
        texts[name] = text or (None if knob and knob.texts else text)
        if knob and knob.env:
            env[knob.env] = text
        for place in (getattr(knob, kind) for kind in PLACED if knob and getattr(knob, kind)):
            file, _, key = place.partition(":")
            if file not in changed:
                raise NoPlace(f"{file} is gone, in which {name} is to be set")
            changed[file] = put(file, changed[file], key, value)
    new = {file: data for file, data in changed.items() if data != files[file]}
    return Handed(params=params, words=texts, env=env, files=new)


def put(file: str, data: bytes, key: str, value: Any) -> bytes:
    """The file with another value at a key, or of a constant. All else in it stays. Raises NoPlace."""
    try:
        return _writer(file)(data, key, value)
    except (NoPlace, constants.NoConstant) as error:
        raise NoPlace(f"{file}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise NoPlace(f"{file}: it cannot be read: {error}") from None


def _writer(file: str) -> Callable[[bytes, str, Any], bytes]:
    suffix = file.rpartition(".")[2].lower()
    if suffix in ("py", "pyw"):
        return constants.replaced
    if suffix not in _WRITERS:
        raise NoPlace(f"values are set in files of Python, {', '.join(sorted(_WRITERS))}")
    return _WRITERS[suffix]


def _json(data: bytes, key: str, value: Any) -> bytes:
    table = json.loads(data)
    holder, last = _holder(table, key)
    holder[last] = value
    indent = re.search(rb"^([ \t]+)\S", data, re.MULTILINE)
    return json.dumps(table, indent=indent[1].decode() if indent else None, ensure_ascii=False).encode() + b"\n"


def _yaml(data: bytes, key: str, value: Any) -> bytes:
    import yaml

    text = data.decode("utf-8-sig")
    try:
        node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise NoPlace(f"it is no single document of YAML: {error}") from None
    for part in key.split("."):
        inner = node.value if isinstance(node, yaml.MappingNode | yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            inner = [below for name, below in inner if name.value == part]
        elif part.isdigit():
            inner = inner[int(part) : int(part) + 1]
        if len(inner) != 1:
            raise NoPlace(f"it has no key {key!r}, or more than one")
        node = inner[0]
    written = yaml.safe_dump(value, default_flow_style=True, width=1 << 20).removesuffix("\n").removesuffix("\n...")
    if isinstance(value, str):
        written = json.dumps(value, ensure_ascii=False)
    gap = "\n" if text[: node.end_mark.index].endswith("\n") else ""
    start, end = int(node.start_mark.index), int(node.end_mark.index)
    return f"{text[:start]}{written}{gap}{text[end:]}".encode()


_VALUE = r'"(?:[^"\\\n]|\\.)*"|' + r"'[^'\n]*'|\[[^\[\]]*\]|[^\s,#}\]\[]+"


def _toml(data: bytes, key: str, value: Any) -> bytes:
    """By trial: the one value whose replacement changes this key and nothing else."""
    text = data.decode("utf-8-sig")
    wanted = tomllib.loads(text)
    holder, last = _holder(wanted, key)
    if holder[last] == value and type(holder[last]) is type(value):
        return data
    holder[last] = value
    written = json.dumps(value, ensure_ascii=False)
    for match in re.finditer(rf"(?<![\w-])[\"']?{re.escape(str(last))}[\"']?[ \t]*=[ \t]*({_VALUE})", text):
        tried = text[: match.start(1)] + written + text[match.end(1) :]
        try:
            if tomllib.loads(tried) == wanted:
                return tried.encode()
        except tomllib.TOMLDecodeError:
            continue
    raise NoPlace(f"the value of {key!r} stands there in a form that cannot be replaced")


_WRITERS = {"json": _json, "yaml": _yaml, "yml": _yaml, "toml": _toml}


def _holder(table: Any, key: str) -> tuple[Any, Any]:
    """What holds a dotted key, and the last part of it."""
    *path, last = (int(part) if part.isdigit() else part for part in key.split("."))
    for part in path:
        table = _inner(table, part, key)
    _inner(table, last, key)
    return table, last


def _inner(table: Any, part: Any, key: str) -> Any:
    try:
        return table[part]
    except (KeyError, IndexError, TypeError):
        raise NoPlace(f"it has no key {key!r}") from None
