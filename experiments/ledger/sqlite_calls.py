"""Calls of language models in SQLite: the tables `calls` and `answers`."""

from __future__ import annotations

import time

import sqlalchemy as sa

from nightlab.experiments.ledger.calls import Answer, Call, Calls
from nightlab.experiments.ledger.schema import answers, calls


class SqliteCalls(Calls):
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def claim(self, call: Call) -> int:
        row = {name: getattr(call, name) for name in _CALL if name != "attempt"}
        last = sa.select(sa.func.coalesce(sa.func.max(calls.c.attempt), 0) + 1)
        same = (calls.c.role == call.role) & (calls.c.stage == call.stage)
        values = row | {"attempt": last.where(same).scalar_subquery(), "claimed_at": time.time()}
        with self._engine.begin() as db:
            (number,) = db.execute(sa.insert(calls).values(**values)).inserted_primary_key or (0,)
        return int(number)

    def settle(self, call: int, answer: Answer) -> None:
        row = {name: getattr(answer, name) for name in _ANSWER} | {"call": call, "settled_at": time.time()}
        with self._engine.begin() as db:
            db.execute(sa.insert(answers).prefix_with("OR IGNORE"), row)

    def all(self) -> list[Call]:
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
