"""Connections to real models: OpenAI and whatever speaks its protocol, and other providers through LangChain."""

from __future__ import annotations

import base64
import os
import ssl
import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from importlib.util import find_spec
from typing import Any, TypeVar

from nightlab.agents.chat.answer_parsing import in_words, strict
from nightlab.agents.chat.call_failures import failure, scrubbed
from nightlab.agents.chat.protocol import CallFailed, Instead, Message, Mode, Outcome, Parameters, Question, Reply
from nightlab.experiments.study.settings import SettingsError
from nightlab.papers.literature.network import HTTPX, direct, faults

T = TypeVar("T")
SLACK_S = 2.0  # beyond the client's own time-out, before the call is given up from outside
KEYS = ("NIGHTLAB_API_KEY", "OPENAI_API_KEY")
OPENAI = "https://api.openai.com/v1"
NO_KEY = "none"  # a local server asks for none, but the client wants one


class LangchainConnection:
    """A line to one model. Raises SettingsError where package or key is missing, or the environment is wrong."""

    def __init__(self, name: str, parameters: Parameters) -> None:
        self._own_server = bool(parameters.base_url)
        self._temperature = parameters.temperature
        provider, _, model = name.partition(":")
        self._openai = provider == "openai" and bool(model)
        if self._openai:
            self._client = _openai(model, parameters)
            if own := self._client.http_client:  # any other is shared by all models
                weakref.finalize(self, own.close)
            self.modes: tuple[Mode, ...] = ("schema", "tool", "text")
        else:
            self._client = _other(name, provider, model, parameters)
            self.modes = ("tool", "text")

    def send(self, question: Question) -> Reply:
        messages = [(message.role, content(message)) for message in asked(question)]
        body = adapted(self._body(question), question.adapted)
        options: dict[str, Any] = {"extra_body": body} if self._openai else dict(body)
        if question.adapted.get("stream"):
            options["stream"] = True
        return bounded(lambda: _reply(self._client.invoke(messages, **options)), question.timeout_s + SLACK_S, body)

    def _body(self, question: Question) -> dict[str, Any]:
        """The parameters of the request."""
        body: dict[str, Any] = {}
        if self._openai and not self._own_server:
            body["max_completion_tokens"] = question.max_tokens
        else:
            body["max_tokens"] = question.max_tokens  # the older name, which every server knows
        own = question.temperature
        if own is not None or (self._openai and self._temperature is not None):
            body["temperature"] = self._temperature if own is None else own
        if question.mode == "schema":
            schema, is_strict = strict(question.schema)
            form = {"name": question.title, "schema": schema, "strict": is_strict}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        if question.mode == "tool":
            function = {"name": question.title, "description": "Give the answer.", "parameters": question.schema}
            body["tools"] = [{"type": "function", "function": function}]
            named = {"type": "function", "function": {"name": question.title}} if self._openai else question.title
            body["tool_choice"] = "required" if self._own_server else named
        return body


def adapted(body: Mapping[str, Any], instead: Mapping[str, Instead]) -> dict[str, Any]:
    """The parameters as the server takes them: left out, under another name, or at most so much."""
    body = dict(body)
    for name, other in instead.items():
        if name not in body or other is True:
            continue
        value = body.pop(name)
        if isinstance(other, int):
            body[name] = min(value, other)
        elif other:
            body[other] = value
    return body


def asked(question: Question) -> tuple[Message, ...]:
    """The messages, with the form of the answer in words where the server is not told otherwise."""
    first, *others = question.messages
    if question.mode == "text":
        first = Message(role=first.role, text=f"{first.text}\n\n{in_words(question.schema)}")
    if not question.adapted.get("system"):
        return first, *others
    merged: list[Message] = []  # a server without a system role often wants user and assistant by turns
    for message in (Message(role="user", text=first.text), *others):
        if merged and merged[-1].role == message.role:
            before = merged.pop()
            text = f"{before.text}\n\n{message.text}"
            message = Message(role=message.role, text=text, images=(*before.images, *message.images))
        merged.append(message)
    return tuple(merged)


def content(message: Message) -> str | list[dict[str, Any]]:
    """The text, or, with images, the parts as LangChain's providers know them."""
    if not message.images:
        return message.text
    addresses = (f"data:image/png;base64,{base64.b64encode(image).decode()}" for image in message.images)
    shown = [{"type": "image_url", "image_url": {"url": address}} for address in addresses]
    return [{"type": "text", "text": message.text}, *shown]


