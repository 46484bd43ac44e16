"""Messages between a judge and the candidate that it calls: plain data, and numeric arrays in a bounded binary form.

A message is three sizes, then JSON, the kinds and shapes of its arrays, and what these hold. In the JSON an array is an
object with one key. Nothing that the other end sends is run, and no more of it is taken than the limits allow.
"""

from __future__ import annotations

import json
import math
import socket
import struct
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

TEXT = 8 << 20  # bytes of JSON in one message: as many as its reader can turn into objects
_LISTING = 1 << 16  # bytes of the kinds and shapes of its arrays
_SIZES = struct.Struct("!IIQ")
_ARRAY = "\0array"
QUESTION = b"?"  # what a judge sends ahead of one at the desk
DONE = b"."  # what it sends once it has closed a candidate, and gets back when no process of that is left
CANDIDATE = b"+"  # what it sends for one, and gets with its channel
_CHUNK = 1 << 16  # bytes that are asked for at once, and of small parts that are sent at once
_KINDS = frozenset(("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"))
PLAIN = "numbers, texts, truth values, None, lists, dicts and numeric arrays of numpy"


class Garbled(Exception):
    """What the other end sent is no message; the words say what it is instead."""


class NotPlain(TypeError):
    """A value that no message can hold; the words say which."""


class Channel:
    """One end of the channel between a judge and its candidate. most: bytes of arrays that a message may bring."""

    def __init__(self, end: socket.socket, most: int) -> None:
        self._end, self._most = end, most
        self._got = bytearray()

    def send(self, parts: Sequence[bytes | memoryview], until: float | None = None) -> None:
        """Send what `packed` made; TimeoutError where it is not taken by `until`, a time of the monotonic clock."""
        for part in parts:
            self._wait(until)
            self._end.sendall(part)

    def receive(self, until: float | None = None) -> tuple[bytes, bytes, bytearray]:
        """The three parts of the next message.

        Raises TimeoutError where it is not there by `until`, EOFError where the other end has ended, Garbled.
        """
        text, listing, data = _SIZES.unpack(self._take(_SIZES.size, until))
        if text > TEXT or listing > _LISTING or data > self._most:
            raise Garbled(
                f"is larger than it may be: {text / 1e6:.1f} MB of JSON (at most {TEXT / 1e6:.0f}) and"
                f" {data / 1e6:.1f} MB of arrays (at most {self._most / 1e6:.0f}, run.outputs_mb)"
            )
        said = self._take(text, until)
        return said, self._take(listing, until) if listing else b"", self._fill(data, until) if data else bytearray()

    def said(self) -> bool:
        """Whether there is something that nobody has asked for."""
        if not self._got:
            self._end.settimeout(0)
            try:
                self._got += self._end.recv(_CHUNK)
            except OSError:
                return False
        return bool(self._got)

    def close(self) -> None:
        self._end.close()

    def _take(self, size: int, until: float | None) -> bytes:
        while len(self._got) < size:
            self._wait(until)
            if not (data := self._end.recv(_CHUNK)):
                raise EOFError("the other end has ended")
            if len(data) == size and not self._got:
                return data
            self._got += data
        taken = bytes(self._got[:size])
        del self._got[:size]
        return taken

    def _fill(self, size: int, until: float | None) -> bytearray:
        """As many bytes, without a copy of what is large."""
        data = bytearray(size)
        view, done = memoryview(data), min(size, len(self._got))
        view[:done] = self._got[:done]
        del self._got[:done]
        while done < size:
            self._wait(until)
            if not (more := self._end.recv_into(view[done:])):
                raise EOFError("the other end has ended")
            done += more
        return data

    def _wait(self, until: float | None) -> None:
        if until is None:
            return
        if (left := until - time.monotonic()) <= 0:
            raise TimeoutError
        self._end.settimeout(left)


