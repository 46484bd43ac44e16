"""What went wrong with a call, by the status, the class and the words that the providers' clients have in common, and
what would mend it."""

from __future__ import annotations

import json
import os
import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

from nightlab.agents.chat.protocol import CallFailed, Instead

SHOWN = 300  # characters of what a server said
READ = 4000
SECRET = re.compile(r"\b(sk|pk|key)-[A-Za-z0-9_\-*]{6,}")
STRUCTURE = re.compile(r"response_format|json_schema|structured|tool|function|grammar|schema", re.IGNORECASE)
NUMBER = re.compile(r"(?<![\w.,-])\d{1,3}(?:[,.'_ \u00a0\u202f]\d{3})+(?![\d])|(?<![\w.-])\d{3,9}(?![\w-])")

# That a prompt is too long, servers say in many words: the context's size, or a text or its tokens beyond a measure
_WINDOW = re.compile(r"\bcontext\W+(?:\w+\W+){0,2}?(?:length|window|size|limit)\b", re.IGNORECASE)
_WORDS = (
    re.compile(r"\b(?:context|prompt|inputs?|messages?|conversation|request|sequence|tokens)\b", re.IGNORECASE),
    re.compile(r"\b(?:tokens?|length|context|long|longer|large|size)\b", re.IGNORECASE),
    re.compile(
        r"too (?:long|large|many|big)|exceed|(?:longer|larger|more|greater|less) than|overflow|\breduce\b|shorter|<="
        r"|\bmax(?:imum)?\b|\blimit|only supports|up to|not enough",
        re.IGNORECASE,
    ),
)
_LIMIT = re.compile(
    r"(?:\bmax(?:imum)?\b|\blimit\b|context\W+(?:length|window|size)|\ballowed\b|\bonly\b|up to|at most|exceeds?\b"
    r"|(?:less|longer) than|<=|>)\D{0,60}?" + f"({NUMBER.pattern})",
    re.IGNORECASE,
)
_PROMPT = re.compile(r"\b(?:context|prompt|messages|conversation|input (?:tokens?|length))\b", re.IGNORECASE)
_PAY = re.compile(
    r"insufficient[ _](?:quota|balance|credits?|funds)|credit balance|billing_hard_limit|exceeded_current_quota"
    r"|out of credits|more credits|payment required",
    re.IGNORECASE,
)
_UNKNOWN = re.compile(
    r"(?:model_not_found|unknown_model|invalid_model|unsupported_model)"
    r"|\bmodel\b.{0,120}\b(?:not (?:exist|found)|unknown|no such|not a chat model)"
    r"|\b(?:unknown|invalid|no such|not a chat)\W+model\b",
    re.IGNORECASE,
)
_ROLES = re.compile(
    r"\bsystem\b.{0,20}\b(?:role|message|prompt)s?\b.{0,40}\bnot\b|not support.{0,20}\bsystem\b|roles must alternate"
    r"|messages\[0\]\.role",
    re.IGNORECASE,
)
_STREAM = re.compile(
    r"\bstream(?:ing)?\b.{0,40}\b(?:mode|must|only|required|enabled?|true)\b|only.{0,20}\bstream", re.I
)
_OTHER_NAMES = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}

AGAIN = "`nightlab resume` goes on when it is mended"
_KEY = f"put the right key into NIGHTLAB_API_KEY, or OPENAI_API_KEY for OpenAI's own server; {AGAIN}"
_CREDIT = f"give the account credit; {AGAIN}"
_MODEL = f"start again with a --model that the server has, or load this one there and {AGAIN}"
_ADDRESS = "start again with the right --base-url; most end in /v1"
_AUTHORITY = f"name the file of its certificate authority in SSL_CERT_FILE; {AGAIN}"
_PLAIN = "it speaks no TLS there: start again with http:// in --base-url, or with another port"


def failure(error: Exception, sent: Mapping[str, Any] | None = None) -> CallFailed:
    """sent: the parameters of the request, of which one may be what the server objects to."""
    status, message, code, parameter = _error_parts(error)
    said = scrubbed(_text(message))[:SHOWN] or type(error).__name__
    if "Timeout" in type(error).__name__:
        return CallFailed("timeout", "no answer in time")
    if status < 400:
        return _unconnected(error)
    if _PAY.search(f"{code} {message}") or status == 402:
        return CallFailed("denied", f"status {status}: {said}", lasting=True, mend=_CREDIT)
    too_large = status == 413 or (status == 429 and re.search(r"too large", message, re.IGNORECASE))
    if too_large or (status in (400, 404, 422, 500) and _is_window(message, code, parameter, sent or {})):
        return CallFailed("window", said, window=_limit(message))
    if status in (400, 404, 405, 415, 422) or status >= 500:
        if fault := _parameter(message, parameter, sent or {}):
            return CallFailed("parameter", said, parameter=fault[0], instead=fault[1])
        if not _UNKNOWN.search(f"{code} {message}") and STRUCTURE.search(f"{parameter} {message}"):
            return CallFailed("mode", said)
    if status in (408, 409, 425, 429) or status >= 500:
        return CallFailed("busy", f"status {status}: {said}", retry_after_s=_retry_after(error))
    return _denied(status, said, f"{code} {message}")


