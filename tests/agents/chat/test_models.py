"""Access to models, against a real server that misbehaves: every question ends, in an answer or in NoAnswer."""

from __future__ import annotations

import gc
import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from nightlab.agents.chat.metered_model import Refused
from nightlab.agents.chat.models import Chat, Models, NoAnswer, Prompt
from nightlab.agents.chat.recording import MissingAnswer
from nightlab.agents.chat.settings import ROLES, ModelSettings
from nightlab.agents.chat.usage import usage, usage_lines
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.experiments.ledger.sqlite.ledger import SqliteLedger
from nightlab.experiments.study.settings import SettingsError
from tests.chat_server import FAULTS, Body, ChatServer

QUICK: Mapping[str, Any] = {"timeout_s": 0.5, "wait_s": 0.01, "longest_wait_s": 0.1, "pause_s": 0.3}
KEY = "sk-nightlab-secret-0123456789"


class Sum(BaseModel):
    total: int
    words: str = ""


PROMPT = Prompt(name="sum", system="You add.", details=("one", "two"), request="Add 1 and 2.", version="v1")


def three(_body: Body) -> str:
    return json.dumps({"total": 3, "words": "one and two"})


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = SqliteLedger(tmp_path / "study.db")
    yield opened
    opened.close()


def models(ledger: Ledger, server: ChatServer, quick: Mapping[str, Any] = QUICK, **settings: Any) -> Models:
    parameters = {role: dict(quick) for role in ROLES}
    return Models(ModelSettings(model="openai:any", base_url=server.url, parameters=parameters, **settings), ledger)


def chat(ledger: Ledger, server: ChatServer, **given: Any) -> Chat:
    return models(ledger, server, **given).chat("coder")


def outcomes(ledger: Ledger) -> list[str]:
    return [call.answer.outcome if call.answer else "" for call in ledger.calls.all()]


def test_an_answer_is_checked_and_every_call_has_a_row(ledger: Ledger) -> None:
    with ChatServer(three) as server:
        answer = chat(ledger, server).ask(Sum, PROMPT, stage="trial 1")
    assert answer == Sum(total=3, words="one and two")
    (call,) = ledger.calls.all()
    assert (call.role, call.stage, call.attempt, call.model) == ("coder", "trial 1", 1, "openai:any")
    assert (call.prompt, call.version, len(call.hash)) == ("sum", "v1", 16)
    assert call.answer is not None
    assert call.answer.tokens_in > 0
    assert call.tokens_estimated >= call.answer.tokens_in + call.answer.tokens_out
    assert server.requests[0]["response_format"]["json_schema"]["strict"] is True
    assert usage(ledger)["calls"] == 1


@pytest.mark.parametrize("fault", ["busy", "busy later", "broken", "hang", "drip", "cut", "malformed"])
def test_a_call_that_fails_for_a_moment_is_made_again(ledger: Ledger, fault: str) -> None:
    with ChatServer(three, [fault]) as server:
        quick = {**QUICK, "timeout_s": 1.0}
        started = time.monotonic()
        assert chat(ledger, server, quick=quick).ask(Sum, PROMPT, stage="s").total == 3
    expected = {"busy": "busy", "busy later": "busy", "broken": "busy", "hang": "timeout", "drip": "timeout"}
    assert outcomes(ledger) == [expected.get(fault, "connection"), "ok"]
    assert time.monotonic() - started < 12


@pytest.mark.parametrize(("fault", "outcome"), [("empty", "empty"), ("length", "cut"), ("prose", "invalid")])
def test_an_answer_that_will_not_do_goes_back_with_the_reason(ledger: Ledger, fault: str, outcome: str) -> None:
    with ChatServer(three, ["ok", fault]) as server:
        access = chat(ledger, server)
        access.ask(Sum, PROMPT, stage="s")
        assert access.ask(Sum, PROMPT, stage="t").total == 3
    assert outcomes(ledger) == ["ok", outcome, "ok"]
    assert "will not do" in server.requests[2]["messages"][-1]["content"]


@pytest.mark.parametrize("plan", ["aloud", "blocks"])
def test_reasoning_beside_the_answer_is_none_of_it(ledger: Ledger, plan: str) -> None:
    with ChatServer(three, [plan]) as server:
        assert chat(ledger, server).ask(Sum, PROMPT, stage="s").total == 3
    assert outcomes(ledger) == ["ok"]


