"""Ideas of a model: grounded in the template, with the nearest paper by a key that was retrieved."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nightlab.agents.chat.models import Models
from nightlab.agents.chat.settings import ModelSettings
from nightlab.agents.model.context import rules
from nightlab.agents.model.ideation import Draft, ModelIdeator, _refused
from nightlab.agents.offline.ideation import OfflineIdeator
from nightlab.agents.team import Idea
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import Study, create
from nightlab.experiments.template.loading import load
from nightlab.papers.literature.literature import Reference
from tests.agents import scripts
from tests.conftest import MakeTemplate

KNOWN = [
    Reference(key="walks2020", title="Walks in valleys", authors=("A B",), year=2020, doi="10.1000/a"),
    Reference(key="noise2021", title="Noise of instruments", authors=("C D",), year=2021, doi="10.1000/b"),
]


def ideas(template: Path, tmp_path: Path, rows: list[dict[str, Any]]) -> tuple[list[Idea], list[dict[str, Any]]]:
    """The ideas that a script leads to, and the fallbacks."""
    script = tmp_path / "script.jsonl"
    script.write_text("\n".join(json.dumps(row) for row in rows))
    study = Study(create(load(template), Settings(), tmp_path / "studies"))
    chat = Models(ModelSettings(model=f"fake:{script}"), study.ledger).chat("ideator")
    found = ModelIdeator(chat, OfflineIdeator(), study).ideate(study.template, KNOWN)
    fallbacks = list(study.ledger.documents("fallback").values())
    study.close()
    return found, fallbacks


def test_novelty_is_held_against_a_retrieved_paper_and_never_above_the_measured_one(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    second = {"nearest": "imagined1999", "novelty": 9, "hypothesis": "It helps by 30 %."}
    rows = [
        {"stage": "idea 0", "answer": scripts.IDEA},
        {"stage": "model-0 reflection", "answer": second},
        {"stage": "model-0 reflection", "answer": second | {"nearest": "noise2021", "novelty": 3}},
        {"stage": "idea 1", "answer": scripts.OTHER},
        {"stage": "model-1 reflection", "answer": second, "repeat": True},
    ]
    found, fallbacks = ideas(make_template(), tmp_path, rows)
    first = next(i for i in found if i.title == scripts.IDEA["title"])
    other = next(i for i in found if i.title == scripts.OTHER["title"])
    assert (first.nearest, first.novelty) == ("noise2021", 0.3)
    assert first.hypothesis == "moving east lowers the height beyond the noise"  # the sharper one held a number
    assert other.nearest in {r.key for r in KNOWN}
    assert [i.rank_score for i in found[:2]] == sorted((i.rank_score for i in found[:2]), reverse=True)
    assert fallbacks == []


def test_the_template_s_ideas_are_the_reserve(make_template: MakeTemplate, tmp_path: Path) -> None:
    rows = [{"answer": scripts.IDEA | {"strategies": ["flying"]}, "repeat": True}]
    found, fallbacks = ideas(make_template(), tmp_path, rows)
    assert not any(i.proposer for i in found)
    assert len(found) == 4
    assert [f["stage"] for f in fallbacks] == ["idea 0", "idea 1"]
    assert "strategies must be some of" in fallbacks[0]["reason"]


HONEST = (
    "a wider network lowers the log loss only if its weight decay is raised as well",
    "Does the averaging of the last weights lower the log loss of a short training?",
    "larger batches raise the log loss",
    "a warm-up allows a higher learning rate and so lowers the log loss",
)
BOASTS = (
    "the recipe halves the log loss",
    "Why does the tuned recipe beat human readers, as nine studies have shown?",
    "averaging lowers the log loss, as Kingma has shown",
    "A breakthrough in reading digits",
    "",
)


@pytest.mark.parametrize("text", [*HONEST, *BOASTS])
def test_an_idea_says_what_is_to_be_found_out_and_no_more(text: str) -> None:
    template = load("digits")
    draft = Draft(title="Width of a network", question="Does width help?", hypothesis=text, strategies=["architecture"])
    assert bool(_refused(draft, template, rules(template, KNOWN), [])) == (text in BOASTS)
