"""A whole study on a server of which a third of the calls fail: it ends with a paper, and a replay repeats it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from nightlab.experiments.study.study import Study, read
from tests.agents.scripts import FORM, IDEA, READING, SECOND, TEXTS
from tests.chat_server import Body, ChatServer
from tests.command_line import nightlab
from tests.conftest import MakeTemplate

KEY = "sk-nightlab-secret-0123456789"
TOKENS = 200_000
CONFIGURATION = """
[models]
timeout_s = 0.5
wait_s = 0.01
longest_wait_s = 0.1
pause_s = 0.2
max_tokens = 1000

[prices]
any = { in = 0.4, cached = 0.1, out = 1.6 }
"""


def team() -> Any:
    """Answers by the form that is asked for."""
    steps = itertools.count(1)

    def answer(body: Body) -> str:
        asked = json.dumps([body.get("response_format"), body.get("tools"), body["messages"][0]])
        x = round(0.1 + 0.05 * next(steps) % 0.8, 3)
        forms = {
            "originality": FORM,
            "conclusions": READING,
            "novelty": SECOND,
            "expected_effect": IDEA | {"title": f"A path to the {'north' if x > 0.3 else 'east'} of the valley"},
            "edits": {"hypothesis": "East is lower.", "strategy": "east", "params": {"x": x}},
            "notes": {"notes": []},
            "related": {key: "say it plainly" for key in TEXTS},
        }
        named = (form for field, form in forms.items() if f'"{field}' in asked or f'\\"{field}' in asked)
        return json.dumps(next(named, {"text": TEXTS["introduction"]}))

    return answer


def called(cwd: Path, *arguments: object) -> dict[str, Any]:
    done = nightlab(*arguments, "--json", cwd=cwd)
    assert done.returncode == 0, done.stderr[-2000:]
    assert KEY not in done.stdout + done.stderr
    body: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return body


def decisions(study: Study) -> list[Any]:
    """What was tried and how it was judged, who proposed it, and where the offline agents stood in."""
    trials = [(t.number, t.change, t.verdict and (t.verdict.kind, t.verdict.reason)) for t in study.ledger.trials()]
    ideas = study.ledger.document("ideas", "ranked")
    return [trials, ideas, study.ledger.documents("prose"), study.ledger.documents("fallback")]


def test_a_study_ends_with_a_paper_though_a_third_of_the_calls_fail(
    make_template: MakeTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    template = make_template()
    (tmp_path / "nightlab.toml").write_text(CONFIGURATION)
    with ChatServer(team(), share=0.3, seed=3) as server:
        told = called(
            tmp_path, "run", str(template), "--trials", "5", "--rounds", "0", "--workers", "1", "--record",
            "--seeds", "1", "--confirm-seeds", "4",
            "--model", "openai:any", "--base-url", server.url, "--tokens", str(TOKENS), "--usd", "1",
        )  # fmt: skip
    failed = sum(fault != "ok" for fault in server.done)
    assert failed / len(server.done) > 0.15
    assert (tmp_path / told["paper"]["pdf"]).is_file()
    used = told["usage"]
    assert used["calls"] == len(server.requests) > 15
    assert 0 < used["tokens_cached"] < used["tokens_in"]
    assert used["tokens_in"] + used["tokens_out"] <= TOKENS
    assert 0 < used["usd"] <= 1
    folder = Path(told["study"])
    for file in (file for file in (tmp_path / folder).rglob("*") if file.is_file()):
        assert KEY.encode() not in file.read_bytes(), file

    again = called(tmp_path, "run", str(template), "--replay", str(folder))
    assert again["usage"]["usd"] == 0
    first, second = read(tmp_path / folder), read(tmp_path / again["study"])
    assert any(t.change.proposer == "openai:any" for t in first.ledger.trials())
    assert decisions(second) == decisions(first)
    assert second.settings.trials == first.settings.trials == 5
    for study in (first, second):
        study.close()
