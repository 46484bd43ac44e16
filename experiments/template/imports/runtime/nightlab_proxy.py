"""The judge's way to its candidate, from its own process and from others that it starts."""

from __future__ import annotations

import asyncio
import os
import threading
import uuid
from collections.abc import Callable
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

import nightlab_plain as plain

ADDRESS, SECRET = "NIGHTLAB_PROXY", "NIGHTLAB_PROXY_KEY"  # variables by which another process of the judge finds it
PROGRAM = '''"""Stands for the program: its functions are called where it runs, which is elsewhere."""

import nightlab_proxy

globals().update(nightlab_proxy.opened(__file__))
'''


class CandidateProxy:
    """Calls of a candidate, one at a time. failed: the first that failed by the candidate's fault. calls: how many."""

    def __init__(self, candidate: Any, module: str) -> None:
        self._candidate, self._module = candidate, module
        self._lock = threading.RLock()
        self._process = os.getpid()
        self._listener: Any = None
        self.failed: Exception | None = None
        self.calls = 0

    def __call__(self, function: str, *args: Any) -> Any:
        """Call a function of the candidate's module that loads and calls the program."""
        with self._lock:
            self.calls += 1
            try:
                return self._candidate.call(f"{self._module}:{function}", *args, finite=False)
            except self._candidate.Failed as failed:
                self.failed = self.failed or failed
                raise

    @property
    def here(self) -> bool:
        """Whether this is the process that the candidate can be called in."""
        return os.getpid() == self._process

    def serve(self, folder: Path) -> None:
        """Let other processes call too, by a socket in `folder`; where there can be none, they cannot."""
        key = os.urandom(16)
        try:
            self._listener = Listener(str(folder / "proxy"), "AF_UNIX", authkey=key)
        except OSError:
            return
        os.environ.update({ADDRESS: str(folder / "proxy"), SECRET: key.hex()})
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        if self._listener:
            self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._listener.accept()
            except (OSError, EOFError):
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: Connection) -> None:
        try:
            while True:
                function, args = connection.recv()
                try:
                    answer = (True, self(function, *args))
                except Exception as error:  # noqa: BLE001 - it belongs to whoever called
                    answer = (False, str(error))
                connection.send(answer)
        except (OSError, EOFError):
            return


class CallError(Exception):
    """A call from another process failed."""


_here: list[CandidateProxy] = []
_far: dict[tuple[int, int], Connection] = {}


def use(proxy: CandidateProxy) -> None:
    """The proxy of this process."""
    _here[:] = [proxy]


def opened(file: str) -> dict[str, Any]:
    """What a module that stands for the program holds: it is loaded anew where the candidate is."""
    key = uuid.uuid4().hex
    found = _call("load", key, Path(file).name)
    functions = {name: _function(key, name, name in found["awaited"]) for name in found["functions"]}
    return {**{name: plain.unpacked(value) for name, value in found["values"].items()}, **functions}


def _function(key: str, name: str, awaited: bool) -> Callable[..., Any]:
    def call(*args: Any, **named: Any) -> Any:
        return plain.unpacked(_call("invoke", key, name, plain.packed(list(args)), plain.packed(named)))

    async def wait(*args: Any, **named: Any) -> Any:
        return await asyncio.to_thread(call, *args, **named)

    found: Callable[..., Any] = wait if awaited else call
    found.__name__ = found.__qualname__ = name
    return found


def _call(function: str, *args: Any) -> Any:
    if _here and _here[0].here:
        return _here[0](function, *args)
    known = (os.getpid(), threading.get_ident())
    if known not in _far:
        _far[known] = Client(os.environ[ADDRESS], "AF_UNIX", authkey=bytes.fromhex(os.environ[SECRET]))
    _far[known].send((function, args))
    good, answer = _far[known].recv()
    if not good:
        raise CallError(answer)
    return answer
