"""A server that does not serve as it is asked, met by the command line: told at the start, or with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nightlab.experiments.study.study import read
from tests.agents.chat.test_models_failing import team
from tests.chat_server import Body, ChatServer
from tests.command_line import nightlab
from tests.conftest import MakeTemplate

QUICK = "[models]\ntimeout_s = 5\nwait_s = 0.01\nlongest_wait_s = 0.1\nmax_tokens = 1000\n"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NIGHTLAB_API_KEY", "none")


def called(cwd: Path, *arguments: object) -> tuple[int, dict[str, Any], str]:
    done = nightlab(*arguments, cwd=cwd)
    lines = done.stdout.splitlines()
    body = json.loads(lines[-1]) if "--json" in arguments and lines else {}
    return done.returncode, body, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("objection", "told"),
    [
        ((401, "Incorrect API key provided"), "NIGHTLAB_API_KEY"),
        ((400, "Unknown model: any"), "--model"),
        ((405, "<html><title>Not allowed</title><body>use /v1</body></html>"), "--base-url"),
    ],
)
def test_nothing_runs_where_only_the_user_can_mend(
    make_template: MakeTemplate, tmp_path: Path, objection: tuple[int, str], told: str
) -> None:
    with ChatServer(team(), refuse=lambda _: objection) as server:
        arguments = ("experiment", str(make_template()), "--model", "openai:any", "--base-url", server.url)
        code, _, said = called(tmp_path, *arguments, "--out", "o")
        assert code == 3
        assert told in said.splitlines()[-1]
        (folder,) = (tmp_path / "o").iterdir()
        study = read(folder)
        assert list(study.ledger.trials()) == []
        study.close()
        if told != "NIGHTLAB_API_KEY":
            return
        server.refuse = lambda _: None
        code, body, _ = called(tmp_path, "resume", str(folder), "--json")
    assert (code, body["trials"]) == (0, 8)


def test_a_study_tells_what_was_asked_otherwise_and_what_was_refused(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    def refuse(body: Body) -> tuple[int, str] | None:
        if "max_tokens" in body:
            return 400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
        return (402, "Insufficient Balance 42") if len(server.requests) > 5 else None

    (tmp_path / "nightlab.toml").write_text(QUICK)
    with ChatServer(team(), refuse=refuse) as server:
        code, body, _ = called(
            tmp_path, "run", str(make_template()), "--trials", "3", "--rounds", "0", "--workers", "1", "--out", "o",
            "--model", "openai:any", "--base-url", server.url, "--json",
        )  # fmt: skip
    assert code == 0
    used = body["usage"]
    assert used["calls"] == len(server.requests) == 6
    (note,) = used["adapted"]
    assert "with max_completion_tokens" in note
    assert used["fallbacks"] > 0
    assert any("Insufficient Balance" in row["reason"] for row in used["reasons"])
    tex = (tmp_path / body["paper"]["tex"]).read_text()
    assert "ended mostly with: Insufficient Balance" in tex
    assert body["paper"]["findings"] == 0