def test_a_failed_check_goes_back_at_most_twice(ledger: Ledger) -> None:
    with ChatServer(three) as server:
        access = chat(ledger, server)
        told = access.attempt(
            "s",
            lambda: access.ask(Sum, PROMPT, stage="s", check=lambda s: "" if s.total == 4 else "it must be 4"),
            lambda: Sum(total=0),
        )
    assert told == Sum(total=0)
    assert outcomes(ledger) == ["invalid"] * 3
    assert "it must be 4" in server.requests[1]["messages"][-1]["content"]
    (body,) = ledger.documents("fallback").values()
    assert body["role"] == "coder"
    assert "it must be 4" in body["reason"]
    assert usage(ledger)["fallbacks"] == 1


def test_a_refusal_ends_the_question(ledger: Ledger) -> None:
    with ChatServer(three, ["refusal"]) as server, pytest.raises(NoAnswer, match="refused: I cannot help"):
        chat(ledger, server).ask(Sum, PROMPT, stage="s")
    assert outcomes(ledger) == ["refused"]


@pytest.mark.parametrize(
    ("always", "structured", "tried"),
    [((), "schema", 1), (("no response_format",), "tool", 2), (("no response_format", "no tools"), "text", 3)],
)
def test_the_way_to_ask_for_structure_is_found_out_once(
    ledger: Ledger, always: tuple[str, ...], structured: str, tried: int
) -> None:
    with ChatServer(three, always=always) as server:
        chat(ledger, server).ask(Sum, PROMPT, stage="s")
        assert len(server.requests) == tried
        chat(ledger, server).ask(Sum, PROMPT, stage="t")  # a new session finds it in the ledger
        assert len(server.requests) == tried + 1
    assert list(ledger.documents("model").values()) == [{"structured": structured}]


def test_a_server_that_overlooks_the_schema_is_asked_in_words(ledger: Ledger) -> None:
    def answer(body: Body) -> str:
        return f"Sure!\n```json\n{three(body)[:-1]},}}\n```" if "JSON schema" in str(body["messages"]) else "Three."

    with ChatServer(answer) as server:
        assert chat(ledger, server).ask(Sum, PROMPT, stage="s").total == 3
    assert list(ledger.documents("model").values()) == [{"structured": "text"}]


def test_a_prompt_over_the_window_loses_its_oldest_details(ledger: Ledger) -> None:
    details = tuple(f"detail {n} " + "word " * 300 for n in range(12))
    prompt = Prompt(name="long", system="You add.", details=details, request="Add.", version="v1")
    with ChatServer(three, window=3000) as server:
        access = chat(ledger, server)
        assert access.ask(Sum, prompt, stage="s").total == 3
        sent = server.requests[-1]["messages"][1]["content"]
        count = len(server.requests)
        access.ask(Sum, prompt, stage="t")
        assert len(server.requests) == count + 1  # the window is known now
    assert "detail 11 " in sent
    assert "detail 0 " not in sent
    assert "older items are left out" in sent


def test_a_request_over_the_window_is_no_endless_affair(ledger: Ledger) -> None:
    prompt = Prompt(name="long", system="You add.", details=(), request="word " * 4000, version="v1")
    with ChatServer(three, window=1000) as server, pytest.raises(NoAnswer, match="longer than the context window"):
        chat(ledger, server).ask(Sum, prompt, stage="s")
    assert len(server.requests) <= 3


def test_a_model_that_does_not_answer_is_left_alone_for_a_while(ledger: Ledger) -> None:
    quick = {**QUICK, "failures": 3, "retries": 1}
    with ChatServer(three, ["broken"] * 3) as server:
        access = chat(ledger, server, quick=quick)
        for stage in ("a", "b", "c", "d"):
            with pytest.raises(NoAnswer):
                access.ask(Sum, PROMPT, stage=stage)
        assert len(server.requests) == 3
        time.sleep(QUICK["pause_s"])
        assert access.ask(Sum, PROMPT, stage="e").total == 3


