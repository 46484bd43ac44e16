"""From a model's text to a checked record; forgiving where the meaning is clear.

A program in a fence is the field `code` of a record that has one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from nightlab.agents.chat.answer_search import MISSING, found

M = TypeVar("M", bound=BaseModel)


class Unreadable(Exception):
    """An answer that is not in the form asked for; the message says why, in words for the model.

    bare: no JSON in it has a field of the form.
    """

    def __init__(self, reason: str, bare: bool = False) -> None:
        super().__init__(reason)
        self.bare = bare


def parsed(shape: type[M], text: str) -> M:
    """The record in an answer: what fits, the last one first. Raises Unreadable.

    What names every field that must be there is the answer, though it does not fit: no earlier draft takes its place.
    """
    fields = {field.alias or name: field for name, field in shape.model_fields.items()}
    needed = {name for name, field in fields.items() if field.is_required()}
    lone = next(iter(fields)) if len(fields) == 1 else ""
    answer = found(text, programs="code" in fields)
    if answer.broken:
        raise Unreadable("it ends in the middle of its JSON; answer in fewer words")
    if answer.aloud:
        raise Unreadable("it holds nothing but reasoning; give the answer itself after it", bare=True)
    values = [*answer.values()]
    if lone and fields[lone].annotation is str and answer.prose:
        values.append((answer.prose, ""))
    fault, spare = Unreadable("it holds no JSON object", bare=True), None
    for value, source in values:
        if value is MISSING and any(f'"{name}"' in source for name in fields):
            raise Unreadable("its JSON cannot be read")
        named = isinstance(value, dict) and bool(value.keys() & fields.keys())
        try:
            record = shape.model_validate({lone: value} if lone and not named else value)
        except ValidationError as error:
            fault = Unreadable(validation_reason(error), bare=not named) if fault.bare else fault
            if named and needed <= value.keys():
                raise fault from None
        else:
            if named or (lone and value):
                return record
            spare = spare or record
    if spare is not None:
        return spare
    raise fault


def validation_reason(error: ValidationError) -> str:
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
