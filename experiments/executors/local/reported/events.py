"""The scalars of TensorBoard's event files.

A file is a row of records: a length, its checksum, an Event in the encoding of protocol buffers, its checksum. Of that
message four fields matter here, so it is read without TensorBoard, whose package brings a web server and gRPC along.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from typing import Any

_STEP, _SUMMARY, _VALUE = 2, 5, 1  # of an Event, and of its Summary
_TAG, _SIMPLE, _TENSOR = 1, 2, 8  # of a Value
_CONTENT, _FLOATS, _DOUBLES = 4, 5, 6  # of a TensorProto
_Field = tuple[int, Any]


def table(files: Iterable[bytes]) -> list[dict[str, float]]:
    """The scalars of the files of one log as rows by step, each of one tag and its value.

    A file that is cut short, as by a program that was ended, or that is something else, gives what stands before that.
    """
    found = [row for data in files for row in _scalars(data)]
    return [{tag: value} for _, tag, value in sorted(found, key=lambda row: row[0])]


def _scalars(data: bytes) -> Iterator[tuple[int, str, float]]:
    try:
        for event in _records(data):
            fields = list(_fields(event))
            step = next((value for field, value in fields if field == _STEP and isinstance(value, int)), 0)
            for summary in _within(fields, _SUMMARY):
                for value in _within(_fields(summary), _VALUE):
                    of = dict(_fields(value))
                    if isinstance(tag := of.get(_TAG), bytes) and (number := _number(of)) is not None:
                        yield step, tag.decode(), number
    except (ValueError, TypeError, IndexError, struct.error):
        return


def _records(data: bytes) -> Iterator[bytes]:
    at = 0
    while at + 12 <= len(data):
        (size,) = struct.unpack_from("<Q", data, at)
        if at + 16 + size > len(data):
            return
        yield data[at + 12 : at + 12 + size]
        at += 16 + size


def _fields(message: bytes) -> Iterator[_Field]:
    """The numbers and values of a message's fields. Raises ValueError or IndexError where it is none."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        value: Any
        if (kind := key & 7) == 0:
            value, at = _varint(message, at)
        else:
            if kind == 2:
                size, at = _varint(message, at)
            else:
                size = {1: 8, 5: 4}.get(kind, len(message) + 1)
            if at + size > len(message):
                raise ValueError("a field is longer than its message")
            value, at = message[at : at + size], at + size
        yield key >> 3, value


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = message[at]
        value, at = value | (byte & 127) << shift, at + 1
        if byte < 128:
            return value, at
    raise ValueError("a number is longer than ten bytes")


def _within(fields: Iterable[_Field], wanted: int) -> Iterator[bytes]:
    return (value for field, value in fields if field == wanted and isinstance(value, bytes))


def _number(value: dict[int, Any]) -> float | None:
    """The number of a summary's value: written plainly, or as a tensor of one; None for images, texts and the like."""
    if isinstance(plain := value.get(_SIMPLE), bytes) and len(plain) == 4:
        return float(struct.unpack("<f", plain)[0])
    tensor = dict(_fields(value[_TENSOR])) if isinstance(value.get(_TENSOR), bytes) else {}
    for field, kind in ((_FLOATS, "<f"), (_DOUBLES, "<d"), (_CONTENT, "<f"), (_CONTENT, "<d")):
        if isinstance(found := tensor.get(field), bytes) and len(found) == struct.calcsize(kind):
            return float(struct.unpack(kind, found)[0])
    return None
