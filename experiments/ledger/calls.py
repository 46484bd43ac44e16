"""Calls of language models in the ledger: claimed before the model is asked, settled once after it."""

from __future__ import annotations

import time
from dataclasses import dataclass

import sqlalchemy as sa

from nightlab.experiments.ledger.schema import answers, calls


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


class Calls:
    """The tables `calls` and `answers`."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def claim(self, call: Call) -> int:
        """Write a call before it is made; its row's id. The attempt is the next one of its role and stage."""
        row = {name: getattr(call, name) for name in _CALL if name != "attempt"}
        last = sa.select(sa.func.coalesce(sa.func.max(calls.c.attempt), 0) + 1)
        same = (calls.c.role == call.role) & (calls.c.stage == call.stage)
        values = row | {"attempt": last.where(same).scalar_subquery(), "claimed_at": time.time()}
        with self._engine.begin() as db:
            (number,) = db.execute(sa.insert(calls).values(**values)).inserted_primary_key or (0,)
        return int(number)

    def settle(self, call: int, answer: Answer) -> None:
        """Write how a call ended; the first word stands."""
        row = {name: getattr(answer, name) for name in _ANSWER} | {"call": call, "settled_at": time.time()}
        with self._engine.begin() as db:
            db.execute(sa.insert(answers).prefix_with("OR IGNORE"), row)

    def all(self) -> list[Call]:
        """Every call in the order of the claims; one that was cut off has no answer."""
        query = sa.select(calls, answers).outerjoin(answers).order_by(calls.c.id)
        with self._engine.connect() as db:
            rows = db.execute(query).mappings().all()
        return [
            Call(
                id=row["id"],
                answer=None if row["outcome"] is None else Answer(**{name: row[name] for name in _ANSWER}),
                **{name: row[name] for name in _CALL},
            )
            for row in rows
        ]


_CALL = ("role", "stage", "attempt", "model", "prompt", "version", "hash", "tokens_estimated", "usd_estimated")
_ANSWER = ("outcome", "reason", "text", "tokens_in", "tokens_cached", "tokens_out", "usd", "latency_s")