def _denied(status: int, said: str, words: str) -> CallFailed:
    reason = f"status {status}: {said}"
    if status in (401, 403):
        return CallFailed("denied", reason, lasting=True, mend=_KEY)
    if _UNKNOWN.search(words):
        return CallFailed("denied", reason, lasting=True, mend=_MODEL)
    if status in (404, 405):
        return CallFailed("denied", reason, lasting=True, mend=_ADDRESS)
    return CallFailed("denied", reason, mend=AGAIN)


def _error_parts(error: Exception) -> tuple[int, str, str, str]:
    """Status, message, code with type, and parameter that an error names; some servers wrap it in a good answer."""
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    body: Any = getattr(error, "body", None)
    if not isinstance(status, int) and error.args and isinstance(error.args[0], dict):
        body = error.args[0]
        status = body.get("code") if isinstance(body.get("code"), int) else 0
    body = body[0] if isinstance(body, list) and body else body
    inner = body.get("error", body) if isinstance(body, dict) else body
    body = {**body, "message": inner} if isinstance(body, dict) and isinstance(inner, str) else inner
    if not isinstance(body, dict):
        return status if isinstance(status, int) else 0, str(error)[:READ], "", ""
    message = body.get("message") or body.get("detail") or body
    code = " ".join(str(body.get(name) or "") for name in ("code", "type", "error_type", "status"))
    text = message if isinstance(message, str) else json.dumps(message, default=str)
    return status if isinstance(status, int) else 0, text[:READ], code, str(body.get("param") or "")


def _text(message: str) -> str:
    """In one line, of a page its words."""
    page = re.search(r"<(?:html|!doctype|body|title)\b", message, re.IGNORECASE)
    return " ".join((re.sub(r"<[^<>]*>", " ", message) if page else message).split())


def _unconnected(error: Exception) -> CallFailed:
    chain = [*_chain(error)]
    root = next((e for e in reversed(chain) if str(e)), error)
    reason = f"{type(root).__name__}: {scrubbed(' '.join(str(root).split()))[:SHOWN]}"
    secure = next((e for e in chain if isinstance(e, ssl.SSLError)), None)
    if isinstance(secure, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in reason:
        return CallFailed("connection", reason, lasting=True, mend=_AUTHORITY)
    if secure is not None and secure.reason == "WRONG_VERSION_NUMBER":
        return CallFailed("connection", reason, lasting=True, mend=_PLAIN)
    if isinstance(error, KeyError | TypeError | ValueError) and not isinstance(error, json.JSONDecodeError):
        return CallFailed("connection", f"its answer is no chat completion ({reason[:120]})", mend=_ADDRESS)
    return CallFailed("connection", reason, mend=AGAIN)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    for _ in range(12):
        if error is None:
            return
        yield error
        error = error.__cause__ or error.__context__


# A prompt that is too long


def _is_window(message: str, code: str, parameter: str, sent: Mapping[str, Any]) -> bool:
    if re.search(r"context.*(?:length|window|size)|tokens? limit|string above", code.replace("_", " "), re.IGNORECASE):
        return True
    if _named(message, parameter, sent) and not _PROMPT.search(message):
        return False
    return bool(_WINDOW.search(message)) or all(words.search(message) for words in _WORDS)


def _limit(message: str) -> int:
    """The window where the server tells it, else 0: a number beside a word for a limit; of several the largest that
    is smaller than another, since what was sent is beyond the limit."""
    if limits := [_number(match[1]) for match in _LIMIT.finditer(message)]:
        return max(limits)
    numbers = sorted({_number(match[0]) for match in NUMBER.finditer(message)})
    return numbers[-2] if len(numbers) > 1 else 0


def _number(text: str) -> int:
    return int(re.sub(r"\D", "", text))


# A parameter that a server does not take


def _parameter(message: str, parameter: str, sent: Mapping[str, Any]) -> tuple[str, Instead] | None:
    """Which of the parameters that were sent the server objects to, and what to do instead; None where there is none,
    or where it is the way to ask for structure."""
    name = _named(message, parameter, sent)
    if name and not STRUCTURE.search(name):
        return name, _instead(name, message, sent[name])
    if _ROLES.search(f"{parameter} {message}"):
        return "system", True
    if (not parameter or parameter == "stream") and _STREAM.search(message):
        return "stream", True
    return None


def _named(message: str, parameter: str, sent: Mapping[str, Any]) -> str:
    if parameter in sent:
        return parameter
    said = (name for name in sent if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", message))
    return next(said, "")


def _instead(name: str, message: str, value: Any) -> Instead:
    """Another name where one is told or known, a limit below what was sent, or nothing: the parameter is left out."""
    other = re.search(
        rf"\buse\W+((?!{name}\b)[a-z]+(?:_[a-z]+)+)\b|\b((?!{name}\b)[a-z]+(?:_[a-z]+)+)\W+instead", message
    )
    if other:
        return str(other[1] or other[2])
    if isinstance(value, int) and not isinstance(value, bool):
        below = [n for match in NUMBER.finditer(message) if 0 < (n := _number(match[0])) < value]
        return max(below) if below else _OTHER_NAMES.get(name, "")
    return ""


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
