"""Lines to real models: OpenAI and whatever speaks its protocol, and other providers through LangChain."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from importlib.util import find_spec
from typing import Any, TypeVar

from nightlab.agents.structure import in_words, strict
from nightlab.agents.wire import CallFailed, Message, Mode, Outcome, Parameters, Question, Reply
from nightlab.experiments.study import SettingsError

T = TypeVar("T")
SLACK_S = 2.0  # beyond the client's own time-out, before the call is given up from outside
KEYS = ("NIGHTLAB_API_KEY", "OPENAI_API_KEY")
NO_KEY = "none"  # a local server asks for none, but the client wants one
STRUCTURE = re.compile(r"response_format|json_schema|structured|tool|function|grammar|schema", re.IGNORECASE)
WINDOW = re.compile(r"context.{0,20}(length|window|size)|prompt is too long|maximum context|too many tokens", re.I)
SECRET = re.compile(r"\b(sk|pk|key)-[A-Za-z0-9_\-*]{6,}")


class LangchainLine:
    """A line to one model. Raises SettingsError where package or key is missing."""

    def __init__(self, name: str, parameters: Parameters) -> None:
        self._own_server = bool(parameters.base_url)
        provider, _, model = name.partition(":")
        if provider == "openai" and model:
            self._client = _openai(model, parameters)
            self.modes: tuple[Mode, ...] = ("schema", "tool", "text")
        else:
            self._client = _other(name, provider, model, parameters)
            self.modes = ("tool", "text")

    def send(self, question: Question) -> Reply:
        messages = [(message.role, message.text) for message in asked(question)]
        options = self._options(question)
        return bounded(lambda: _reply(self._client.invoke(messages, **options)), question.timeout_s + SLACK_S)

    def _options(self, question: Question) -> dict[str, Any]:
        options: dict[str, Any] = {}
        body: dict[str, Any] = {}
        if self._own_server:
            body["max_tokens"] = question.max_tokens  # the older name, which every server knows
        else:
            options["max_tokens"] = question.max_tokens
        if question.mode == "schema":
            schema, is_strict = strict(question.schema)
            form = {"name": question.title, "schema": schema, "strict": is_strict}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        if question.mode == "tool":
            function = {"name": question.title, "description": "Give the answer.", "parameters": question.schema}
            options["tools"] = [{"type": "function", "function": function}]
            options["tool_choice"] = "required" if self._own_server else question.title
        return options | ({"extra_body": body} if body else {})


def asked(question: Question) -> tuple[Message, ...]:
    """The messages, with the form of the answer in words where the server is not told otherwise."""
    if question.mode != "text":
        return question.messages
    first, *others = question.messages
    return Message(role=first.role, text=f"{first.text}\n\n{in_words(question.schema)}"), *others


def bounded(work: Callable[[], T], seconds: float) -> T:
    """work() in a thread of its own, given up after so many seconds, whatever the server does meanwhile."""
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001  (providers' clients share no base class)
            done.set_exception(failure(error))

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


def failure(error: Exception) -> CallFailed:
    """What went wrong, by the status and the class that the providers' clients have in common."""
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    said = scrubbed(" ".join(str(error).split()))[:300] or type(error).__name__
    if "Timeout" in type(error).__name__:
        return CallFailed("timeout", "no answer in time")
    if not isinstance(status, int) or status < 400:
        return CallFailed("connection", f"{type(error).__name__}: {said}")
    if status >= 500 and STRUCTURE.search(said):
        return CallFailed("mode", said)
    if status in (408, 409, 425, 429) or status >= 500:
        return CallFailed("busy", f"status {status}: {said}", retry_after_s=_retry_after(error))
    if WINDOW.search(said) or status == 413:
        limit = re.search(r"(?:length|window|size|limit|maximum)\D{0,40}?(\d{3,8})", said)
        return CallFailed("window", said, window=int(limit[1]) if limit else 0)
    if status in (400, 404, 405, 415, 422) and STRUCTURE.search(said):
        return CallFailed("mode", said)
    return CallFailed("denied", f"status {status}: {said}", lasting=status in (401, 402, 403, 404))


def _retry_after(error: Exception) -> float | None:
    headers = getattr(getattr(error, "response", None), "headers", None) or {}
    try:
        return max(0.0, float(headers.get("retry-after", "")))
    except ValueError:
        return None  # a date, or none at all: the usual wait


def scrubbed(text: str) -> str:
    """A text without the keys of the environment, and without what looks like one."""
    for name, value in os.environ.items():
        if len(value) >= 6 and re.search(r"KEY|TOKEN|SECRET", name):
            text = text.replace(value, "***")
    return SECRET.sub("***", text)


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
    return ChatOpenAI(
        model=model,
        base_url=parameters.base_url or None,
        api_key=SecretStr(key or NO_KEY),
        timeout=parameters.timeout_s,
        max_retries=0,
        temperature=parameters.temperature,
        use_responses_api=False,
    )


def _other(name: str, provider: str, model: str, parameters: Parameters) -> Any:
    if not (provider and model):
        raise SettingsError(f"model {name!r} is not in the form PROVIDER:NAME; give openai:NAME or fake:SCRIPT")
    if not find_spec("langchain"):
        raise SettingsError(
            f"model {name!r} needs LangChain's package for it: pip install langchain langchain-{provider}"
        )
    from langchain.chat_models import init_chat_model

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
