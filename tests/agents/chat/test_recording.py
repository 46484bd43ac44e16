"""Answers that stand in a ledger: which of them a call gets again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nightlab.agents.chat.recording import Recording
from nightlab.experiments.ledger.calls import Answer, Call

CALL = Call(
    role="writer",
    stage="run 3, question 1",
    attempt=1,
    model="fake:x",
    prompt="solver",
    version="1",
    hash="a",
    tokens_estimated=1,
    usd_estimated=0.0,
)


@pytest.mark.parametrize(("role", "used"), [("writer", True), ("solver", False)])
def test_only_a_judge_s_question_must_be_the_very_same_one(role: str, used: bool) -> None:
    recorded = Answer(outcome="ok", text="It is so.")
    known = Recording("of a test", [replace(CALL, role=role, answer=recorded)])
    assert (known.next(replace(CALL, role=role, hash="b")) is recorded) is used
    known = Recording("of a test", [replace(CALL, role=role, answer=recorded)])
    assert known.next(replace(CALL, role=role)) is recorded
