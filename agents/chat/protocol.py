"""What passes between an agent's access and a model, whichever model it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol
from urllib.parse import urlsplit

from pydantic import Field

from nightlab.experiments.study.settings import SettingsError

Mode = Literal["schema", "tool", "text"]  # how a model is asked for structure: response_format, a tool call, words
Outcome = Literal[
    "ok",
    "invalid",  # an answer that failed the checks
    "empty",
    "cut",  # ran into the token limit
    "refused",
    "timeout",
    "connection",  # also a body that ends early or is no JSON
    "busy",  # 429 and 5xx
    "window",  # the prompt is longer than the model's context window
    "mode",  # the server does not know this way to ask for structure
    "parameter",  # or one of the parameters
    "denied",  # a wrong key, an unknown model: asking again is of no use
]
Instead = str | int  # of a parameter: another name, a limit, True to switch it on, "" to leave it out


class NoAnswer(Exception):
    """A model gave nothing usable. reason: one line, safe to print."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TooLong(NoAnswer):
    """A prompt that no window of the model holds: others it may still answer."""


class Unusable(NoAnswer):
    """A model that answers, though with nothing that passes the checks."""


@dataclass(frozen=True, kw_only=True)
class Message:
    """images: PNG files that go with the text, to a model that takes them."""

    role: Literal["system", "user", "assistant"]
    text: str
    images: tuple[bytes, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Question:
    """One request to a model. max_tokens: of the answer. schema: JSON schema of the answer. adapted: which
    parameters its server does not take as they are, in the order in which that was found out. temperature: where it is
    another than that of the connection."""

    role: str
    stage: str
    messages: tuple[Message, ...]
    schema: Mapping[str, Any]
    title: str
    mode: Mode
    max_tokens: int
    timeout_s: float = 180.0
    temperature: float | None = None
    adapted: Mapping[str, Instead] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What came back. tokens_cached: the part of tokens_in that a prompt cache held."""

    text: str
    outcome: Outcome = "ok"
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    reason: str = ""


@dataclass
class CallFailed(Exception):
    """A call that brought no answer. retry_after_s: what the server asked for."""

    outcome: Outcome
    reason: str
    retry_after_s: float | None = None
    window: int = 0  # tokens, where the server told
    lasting: bool = False  # nothing but the user can mend it: a wrong key, an unknown model
    mend: str = ""  # what the user can do
    parameter: str = ""  # that the server does not take, and what to do instead
    instead: Instead = ""

    def __str__(self) -> str:
        return self.reason


class Connection(Protocol):
    """A connection to one model."""

    modes: tuple[Mode, ...]  # in the order in which they are tried

    def send(self, question: Question) -> Reply:
        """Raises CallFailed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """How a model is called; times in seconds. context: tokens of prompt and answer together; 0: not known.

    Each is a key of nightlab.toml, within the bounds that stand here.
    """

    base_url: str = ""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(ge=64)] = 4096  # of an answer; 1000 on this machine
    timeout_s: Annotated[float, Field(gt=0, le=86400)] = 180.0  # 300 on this machine
    retries: Annotated[int, Field(ge=0, le=20)] = 4
    wait_s: Annotated[float, Field(ge=0, le=600)] = 1.0  # before the first retry; it doubles from one to the next
    longest_wait_s: Annotated[float, Field(ge=0, le=3600)] = 60.0
    context: Annotated[int, Field(ge=512)] = 0
    failures: Annotated[int, Field(ge=1)] = 6  # so many failed calls in a row, and the model is left alone for a while
    pause_s: Annotated[float, Field(gt=0, le=86400)] = 60.0  # that while
    images: bool = False  # whether it takes images: a reviewer then sees the figures


def checked_url(url: str) -> str:
    """A server's address as it may be kept in the ledger. Raises SettingsError, e.g. where it carries a password."""
    parts = urlsplit(url)
    if parts.username or parts.password or parts.query:
        raise SettingsError("base_url must not carry a key; put it into the environment (NIGHTLAB_API_KEY)")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SettingsError(f"base_url {url!r} is no address; give one like http://127.0.0.1:8000/v1")
    return url
