"""The candidate as its judge sees it: functions to call, in a process of another sandbox, with the time that they take.

All that is measured is measured here: from the moment before a call is sent to the last byte of its answer, less what
the judge's own functions took.
"""

from __future__ import annotations

import os
import reprlib
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..output import failures
from . import talk

_RESERVE = 0.5  # s of the judge's own time, in which a call that comes too late can still be told of
_KINDS = ("text", "number", "integer", "boolean")
_TYPES = {float: "a number", int: "a whole number", str: "a text", bool: "true or false", list: "a list"}
Parts = tuple[bytes, bytes, bytearray]  # of a message
_Question = Sequence[bytes | memoryview]


class Failed(Exception):
    """A call that failed, by the candidate's fault.

    kind: timeout, memory, crash, invalid, or ended, where its process has. final: whether that process cannot be called
    any more. detail: the traceback of what it raised.
    """

    def __init__(self, words: str, kind: str, *, final: bool = False, detail: str = "") -> None:
        super().__init__(words)
        self.kind, self.final, self.detail = kind, final, detail

    def report(self) -> dict[str, str]:
        """What goes into the judge's report."""
        return {"kind": self.kind, "words": str(self), "detail": self.detail}


class Unanswered(Exception):
    """A judge's question that will have no answer: nothing that the candidate did or could go on without."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """fresh: whether each call has a process of its own. limit_s: what a process may take for its preparation and its
    calls together. until: when all that the judge does must be over, by the monotonic clock. most: bytes of arrays that
    an answer may hold."""

    fresh: bool
    limit_s: float
    until: float
    most: int


@dataclass
class _Call:
    """One call that is made. tools: the judge's functions that it may use; room: how often still."""

    where: str
    limit_s: float
    limit: str  # how that limit is called
    tools: Mapping[str, Callable[..., Any]]
    room: int
    nonce: str = field(default_factory=lambda: os.urandom(8).hex())  # so that no answer is there before its call


