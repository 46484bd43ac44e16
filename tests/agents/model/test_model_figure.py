"""The analyst's own figure: a model declares what to plot, and nothing but our code draws it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nightlab.agents.chat.models import Models
from nightlab.agents.chat.settings import ModelSettings
from nightlab.agents.model import model_figure
from nightlab.experiments.claim.confirmation import NOTHING
from nightlab.experiments.ledger.documents.claim import Claim, Preregistration
from nightlab.experiments.ledger.ledger import Ledger, Settled, Trial
from nightlab.experiments.ledger.sqlite.ledger import SqliteLedger
from nightlab.experiments.records import Change
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.template.loading import load
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.figures.declared import Declared, fault
from nightlab.papers.manuscript.manuscript import Figure
from tests.conftest import MakeTemplate


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = SqliteLedger(tmp_path / "study.db")
    yield opened
    opened.close()


@pytest.fixture
def evidence(make_template: MakeTemplate) -> Evidence:
    template = load(make_template())
    change = Change(
        strategy="east", hypothesis="", params=template.defaults, artifact="a", parent=None, proposer="search"
    )
    trials = tuple(
        Trial(number=n, change=change, verdict=Settled(kind="reverted", reason="", numbers={})) for n in range(3)
    )
    return Evidence(
        study="s",
        template=template,
        settings=Settings(),
        trials=trials,
        runs=(),
        preregistration=Preregistration(
            hypothesis="",
            metric="height",
            direction="minimize",
            split="dev",
            test="",
            level=0.05,
            seeds=(),
            min_effect=0.0,
        ),
        claim=Claim(**vars(NOTHING), best=0, split="dev", tested=False),
        ablation=(),
        sensitivity=(),
        level="S3",
        idea_strategies=(),
        edits={},
        facts={},
    )


def ask(ledger: Ledger, e: Evidence, folder: Path, *answers: Any, stage: str = "round 0") -> Figure | None:
    script = folder / "script.jsonl"
    script.write_text("".join(json.dumps({"role": "analyst", "answer": a}) + "\n" for a in answers))
    (folder / "figures").mkdir(exist_ok=True)
    chat = Models(ModelSettings(model=f"fake:{script}"), ledger).chat("analyst")
    return model_figure.picture(chat, ledger, e, folder, stage)


def outcomes(ledger: Ledger) -> list[str]:
    return [call.answer.outcome for call in ledger.calls.all() if call.answer]


def test_a_figure_is_drawn_and_later_drafts_draw_it_without_the_model(
    ledger: Ledger, evidence: Evidence, tmp_path: Path
) -> None:
    figure = ask(ledger, evidence, tmp_path, {"show": "knobs", "knobs": ["no such knob"]}, {"show": "verdicts"})
    told = "Number of trials by verdict, without the baseline."
    assert figure == Figure(model_figure.KEY, "figures/analyst.pdf", told)
    first = (tmp_path / "figures/analyst.pdf").read_bytes()
    assert first.startswith(b"%PDF-")
    assert outcomes(ledger) == ["invalid", "ok"]
    (tmp_path / "figures/analyst.pdf").unlink()
    assert ask(ledger, evidence, tmp_path, stage="round 1") == figure
    assert (tmp_path / "figures/analyst.pdf").read_bytes() == first
    assert len(outcomes(ledger)) == 2


@pytest.mark.parametrize(
    "answer",
    [
        {"code": "open('figure.png', 'wb')", "caption": "99.9 % accuracy"},
        {"show": "accuracy 99.9 %"},
        {"show": "knobs", "knobs": []},
        {"show": "knobs", "knobs": ["x"] * 9},
        "figures/analyst.pdf",
    ],
)
def test_what_is_no_declaration_draws_nothing(ledger: Ledger, evidence: Evidence, tmp_path: Path, answer: Any) -> None:
    assert ask(ledger, evidence, tmp_path, *[answer] * 4) is None
    assert list((tmp_path / "figures").iterdir()) == []


def test_knobs_are_drawn_where_trials_have_scores(evidence: Evidence) -> None:
    name = evidence.template.knobs[0].name
    assert fault(Declared(kind="knobs", knobs=(name,)), evidence) == "no trial has a score"
    assert "there is no knob 'z'" in fault(Declared(kind="knobs", knobs=("z",)), evidence)
    assert fault(Declared(kind="strategies"), evidence) == ""
