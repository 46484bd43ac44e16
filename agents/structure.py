"""From a model's text to a checked record; forgiving where the meaning is clear.

A program in a fence is the field `code` of a record that has one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

M = TypeVar("M", bound=BaseModel)
FENCE = re.compile(r"```[A-Za-z0-9_-]*[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
PROGRAM = re.compile(r"```(?:python|py)[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL | re.IGNORECASE)
THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)


class Unreadable(Exception):
    """An answer that is not in the form asked for; the message says why, in words for the model.

    bare: there is no JSON in it at all.
    """

    def __init__(self, reason: str, bare: bool = False) -> None:
        super().__init__(reason)
        self.bare = bare


def parsed(shape: type[M], text: str) -> M:
    """The record in an answer: bare, fenced or with words around it. Raises Unreadable."""
    body = THINKING.sub("", text).strip()
    fields = shape.model_fields
    program = PROGRAM.search(body) if "code" in fields else None
    value = {"code": program[1]} if program else found(body)
    if value is MISSING and len(fields) == 1 and next(iter(fields.values())).annotation is str and body:
        fence = FENCE.search(body)
        value = fence[1] if fence else body
    if value is MISSING:
        raise Unreadable("it holds no JSON object", bare=True)
    if len(fields) == 1 and not (isinstance(value, dict) and set(value) & set(fields)):
        value = {next(iter(fields)): value}
    try:
        return shape.model_validate(value)
    except ValidationError as error:
        raise Unreadable(told(error)) from None


MISSING: Any = object()


def found(body: str) -> Any:
    """The first JSON object or list in a text, whole texts and fences first; MISSING if there is none."""
    for candidate in (body, *(match[1] for match in FENCE.finditer(body))):
        if (value := _loads(candidate)) is not MISSING:
            return value
    decoder = json.JSONDecoder(strict=False)
    repaired = _without_trailing_commas(body)
    for match in re.finditer(r"[{\[]", repaired):
        try:
            return decoder.raw_decode(repaired, match.start())[0]
        except (ValueError, RecursionError):
            continue
    return MISSING


def _loads(text: str) -> Any:
    for candidate in (text, _without_trailing_commas(text)):
        try:
            value = json.loads(candidate, strict=False)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict | list):
            return value
    return MISSING


def _without_trailing_commas(text: str) -> str:
    """Commas before a closing bracket are dropped, but not within strings."""
    return re.sub(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', lambda match: match[1] or "", text, flags=re.DOTALL)


def told(error: ValidationError) -> str:
    """At most three of the errors, each with its field."""
    parts = [f"{'.'.join(map(str, e['loc'])) or 'answer'}: {e['msg']}" for e in error.errors()[:3]]
    return "; ".join(parts)


def strict(schema: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """A JSON schema for constrained decoding, and whether it keeps to what strict decoding allows.

    Strict decoding wants every field required and no free maps; where a map is in it, the schema stays loose.
    """
    if _has_free_map(schema):
        return dict(schema), False
    return _closed(schema), True


def _has_free_map(node: Any) -> bool:
    if isinstance(node, Mapping):
        free = node.get("additionalProperties", False) is not False
        bare = node.get("type") == "object" and "properties" not in node
        empty = any(not value for value in node.get("properties", {}).values())
        return free or bare or empty or any(_has_free_map(value) for value in node.values())
    return isinstance(node, list) and any(_has_free_map(value) for value in node)


def _closed(node: Any) -> Any:
    if isinstance(node, list):
        return [_closed(value) for value in node]
    if not isinstance(node, Mapping):
        return node
    dropped = ("default", "title")  # as words of the schema; a field of that name has a mapping
    closed = {key: _closed(value) for key, value in node.items() if key not in dropped or isinstance(value, Mapping)}
    if closed.get("type") == "object" and "properties" in closed:
        closed |= {"required": list(closed["properties"]), "additionalProperties": False}
    return closed


def in_words(schema: Mapping[str, Any]) -> str:
    """What to tell a model that must be asked for JSON in words."""
    text = json.dumps(_closed(schema) if not _has_free_map(schema) else schema, separators=(",", ":"))
    return f"Answer with one JSON object only, in a ```json fence, that fits this JSON schema:\n{text}"
