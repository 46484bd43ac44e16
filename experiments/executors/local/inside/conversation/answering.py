"""The candidate's end of the talk: calls the functions of the experiment that its judge asks for, one after the other.

It runs beside code that nobody has read, which may replace all of it: nothing that it says is believed.
"""

from __future__ import annotations

import importlib
import os
import socket
import threading
from collections.abc import Callable
from typing import Any

from ..output import failures
from . import talk

_MOST = 2 << 30  # bytes of arrays that a judge may send: it is trusted


class ToolError(Exception):
    """A function of the judge that this call was given has refused, or may not be called any more."""


class Answering:
    """Answers on a channel. module: where functions are looked for. folder, box: as in `failures.report`."""

    def __init__(self, end: socket.socket, module: str, folder: str, box: str) -> None:
        """It says that it has begun: no foreign code has run yet."""
        self._channel = talk.Channel(end, _MOST)
        self._module, self._folder, self._box = module, folder, box
        self._turn = threading.RLock()  # tools may be called from several threads
        self._current = ""  # what the answer to the call that is made must repeat
        self._channel.send(talk.packed(["begun"]))

    def serve(self) -> None:
        """Answer until the judge ends the talk."""
        me = os.getpid()
        self._channel.send(talk.packed(["ready"]))
        while os.getpid() == me:  # not in a fork that a function has come back from
            try:
                _, self._current, name, args, tools = talk.unpacked(*self._channel.receive())
            except EOFError:
                return
            answer = self._answer(name, args, tools)
            with self._turn:
                self._current = ""
                if os.getpid() == me:
                    self._channel.send(answer)

    def _answer(self, name: str, args: list[Any], tools: list[str]) -> list[bytes | memoryview]:
        current = self._current
        try:
            given = {"tools": {tool: self._tool(tool, current) for tool in tools}} if tools else {}
            value = self._function(name)(*args, **given)
        except BaseException as error:  # noqa: BLE001 - whatever it raises is the answer
            return talk.packed(["raised", current, failures.told_of(error, self._folder, self._box, judge=False)])
        try:
            return talk.packed(["answer", current, value])
        except talk.NotPlain as error:
            return talk.packed(["raised", current, {"wrong": str(error)}])

    def _function(self, name: str) -> Callable[..., Any]:
        file, _, function = name.rpartition(":")
        found = getattr(importlib.import_module(file or self._module), function, None)
        if not callable(found):
            raise AttributeError(f"{file or self._module}.py has no function {function!r}")
        return found  # type: ignore[no-any-return]

    def _tool(self, tool: str, current: str) -> Callable[..., Any]:
        def call(*args: Any, **named: Any) -> Any:
            """Have the judge call its function."""
            with self._turn:
                if self._current != current:
                    raise ToolError(f"{tool}() may be called only while the call lasts that it was given to")
                self._channel.send(talk.packed(["tool", current, tool, args, named]))
                kind, value = talk.unpacked(*self._channel.receive())
            if kind != "gave":
                raise ToolError(f"{tool}(): {value}")
            return value

        call.__name__ = call.__qualname__ = tool
        return call