def packed(message: Any) -> list[bytes | memoryview]:
    """A message as what is to be sent; NotPlain where it holds something else than plain data, or too much of it."""
    arrays: list[Any] = []

    def other(value: Any) -> Any:
        numpy = sys.modules.get("numpy")
        if numpy and isinstance(value, numpy.generic) and value.dtype.str[1:] in _KINDS and value.dtype.kind != "c":
            return value.item()
        if numpy and isinstance(value, numpy.ndarray) and value.dtype.str[1:] in _KINDS:
            arrays.append(numpy.asarray(value, order="C"))
            return {_ARRAY: len(arrays) - 1}
        kind = f"an array of {value.dtype}" if numpy and isinstance(value, numpy.ndarray) else f"a {_named(value)}"
        raise NotPlain(f"{kind} is no plain data ({PLAIN})")

    try:
        text = _text(message, other).encode()
    except RecursionError:
        raise NotPlain("it is nested too deep") from None
    except NotPlain:
        raise
    except (TypeError, ValueError) as error:  # keys that are no texts, or a list that holds itself
        raise NotPlain(str(error)) from None
    if not arrays and len(text) <= TEXT:
        return [_SIZES.pack(len(text), 0, 0) + text]
    listing = json.dumps([[a.dtype.str, a.shape] for a in arrays]).encode()
    if len(text) > TEXT or len(listing) > _LISTING:
        raise NotPlain(f"it is larger than the {TEXT / 1e6:.0f} MB of JSON that a message may have; give arrays")
    head = _SIZES.pack(len(text), len(listing), sum(a.nbytes for a in arrays)) + text + listing
    blocks = [a.reshape(-1).view("u1").data for a in arrays if a.nbytes]
    if sum(map(len, blocks)) + len(head) <= _CHUNK:
        return [b"".join([head, *blocks])]
    return [head, *blocks]


def _text(message: Any, other: Callable[[Any], Any]) -> str:
    try:
        return json.dumps(message)  # the quick way, which has no room for arrays
    except TypeError:
        return json.dumps(message, default=other)


def _named(value: Any) -> str:
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def unpacked(text: bytes, listing: bytes, data: bytearray, *, finite: bool = False) -> Any:
    """The message; Garbled where it is none, or where a number in it is not finite though all must be."""
    try:
        found = (_STRICT if finite else _LOOSE).decode(text.decode())
        return _filled(found, list(_arrays(listing, data, finite=finite))) if listing else found
    except RecursionError:
        raise Garbled("is nested too deep") from None
    except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
        raise Garbled(f"is no plain data: {str(error)[:200]}") from None


def _number(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise Garbled(f"holds {text[:20]}, which is no finite number")
    return value


_LOOSE = json.JSONDecoder()
_STRICT = json.JSONDecoder(parse_float=_number, parse_constant=_number)


def _arrays(listing: bytes, data: bytearray, *, finite: bool) -> Any:
    import numpy as np  # only where there are arrays, whose reader may have none else

    place = 0
    for kind, shape in json.loads(listing):
        if kind[:1] not in "<>|=" or kind[1:] not in _KINDS:
            raise Garbled(f"holds an array of {kind[:20]!r}")
        if len(shape) > 32 or any(type(n) is not int or n < 0 for n in shape):
            raise Garbled("holds an array without a shape")
        count, each = math.prod(shape), int(kind[2:])
        if place + count * each > len(data):
            raise Garbled("holds less than its arrays would have")
        found = np.frombuffer(data, kind, count, place).reshape(shape)
        place += count * each
        if finite and kind[1] in "fc" and not np.isfinite(found).all():
            raise Garbled("holds an array with numbers that are not finite")
        yield found
    if place != len(data):
        raise Garbled("holds more than its arrays have")


def _filled(value: Any, arrays: Sequence[Any]) -> Any:
    """The value with the arrays in their places."""
    if isinstance(value, list):
        return [_filled(each, arrays) for each in value]
    if isinstance(value, Mapping):
        if _ARRAY in value:
            return arrays[value[_ARRAY]]
        return {name: _filled(each, arrays) for name, each in value.items()}
    return value
