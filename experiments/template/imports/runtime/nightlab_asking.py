"""Where questions to a language model go, and where an agent's work is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

_tools: dict[str, Callable[..., Any]] = {}
_forwarded: list[Callable[[Any], Any]] = []


def use(tools: Mapping[str, Callable[..., Any]]) -> None:
    """The judge's functions, for the call that is made."""
    _tools.update(tools)


def ask(model: str, messages: list[dict[str, Any]]) -> str:
    """What the model that stands in says."""
    if "ask" not in _tools:
        raise RuntimeError("no model is there to be asked outside of a call of forward")
    return str(_tools["ask"](model, messages))


def forward_by(function: Callable[[Any], Any]) -> None:
    """In the judge: what an agent's `forward` is."""
    _forwarded[:] = [function]


def forwarded(task: Any) -> Any:
    """What the agent makes of a task, where it runs."""
    return _forwarded[0](task)