def test_a_model_that_is_too_slow_twice_is_not_asked_again(ledger: Ledger) -> None:
    with ChatServer(three, ["hang"] * 9) as server, pytest.raises(NoAnswer, match="in time"):
        chat(ledger, server, quick={**QUICK, "timeout_s": 0.3}).ask(Sum, PROMPT, stage="s")
    assert outcomes(ledger) == ["timeout", "timeout"]


def test_a_server_that_was_never_there_is_told_at_once(ledger: Ledger) -> None:
    with ChatServer(three) as server:
        pass
    with pytest.raises(Refused, match=rf"at {server.url}: .*Connection.*nightlab resume"):
        chat(ledger, server).ask(Sum, PROMPT, stage="s")
    assert outcomes(ledger) == ["connection"] * 5


def test_a_key_stays_in_the_environment(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "for OpenAI alone, and no other server")
    monkeypatch.setenv("NIGHTLAB_API_KEY", KEY)
    with ChatServer(three, always=["key 401"]) as server, pytest.raises(Refused) as refused:
        chat(ledger, server, record=True).ask(Sum, PROMPT, stage="s")
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"
    assert KEY not in str(refused.value)
    assert "nightlab resume" in str(refused.value)
    ledger.close()
    for file in Path(ledger.place).parent.iterdir():
        assert KEY.encode() not in file.read_bytes()