class Candidate:
    """What a judge calls; a new one is a new process.

    seconds: what the last call took; spent: what all of them did; prepared: what its preparation took; calls: how many
    there were; used: how often each tool was called. Failed: what a call raises where the candidate is to blame.
    solver: the language model that answers what the judge asks; empty where there is none.
    """

    Failed = Failed

    def __init__(
        self, desk: socket.socket, bounds: Bounds, answers: list[Parts] | None = None, solver: str = ""
    ) -> None:
        """desk: where a process is asked for, and the solver. answers: a list that is to have what they consist of."""
        self.solver = solver
        self.seconds = self.spent = self.prepared = 0.0
        self.calls = 0
        self.failures = 0  # of the calls
        self.last = ""  # call
        self.used: Counter[str] = Counter()
        self._desk, self._bounds, self._answers = desk, bounds, answers
        self._channel: talk.Channel | None = None
        self._left = 0.0  # s that its process may still take
        self._asking = False
        self._over = ""  # why there is nothing to call any more

    def call(
        self,
        name: str,
        *args: Any,
        returns: type | None = None,
        timeout_s: float | None = None,
        tools: Mapping[str, Callable[..., Any]] | None = None,
        tool_calls: int = 1000,
        finite: bool = True,
    ) -> Any:
        """What the candidate's function of this name returns; `file:name` is one of another file.

        args: plain data. returns: float, int, str, bool, list, dict or numpy.ndarray, where the answer must be that.
        timeout_s: of this call, beside what is left of run.timeout_s. tools: functions of the judge that the
        candidate's function gets as `tools`, a dict; tool_calls: how often it may call them in all. finite: whether
        each number of the answer must be finite.

        Raises Failed.
        """
        self.calls += 1
        self.seconds = 0.0
        where = self.last = f"call {self.calls}, {name}()"
        try:
            if self._over:
                raise Failed(f"{where}: there is nothing to call any more since {self._over}", "ended")
            left = self._opened(where)
            short = timeout_s is not None and timeout_s < left
            limit = f"{timeout_s:g} s" if short else f"what was left of {self._bounds.limit_s:g} s (run.timeout_s)"
            call = _Call(where, timeout_s if short else left, limit, tools or {}, tool_calls)  # type: ignore[arg-type]
            return _checked(self._asked(call, name, args, finite=finite), returns, where)
        except Failed as failed:
            self.failures += 1
            if failed.final and not self._bounds.fresh:
                self._over = str(failed)
            if failed.final:
                self.close()
            raise
        finally:
            self.spent += self.seconds
            if self._bounds.fresh:
                self.close()

    def ask(
        self, prompt: str, form: Mapping[str, str], *, system: str = "", temperature: float | None = None
    ) -> dict[str, Any] | None:
        """What the study's language model answers, or None where that cannot be used.

        form: of the answer, the kind of each of its values by name: "text", "number", "integer" or "boolean". system:
        what comes before the prompt. temperature: from 0 to 2. What it costs, the study counts.

        Raises ValueError for what is no question: a tool that hands on what the candidate wrote refuses it so.
        """
        if not self.solver:
            raise RuntimeError("there is no language model to ask in this study; see whether candidate.solver is empty")
        question = _question(prompt, form, system, temperature)
        return self._solved(question)

    def _solved(self, question: Mapping[str, Any]) -> dict[str, Any] | None:
        line = talk.Channel(self._desk, 0)
        try:
            self._desk.settimeout(None)
            self._desk.sendall(talk.QUESTION)
            line.send(talk.packed(question))
            parts = line.receive()
        except (EOFError, OSError):
            raise Unanswered("nobody answers any more") from None
        if self._answers is not None:
            self._answers.append(parts)
        found = talk.unpacked(*parts)
        return dict(found) if found is not None else None

    def close(self) -> None:
        """End its processes, if there are any: none goes on beside what the judge does next."""
        if self._channel:
            self._channel.close()
            self._channel = None
            with suppress(OSError):  # nobody is there any more, or it takes all of the time that there is
                self._desk.settimeout(max(0.01, self._bounds.until - _RESERVE - time.monotonic()))
                self._desk.sendall(talk.DONE)
                self._desk.recv(1)
            self._desk.settimeout(None)

    def _opened(self, where: str) -> float:
        """See that there is a process to call; the seconds that it may still take."""
        if not self._channel:
            self._desk.sendall(talk.CANDIDATE)
            fds = socket.recv_fds(self._desk, 1, 1)[1]
            if not fds:
                raise EOFError("nobody gives a candidate any more")
            self._channel = talk.Channel(socket.socket(fileno=fds[0]), self._bounds.most)
            self._left = self._bounds.limit_s
            limit = f"{self._left:g} s (run.timeout_s)"
            for step in ("begun", "ready"):
                self._decoded(_Call(f"before {where}, in its preparation", self._left, limit, {}, 0, step), [])
            self.prepared, self.seconds = self.prepared + self.seconds, 0.0
        return self._left

    def _asked(self, call: _Call, name: str, args: tuple[Any, ...], *, finite: bool) -> Any:
        """What it answers to a call."""
        assert self._channel
        if self._asking:
            raise RuntimeError("a tool cannot call the candidate, which waits for that tool")
        self._asking = True
        try:
            return self._answer(call, name, args, finite=finite)
        finally:
            self._asking = False

    def _answer(self, call: _Call, name: str, args: tuple[Any, ...], *, finite: bool) -> Any:
        assert self._channel
        question = talk.packed(["call", call.nonce, name, args, list(call.tools)])
        if self._channel.said():
            raise Failed(f"{call.where}: it said something before it was asked", "invalid", final=True)
        message = self._decoded(call, question, finite=finite)
        while message[0] == "tool":
            message = self._decoded(call, self._tool(call, *message[2:]), finite=finite)
        return _said(message, call.where)

    def _decoded(self, call: _Call, question: _Question, *, finite: bool = False) -> list[Any]:
        """The message that follows a question."""
        try:
            parts = self._timed(call, question)
            message = talk.unpacked(*parts, finite=finite)
        except talk.Garbled as error:
            raise Failed(f"{call.where}: what it answered {error}", "invalid", final=True) from None
        if not _in_turn(message, call):
            raise Failed(f"{call.where}: it answered out of turn, or what is no answer", "invalid", final=True)
        if self._answers is not None and message[0] in ("answer", "raised"):
            self._answers.append(parts)
        return message  # type: ignore[no-any-return]

    def _timed(self, call: _Call, question: _Question) -> Parts:
        """Send a question and receive what follows, within the time that is left."""
        assert self._channel
        start = time.monotonic()
        until = min(start + call.limit_s, self._bounds.until - _RESERVE)
        try:
            self._channel.send(question, until)
            return self._channel.receive(until)
        except TimeoutError:
            limit = (
                call.limit if until == start + call.limit_s else "the time of a whole judgement (evaluate.timeout_s)"
            )
            raise Failed(f"{call.where}: it gave no answer within {limit}", "timeout", final=True) from None
        except (EOFError, OSError):
            raise Failed(f"{call.where}: its process ended", "ended", final=True) from None
        finally:
            taken = time.monotonic() - start
            self.seconds += taken
            self._left, call.limit_s = self._left - taken, call.limit_s - taken

    def _tool(self, call: _Call, name: Any, args: Any, named: Any) -> _Question:
        """Call a function of the judge's for the candidate: what to answer it."""
        if name not in call.tools:
            return talk.packed(["refused", "there is no such tool"])
        if call.room <= 0:
            return talk.packed(["refused", "no calls of tools are left"])
        call.room -= 1
        self.used[name] += 1
        try:
            found = call.tools[name](*args, **named)
        except Unanswered:
            raise
        except Exception as error:  # noqa: BLE001 - of arguments that the candidate chose; it may go on without
            return talk.packed(["refused", failures.public(error)])
        return talk.packed(["gave", found])


