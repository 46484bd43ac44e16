"""Calls of language models in SQLite: the tables `calls` and `answers`."""

from __future__ import annotations

import sqlalchemy as sa

from nightlab.experiments.ledger import rows
from nightlab.experiments.ledger.calls import Answer, Call, Calls
from nightlab.experiments.ledger.sqlite.chain import written
from nightlab.experiments.ledger.sqlite.schema import answers, calls


class SqliteCalls(Calls):
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    def claim(self, call: Call) -> int:
        same = (calls.c.role == call.role) & (calls.c.stage == call.stage)
        with self._engine.begin() as db:
            db.exec_driver_sql("BEGIN IMMEDIATE")  # no other one takes the attempt in between
            last = db.execute(sa.select(sa.func.max(calls.c.attempt)).where(same)).scalar_one()
            number = written(db, calls, rows.call_row(call) | {"attempt": (last or 0) + 1})
        assert number is not None  # each claim is a row of its own
        return number

    def settle(self, call: int, answer: Answer) -> None:
        with self._engine.begin() as db:
            written(db, answers, rows.answer_row(call, answer))

    def all(self) -> list[Call]:
        query = sa.select(calls, answers).outerjoin(answers).order_by(calls.c.id)
        with self._engine.connect() as db:
            return [rows.call(row) for row in db.execute(query).mappings()]