def test_without_a_key_a_server_of_ones_own_is_asked(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with ChatServer(three) as server:
        chat(ledger, server).ask(Sum, PROMPT, stage="s")
    with pytest.raises(SettingsError, match="OPENAI_API_KEY"):
        Models(ModelSettings(model="openai:any"), ledger)


def test_a_package_that_is_missing_is_named(ledger: Ledger) -> None:
    with pytest.raises(SettingsError, match="pip install langchain langchain-anthropic"):
        Models(ModelSettings(model="anthropic:claude"), ledger)


# What only the user can mend, and what is asked otherwise


def takes(parameter: str, message: str) -> Any:
    return lambda body: (400, message) if parameter in body else None


def first_role(body: Body) -> Any:
    return (400, "System role not supported") if body["messages"][0]["role"] == "system" else None


def unstreamed(body: Body) -> Any:
    return None if body.get("stream") else (400, "This model only support stream mode")


@pytest.mark.parametrize(
    ("refuse", "way"),
    [
        (
            takes("max_tokens", "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
            "with max_c",
        ),
        (takes("max_tokens", "Extra inputs are not permitted: max_tokens"), "with max_completion_tokens"),
        (takes("temperature", "temperature does not support 0.7; only the default (1) value is"), "without it"),
        (lambda b: (400, "max_tokens must be <= 512") if b["max_tokens"] > 512 else None, "with at most 512"),
        (first_role, "otherwise"),
        (unstreamed, "otherwise"),
    ],
)
def test_a_parameter_that_is_not_taken_is_adapted_once(ledger: Ledger, refuse: Any, way: str) -> None:
    quick = {**QUICK, "temperature": 0.7}
    with ChatServer(three, refuse=refuse) as server:
        access = chat(ledger, server, quick=quick)
        assert access.ask(Sum, PROMPT, stage="s").total == 3
        assert access.ask(Sum, PROMPT, stage="t").total == 3
        assert chat(ledger, server, quick=quick).ask(Sum, PROMPT, stage="u").total == 3  # a new session knows it
    assert outcomes(ledger) == ["parameter", "ok", "ok", "ok"]
    assert [way in note for note in usage(ledger)["adapted"]] == [True]


def test_a_parameter_that_is_not_taken_under_either_name_is_left_out(ledger: Ledger) -> None:
    def refuse(body: Body) -> Any:
        named = next((name for name in ("max_tokens", "max_completion_tokens") if name in body), "")
        return (422, f"{named}: Extra inputs are not permitted") if named else None

    with ChatServer(three, refuse=refuse) as server:
        assert chat(ledger, server).ask(Sum, PROMPT, stage="s").total == 3
    assert outcomes(ledger) == ["parameter", "parameter", "ok"]


@pytest.mark.parametrize(
    ("objection", "told"),
    [
        ((400, "The model `any` does not exist"), "start again with a --model"),
        ((404, "404 page not found"), "right --base-url; most end in /v1"),
        ((402, "Insufficient Balance"), "give the account credit"),
        ((400, "Something is wrong with you"), "Something is wrong with you; `nightlab resume`"),
        ((422, "top_p must be set"), "top_p must be set; `nightlab resume`"),
    ],
)
def test_what_only_the_user_can_mend_is_told_at_the_start(
    ledger: Ledger, objection: tuple[int, str], told: str
) -> None:
    with ChatServer(three, refuse=lambda _: objection) as server, pytest.raises(Refused) as refused:
        models(ledger, server).greet()
    assert told in str(refused.value)
    assert server.url in str(refused.value)
    assert len(server.requests) == 1


def test_a_greeting_is_sent_once_and_its_weather_is_no_fault(ledger: Ledger) -> None:
    with ChatServer(three, ["hang", "hang", "ok", "refusal"]) as server:
        models(ledger, server, quick={**QUICK, "timeout_s": 0.3}).greet()
        assert outcomes(ledger) == ["timeout", "timeout", "ok"]  # the second role asks again
        models(ledger, server).greet()
        assert len(server.requests) == 3


def test_what_begins_amid_a_study_is_told_with_its_reason(ledger: Ledger) -> None:
    said = (404, "The model `any` is gone; the model was not found")
    with ChatServer(three, refuse=lambda _: said if len(server.requests) > 1 else None) as server:
        access = chat(ledger, server)
        for stage in ("a", "b", "c"):
            access.attempt(stage, lambda stage=stage: access.ask(Sum, PROMPT, stage=stage), lambda: Sum(total=0))  # type: ignore[misc]
    assert len(server.requests) == 2  # it is not asked again
    (row,) = usage(ledger)["reasons"]
    assert (row["role"], row["steps"]) == ("coder", 2)
    assert "is gone" in row["reason"]
    assert any("is gone" in line for line in usage_lines(ledger))


def test_no_proxy_is_asked_for_a_server_on_this_machine(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "socks5://127.0.0.1:9")
    with ChatServer(three) as server:
        assert chat(ledger, server).ask(Sum, PROMPT, stage="s").total == 3


def test_a_far_server_is_asked_by_the_proxy_for_as_long_as_any_model_lives(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ChatServer(three) as server:
        monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
        monkeypatch.delenv("NO_PROXY", raising=False)
        settings = ModelSettings(model="openai:any", base_url="http://models.example/v1")
        for stage in ("a", "b"):
            assert Models(settings, ledger).chat("coder").ask(Sum, PROMPT, stage=stage).total == 3
            gc.collect()
    assert len(server.requests) == 2


# Budgets


def ask_on(access: Chat) -> None:
    for n in range(100):
        access.ask(Sum, PROMPT, stage=f"s{n}")


def test_the_token_budget_holds_with_the_call_in_flight(ledger: Ledger) -> None:
    with ChatServer(three) as server:
        access = chat(ledger, server, tokens=1500)
        with pytest.raises(NoAnswer, match="budget for models"):
            ask_on(access)
        with pytest.raises(NoAnswer, match="budget for models"):
            access.ask(Sum, PROMPT, stage="later")
    told = usage(ledger)
    assert 0 < told["tokens_in"] + told["tokens_out"] <= 1500
    assert all(request["max_tokens"] <= 1500 for request in server.requests)
    assert "offline agents go on" in ledger.documents("budget")["models"]["note"]


def test_the_usd_budget_holds_by_the_users_price(ledger: Ledger) -> None:
    prices = {"any": {"in": 1000.0, "cached": 100.0, "out": 4000.0}}
    with ChatServer(three) as server:
        access = chat(ledger, server, usd=1.0, prices=prices)
        with pytest.raises(NoAnswer, match="1 USD"):
            ask_on(access)
    assert 0 < usage(ledger)["usd"] <= 1.0
    (first, *_) = ledger.calls.all()
    assert first.answer is not None
    paid = first.answer
    expected = (paid.tokens_in - paid.tokens_cached) * 1e-3 + paid.tokens_cached * 1e-4 + paid.tokens_out * 4e-3
    assert paid.usd == pytest.approx(expected)


def test_a_call_that_a_kill_cut_off_counts_with_its_estimate(ledger: Ledger) -> None:
    with ChatServer(three) as server:
        chat(ledger, server).ask(Sum, PROMPT, stage="s")
        (call,) = ledger.calls.all()
        ledger.calls.claim(call)  # claimed and never settled
        with pytest.raises(NoAnswer, match="budget for models"):
            chat(ledger, server, tokens=call.tokens_estimated).ask(Sum, PROMPT, stage="t")


# What is settled is not asked again


def test_a_settled_answer_is_not_asked_for_again(ledger: Ledger) -> None:
    with ChatServer(three) as server:
        chat(ledger, server).ask(Sum, PROMPT, stage="s")
        assert chat(ledger, server).ask(Sum, PROMPT, stage="s").total == 3
        assert len(server.requests) == 1
        assert len(ledger.calls.all()) == 1


def test_a_replay_gives_the_same_answers_without_a_model(tmp_path: Path) -> None:
    def drive(access: Chat) -> list[int]:
        ends = []
        for stage in ("a", "b", "c", "d"):

            def ask(stage: str = stage) -> int:
                return access.ask(Sum, PROMPT, stage=stage, check=lambda s: "" if stage != "b" else "never b").total

            ends.append(access.attempt(stage, ask, lambda: -1))
        return ends

    recorded = SqliteLedger(tmp_path / "study.db")
    with ChatServer(three, ["broken", "ok", "ok", "prose", "ok", "refusal"]) as server:
        recorded.once("study", "settings", {"model": "openai:any", "record": True})
        first = drive(chat(recorded, server, record=True))
        asked = len(server.requests)
    assert first == [3, -1, -1, 3]
    assert len(recorded.documents("prompt")) == asked == len(recorded.calls.all())
    again = SqliteLedger(tmp_path / "again.db")
    replayed = Models(ModelSettings(model="openai:any", replay=str(tmp_path)), again).chat("coder")
    assert drive(replayed) == first
    assert again.documents("fallback") == recorded.documents("fallback")
    assert outcomes(again) == outcomes(recorded)
    assert usage(again)["usd"] == 0
    with pytest.raises(MissingAnswer, match="holds no answer of the coder for 'e'"):
        replayed.ask(Sum, PROMPT, stage="e")
    for ledger in (recorded, again):
        ledger.close()


def test_a_study_that_was_not_recorded_is_not_replayed(tmp_path: Path, ledger: Ledger) -> None:
    ledger.once("study", "settings", {"record": False})
    other = SqliteLedger(tmp_path / "other.db")
    with pytest.raises(SettingsError, match="was not recorded"):
        Models(ModelSettings(model="openai:any", replay=str(tmp_path)), other)
    other.close()


# All at once


def test_with_a_third_of_the_calls_failing_every_question_ends_in_its_bounds(ledger: Ledger) -> None:
    quick = {**QUICK, "timeout_s": 0.3, "longest_wait_s": 0.05, "retries": 3}
    bound = 3 * 4 * (0.3 + 2.0 + 0.05) + 1
    ends = {"answer": 0, "none": 0}
    with ChatServer(three, share=0.3, seed=8) as server:
        access = chat(ledger, server, quick=quick)
        for n in range(60):
            started = time.monotonic()
            total = access.attempt(f"s{n}", lambda n=n: access.ask(Sum, PROMPT, stage=f"s{n}").total, lambda: -1)  # type: ignore[misc]
            ends["answer" if total == 3 else "none"] += 1
            assert time.monotonic() - started < bound
    failed = [fault for fault in server.done if fault != "ok"]
    assert set(failed) == set(FAULTS)
    assert 0.2 < len(failed) / len(server.done) < 0.45
    assert ends["answer"] >= 50
    assert all(call.answer for call in ledger.calls.all())
    assert len(ledger.calls.all()) == len(server.requests)
    assert os.environ.get("OPENAI_API_KEY") is None


def test_an_answer_that_is_nested_without_end_is_sent_back(ledger: Ledger) -> None:
    with ChatServer(lambda _: "[" * 5000) as server, pytest.raises(NoAnswer, match="no JSON object"):
        chat(ledger, server).ask(Sum, PROMPT, stage="s")
