"""Stands for the package of this name: calls are made once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def expo(*_: Any, **__: Any) -> None:
    """Named by foreign code."""


def on_exception(*_: Any, **__: Any) -> Callable[[F], F]:
    return lambda function: function
