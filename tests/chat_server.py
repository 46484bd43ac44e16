"""A real HTTP server on loopback that speaks OpenAI's chat completions, and misbehaves when it is told to."""

from __future__ import annotations

import contextlib
import json
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any

Body = dict[str, Any]
Answerer = Callable[[Body], str]
Objection = tuple[int, str]  # status and message

# What the server can do to a call. "ok" answers.
FAULTS = ("busy", "busy later", "broken", "hang", "drip", "cut", "malformed", "empty", "refusal", "length", "prose")
PROTOCOL = ("no response_format", "no tools", "context 400", "key 401")


class ChatServer:
    """answer: from a request's body to the text of the answer. plan: what is done to one call after the other.

    After the plan every call is answered, or, with `share`, fails at random in one of `faults`. refuse: what the server
    objects to in a request, before all else.
    """

    def __init__(
        self,
        answer: Answerer,
        plan: Sequence[str] = (),
        *,
        share: float = 0.0,
        faults: Sequence[str] = FAULTS,
        seed: int = 0,
        hang_s: float = 3.0,
        window: int = 0,
        always: Sequence[str] = (),
        refuse: Callable[[Body], Objection | None] = lambda _: None,
    ) -> None:
        self.answer = answer
        self.plan = list(plan)
        self.requests: list[Body] = []
        self.headers: list[dict[str, str]] = []
        self.done: list[str] = []
        self._share, self._faults, self._random = share, faults, random.Random(seed)
        self._window, self._always = window, always
        self.refuse = refuse
        self.hang_s = hang_s
        self._lock = threading.Lock()
        self.closing = threading.Event()
        server = self

        class Handler(_Handler):
            chat = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    def __enter__(self) -> ChatServer:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.closing.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def next(self, body: Body, headers: dict[str, str]) -> str:
        """What is done to this call."""
        with self._lock:
            self.requests.append(body)
            self.headers.append(headers)
            fault = self._protocol(body) or self._planned()
            self.done.append(fault)
            return fault

    def _planned(self) -> str:
        if self.plan:
            return self.plan.pop(0)
        return self._random.choice(self._faults) if self._random.random() < self._share else "ok"

    def _protocol(self, body: Body) -> str:
        """What a server that lacks something says to a call that wants it."""
        if "key 401" in self._always:
            return "key 401"
        if "no response_format" in self._always and "response_format" in body:
            return "no response_format"
        if "no tools" in self._always and "tools" in body:
            return "no tools"
        if self._window and tokens_in(body) + body.get("max_tokens", 0) > self._window:
            return "context 400"
        return ""

    @property
    def window(self) -> int:
        return self._window


def tokens_in(body: Body) -> int:
    return sum(len(str(message["content"])) for message in body["messages"]) // 4


class _Handler(BaseHTTPRequestHandler):
    chat: ChatServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        fault = self.chat.next(body, {name.lower(): value for name, value in self.headers.items()})
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the client gave the call up
            if objection := self.chat.refuse(body):
                self._error(*objection)
            elif body.get("stream"):
                self._stream(self.chat.answer(body))
            else:
                self._answer(fault, body)
        self.close_connection = True

    def _answer(self, fault: str, body: Body) -> None:
        match fault:
            case "busy":
                self._error(429, "slow down", {"Retry-After": "0.2"})
            case "busy later":
                self._error(429, "slow down", {"Retry-After": "86400"})
            case "broken":
                self._error(500, "the server has an error")
            case "no response_format":
                self._error(400, "this model has no 'response_format' of type 'json_schema'")
            case "no tools":
                self._error(400, "tool choice is not supported by this model")
            case "context 400":
                said = (
                    f"This model's maximum context length is {self.chat.window} tokens; you asked for {tokens_in(body)}"
                )
                self._error(400, said, code="context_length_exceeded")
            case "key 401":
                self._error(401, f"Incorrect API key provided: {self.headers['Authorization'].split()[-1]}")
            case "hang":
                self.chat.closing.wait(self.chat.hang_s)
            case "drip":
                self._drip()
            case "cut":
                whole = self._completion(body, self.chat.answer(body))
                self._send(200, whole[: len(whole) // 2], length=len(whole))
            case "malformed":
                self._send(200, b'{"choices": [{"message": ')
            case _:
                self._send(200, self._misanswered(fault, body))

    def _misanswered(self, fault: str, body: Body) -> bytes:
        text = self.chat.answer(body)
        match fault:
            case "empty":
                return self._completion(body, "")
            case "refusal":
                return self._completion(body, None, refusal="I cannot help with that.")
            case "length":
                return self._completion(body, text[: len(text) // 2], finish="length")
            case "aloud":  # reasoning beside the content
                return self._completion(body, text, more={"reasoning_content": "{}", "reasoning": "{}"})
            case "blocks":
                thought = {"type": "thinking", "thinking": [{"type": "text", "text": "{}"}]}
                return self._completion(body, text, more={"content": [thought, {"type": "text", "text": text}]})
            case "prose":
                return self._completion(body, "Certainly! Here is what I think about it.")
            case _:
                return self._completion(body, text)

    def _completion(
        self,
        body: Body,
        text: str | None,
        finish: str = "stop",
        refusal: str | None = None,
        more: Mapping[str, Any] = MappingProxyType({}),
    ) -> bytes:
        message: Body = {"role": "assistant", "content": text, "refusal": refusal, **more}
        if "tools" in body and text and text.startswith("{"):
            function = {"name": body["tools"][0]["function"]["name"], "arguments": text}
            message |= {"content": None, "tool_calls": [{"id": "c1", "type": "function", "function": function}]}
        prompt, out = tokens_in(body), len(text or "") // 4
        used = {"prompt_tokens": prompt, "completion_tokens": out, "total_tokens": prompt + out}
        used["prompt_tokens_details"] = {"cached_tokens": prompt // 2}  # type: ignore[assignment]
        choice = {"index": 0, "message": message, "finish_reason": finish}
        whole = {"id": "x", "object": "chat.completion", "created": int(time.time()), "model": body["model"]}
        return json.dumps(whole | {"choices": [choice], "usage": used}).encode()

    def _stream(self, text: str) -> None:
        halves = [{"content": text[:7]}, {"content": text[7:]}]
        choices = [{"index": 0, "delta": d, "finish_reason": None} for d in halves]
        choices.append({"index": 0, "delta": {}, "finish_reason": "stop"})
        events = [{"id": "x", "object": "chat.completion.chunk", "created": 1, "choices": [c]} for c in choices]
        lines = [f"data: {line}\n\n" for line in (*map(json.dumps, events), "[DONE]")]
        self._send(200, "".join(lines).encode(), headers={"Content-Type": "text/event-stream"})

    def _drip(self) -> None:
        """A byte now and then: no read ever runs into a time-out."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while not self.chat.closing.wait(0.1):
            self.wfile.write(b" ")
            self.wfile.flush()

    def _error(self, status: int, message: str, headers: dict[str, str] | None = None, code: str = "error") -> None:
        body = json.dumps({"error": {"message": message, "type": "error", "code": code}}).encode()
        self._send(status, body, headers=headers)

    def _send(self, status: int, body: bytes, *, length: int = 0, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length or len(body)))
        self.end_headers()
        self.wfile.write(body)