def bounded(work: Callable[[], T], seconds: float, sent: Mapping[str, Any]) -> T:
    """work() in a thread of its own, given up after so many seconds, whatever the server does meanwhile."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001  (providers' clients share no base class)
            done.set_exception(failure(error, sent))

    threading.Thread(target=run, daemon=True, name="model call").start()
    try:
        return done.result(timeout=seconds)
    except TimeoutError:
        raise CallFailed("timeout", f"no answer within {seconds:g} s") from None


def _reply(message: Any) -> Reply:
    """LangChain's message as a reply."""
    extra, meta = message.additional_kwargs, message.response_metadata
    reason = meta.get("finish_reason") or meta.get("stop_reason") or ""
    used: Mapping[str, Any] = message.usage_metadata or {}
    text = str(message.text)
    if calls := [*message.tool_calls, *message.invalid_tool_calls]:
        arguments = calls[0]["args"]
        text = arguments if isinstance(arguments, str) else _json(arguments)
    outcome: Outcome = "ok"
    if extra.get("refusal") or reason in ("content_filter", "refusal"):
        outcome = "refused"
    elif reason in ("length", "max_tokens"):
        outcome = "cut"
    elif not text.strip():
        outcome = "empty"
    return Reply(
        text=text,
        outcome=outcome,
        tokens_in=used.get("input_tokens", 0),
        tokens_cached=(used.get("input_token_details") or {}).get("cache_read") or 0,
        tokens_out=used.get("output_tokens", 0),
        reason=scrubbed(str(extra.get("refusal") or "")),
    )


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False)


def _openai(model: str, parameters: Parameters) -> Any:
    if not find_spec("langchain_openai"):
        raise SettingsError("models openai:NAME need the package langchain-openai: pip install 'nightlab[openai]'")
    from langchain_openai import ChatOpenAI
    from pydantic import SecretStr

    known = KEYS[:1] if parameters.base_url else KEYS  # OpenAI's key goes to OpenAI only
    key = next((value for name in known if (value := os.environ.get(name))), "")
    if not key and not parameters.base_url:
        raise SettingsError(
            f"model openai:{model} needs a key in the environment (OPENAI_API_KEY), or --base-url for another server"
        )
    address = parameters.base_url or os.environ.get("OPENAI_API_BASE") or os.environ.get("OPENAI_BASE_URL") or OPENAI
    if fault := faults(address, HTTPX):
        raise SettingsError(f"model openai:{model} at {address}: {fault}")
    return ChatOpenAI(
        model=model,
        base_url=parameters.base_url or None,
        api_key=SecretStr(key or NO_KEY),
        timeout=parameters.timeout_s,
        max_retries=0,
        use_responses_api=False,
        **(_direct(address) if direct(address) else {}),
    )


def _direct(address: str) -> dict[str, Any]:
    """Clients that ask no proxy, whatever the environment names: for a server on this machine."""
    import openai

    file = os.environ.get("SSL_CERT_FILE") if address.startswith("https") else None
    options: dict[str, Any] = {"trust_env": False, "verify": ssl.create_default_context(cafile=file)} if file else {}
    options = options or {"trust_env": False}
    return {
        "http_client": openai.DefaultHttpxClient(**options),
        "http_async_client": openai.DefaultAsyncHttpxClient(**options),
    }


def _other(name: str, provider: str, model: str, parameters: Parameters) -> Any:
    if not (provider and model):
        raise SettingsError(f"model {name!r} is not in the form PROVIDER:NAME; give openai:NAME or fake:SCRIPT")
    if not find_spec("langchain"):
        raise SettingsError(
            f"model {name!r} needs LangChain's package for it: pip install langchain langchain-{provider}"
        )
    from langchain.chat_models import init_chat_model

    if fault := faults(parameters.base_url or "https://", HTTPX):
        raise SettingsError(f"model {name!r}: {fault}")
    given: dict[str, Any] = {"timeout": parameters.timeout_s, "max_retries": 0, "temperature": parameters.temperature}
    options = {key: value for key, value in given.items() if value is not None}
    if parameters.base_url:
        options["base_url"] = parameters.base_url
    try:
        return init_chat_model(model, model_provider=provider, **options)
    except ImportError as error:
        raise SettingsError(f"model {name!r}: {error}") from None
    except ValueError as error:
        raise SettingsError(f"model {name!r}: {scrubbed(str(error))}") from None