class Played(Candidate):
    """A candidate that gives the answers again that another one gave, and its solver's."""

    def __init__(self, answers: Iterable[Parts], bounds: Bounds, solver: str) -> None:
        super().__init__(socket.socket(), bounds, solver=solver)
        self._played = iter(answers)

    def _solved(self, _: Mapping[str, Any]) -> dict[str, Any] | None:
        try:
            return talk.unpacked(*next(self._played))  # type: ignore[no-any-return]
        except (StopIteration, talk.Garbled):
            raise Failed("a question to the solver was not played", "invalid", final=True) from None

    def _opened(self, *_: Any) -> float:
        return self._bounds.limit_s

    def _asked(self, call: _Call, *_: Any, finite: bool) -> Any:
        try:
            return _said(talk.unpacked(*next(self._played), finite=finite), call.where)
        except (StopIteration, talk.Garbled):
            raise Failed(f"{call.where}: it was not played", "invalid", final=True) from None


def _question(prompt: Any, form: Any, system: Any, temperature: Any) -> dict[str, Any]:
    """A question to the solver, checked."""
    if not isinstance(prompt, str) or not prompt or not isinstance(system, str):
        raise ValueError("ask: the prompt is a text that is not empty, and system a text")
    named = isinstance(form, Mapping) and form and all(isinstance(name, str) and name for name in form)
    if not named or not all(kind in _KINDS for kind in form.values()):
        raise ValueError(f"ask: form gives each value of the answer by name its kind: {', '.join(_KINDS)}")
    number = isinstance(temperature, (int, float)) and not isinstance(temperature, bool)
    if temperature is not None and not (number and 0 <= temperature <= 2):
        raise ValueError("ask: the temperature is a number from 0 to 2, or None")
    return {"prompt": prompt, "form": dict(form), "system": system, "temperature": temperature}


def _in_turn(message: Any, call: _Call) -> bool:
    """Whether a message is one that may come now: that it is ready, or else an answer or the use of a tool."""
    if message == [call.nonce]:
        return call.nonce in ("begun", "ready")
    if not isinstance(message, list) or len(message) < 3 or message[1] != call.nonce:
        return False
    if message[0] == "tool":
        _, _, name, args, named = message if len(message) == 5 else (*message[:3], None, None)
        return isinstance(name, str) and isinstance(args, list) and isinstance(named, dict)
    return len(message) == 3 and message[0] in ("answer", "raised")


def _said(message: list[Any], where: str) -> Any:
    """The value of an answer; Failed where the function raised, or returned what cannot be sent."""
    kind, _, value = message
    if kind == "answer":
        return value
    told = value if isinstance(value, dict) else {}
    if told.get("wrong"):
        raise Failed(f"{where}: what it returned cannot be sent: {told['wrong']!s:.1000}", "invalid")
    kind = "memory" if told.get("memory") is True else "crash"
    raise Failed(
        f"{where}: it raised {told.get('short') or 'something'!s:.1000}", kind, detail=f"{told.get('error')!s:.8000}"
    )


def _checked(value: Any, wanted: type | None, where: str) -> Any:
    """The value, where it is of the wanted type."""
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted is None or (isinstance(value, wanted) and (wanted is bool or not isinstance(value, bool))):
        return value
    name = _TYPES.get(wanted) or wanted.__name__
    raise Failed(f"{where}: it returned {reprlib.repr(value):.200}, and {name} was wanted", "invalid")
