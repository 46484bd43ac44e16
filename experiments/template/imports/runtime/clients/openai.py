"""Stands for the client of a hosted model: whatever is asked goes to the judge, which counts it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import nightlab_asking


class OpenAIError(Exception):
    """What a call may raise."""


class RateLimitError(OpenAIError):
    """Never raised here; foreign code names it."""


class OpenAI:
    """The one part of the client that is there: chat.completions.create."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.chat = SimpleNamespace(completions=SimpleNamespace(create=_create))


def _create(*, messages: list[dict[str, Any]], model: str = "", **_: Any) -> Any:
    plain = [{"role": str(m.get("role")), "content": str(m.get("content"))} for m in messages]
    text = nightlab_asking.ask(model, plain)
    return SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content=text, role="assistant"))])
