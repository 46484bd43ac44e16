"""Calls of language models in the ledger: claimed before the model is asked, settled once after it."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class Answer:
    """How a call ended. usd: by the price table. text: what was answered, where it is kept."""

    outcome: str
    reason: str = ""
    text: str = ""
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    usd: float = 0.0
    latency_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to a model. prompt, version, hash: the template's name, its version, and what it was filled to."""

    role: str
    stage: str
    attempt: int
    model: str
    prompt: str
    version: str
    hash: str
    tokens_estimated: int  # in and out at most
    usd_estimated: float
    id: int = 0
    answer: Answer | None = None


class Calls(Protocol):
    """The calls of a study."""

    @abstractmethod
    def claim(self, call: Call) -> int:
        """Write a call before it is made; its row's id. The attempt is the next one of its role and stage."""

    @abstractmethod
    def settle(self, call: int, answer: Answer) -> None:
        """Write how a call ended; the first word stands."""

    @abstractmethod
    def all(self) -> list[Call]:
        """Every call in the order of the claims; one that was cut off has no answer."""
