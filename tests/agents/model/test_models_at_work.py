"""Whole studies with scripted models: a good one takes its roles, a useless one spoils nothing; the paper tells."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import nightlab
from nightlab.agents.assemble import staff
from nightlab.agents.team import Brief, StudySubmission
from nightlab.experiments.study.study import Study
from nightlab.graph import drafting, gate
from nightlab.graph.experiment import the_idea
from nightlab.graph.lab import Lab
from nightlab.papers.audit.finding import Finding
from nightlab.papers.manuscript.manuscript import Manuscript
from tests.agents import scripts
from tests.conftest import MakeTemplate
from tests.tamper.small import wrong

BIB = """
@article{walks2020, title = {Walks in Valleys}, author = {Ann Walker}, year = {2020}, doi = {10.1000/a},
  abstract = {Shows how walkers find the lowest point of a valley.}}
@article{noise2021, title = {Noise of Instruments}, author = {Carl Quiet}, year = {2021}, doi = {10.1000/b},
  abstract = {Measures how much instruments disagree with themselves.}}
"""


def whole(make_template: MakeTemplate, model: str, rounds: int) -> Study:
    folder = make_template(files={"references.bib": BIB})
    place = nightlab.run(folder, out=folder.parent / "studies", trials=4, workers=2, model=model, rounds=rounds)
    return Study(place)


def findings(study: Study) -> list[dict[str, Any]]:
    """All that the audit found in any version, but for what no writer could mend."""
    return [f for found in study.ledger.documents("findings").values() for f in found if f["kind"] != "no-pdf"]


def facts(study: Study) -> dict[str, float]:
    return {f["id"]: f["value"] for f in json.loads((study.paper / "evidence.json").read_text())}


def reviewed_again(study: Study) -> None:
    """A model that likes a paper cannot accept it against the audit's errors."""
    lab = Lab(study, staff(study), lambda: pytest.fail("no run is needed"))
    evidence, analysis = drafting.evidence(lab, 0)
    submission = StudySubmission(
        manuscript=drafting.manuscript(lab, 0),
        evidence=evidence,
        analysis=analysis,
        idea=the_idea(lab, next(iter(study.ledger.documents("idea")))),
        references=drafting.references(lab),
        findings=(),
        pages=8,
        stage="floor",
    )
    reviewer = lab.team.reviewers[0]
    assert reviewer.review(submission).decision == "accept"
    error = Finding("unknown-fact", "section:results", "the evidence has no such fact")
    objected = reviewer.review(dataclasses.replace(submission, findings=(error,), stage="floor again"))
    assert (objected.overall, objected.decision) == (5, "reject")
    assert "mechanical audit objects" in objected.weaknesses[0]
    warned = dataclasses.replace(error, severity="warning")
    dull = dataclasses.replace(submission, findings=(warned,), stage="floor, warned")
    assert reviewer.review(dull).decision == "accept"


def test_models_take_their_roles_and_the_paper_says_so(make_template: MakeTemplate, tmp_path: Path) -> None:
    study = whole(make_template, scripts.good(tmp_path / "good7.jsonl"), rounds=1)
    tex = (study.paper / "paper.tex").read_text(encoding="utf-8")
    found, reviews = facts(study), study.ledger.documents("review")
    ideas, prose = study.ledger.document("ideas", "ranked"), study.ledger.documents("prose")
    assert findings(study) == []
    reviewed_again(study)
    study.close()
    assert [i["title"] for i in ideas if i["proposer"]] == [scripts.IDEA["title"], scripts.OTHER["title"]]
    assert ideas[0]["strategies"] == ["north", "east"] or ideas[0]["strategies"] == ["east", "north"]
    assert ideas[0]["risks"] == ""  # it held a number
    assert ideas[0]["hypothesis"] == "moving east alone lowers the height beyond the noise"
    assert scripts.TEXTS["introduction"] in tex
    assert r"\begin{reading}{fake:good7}" in tex
    assert "Walks are told as walks are told by those who walk." in tex
    assert "Nothing here shows that the path carries over." in tex
    assert "say:" not in tex
    assert "dreams" not in tex
    assert "100" not in str(prose)
    assert "twice" not in tex
    assert "We suspect that noise hides the floor of the valley." in tex
    assert "Other valleys were not tried." in tex
    assert "There were 5 seeds" not in tex
    assert r"\drawing{figures/analyst.pdf}" in tex
    assert "Number of trials by strategy" in tex
    assert found["team.ideator.done"] == 2
    assert found["team.writer.done"] == 3
    assert found["team.writer.frames"] >= 1
    assert found["team.writer.free"] >= 4
    assert found["team.writer.cut"] >= 1
    assert found["team.writer.fallbacks"] == 0
    assert found["team.reviewer.done"] == len(reviews) == 6
    assert {r["by"] for r in reviews.values()} == {"fake:good7"}
    asked = {q["action"] for r in reviews.values() for q in r["requests"]}
    assert "discussion" in asked
    assert "buy-a-computer" not in asked
    assert "round 1" in prose
    assert "Written by Nightlab with language models: fake:good7" in tex
    assert "Asked without an answer that could be used: fake:good7 as coder." in tex


def test_a_liar_in_every_role_ends_in_a_paper_with_nothing_false_in_it(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    study = whole(make_template, scripts.liar(tmp_path / "liar.jsonl"), rounds=0)
    tex = (study.paper / "paper.tex").read_text(encoding="utf-8")
    found, cut = findings(study), facts(study)["team.writer.cut"]
    study.close()
    assert found == []
    assert cut >= 3 * len(scripts.LIES)
    assert tex.count("We suspect that walks differ with the weather of the valley.") == 3  # in each reading
    told = " ".join(tex.split()).casefold()
    for lie in scripts.LIES:
        for piece in (lie.split("{")[0].rstrip(".")[:40].casefold(), lie.rstrip(".")[-30:].casefold()):
            assert piece not in told


def test_an_error_in_the_final_document_keeps_it_from_being_published(
    make_template: MakeTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lies = {"results": "{}\n\n" + scripts.LIES[1], "discussion": "{}\n\n> " + scripts.LIES[0]}

    def blind(_brief: Brief, draft: Manuscript, _roles: Mapping[str, str]) -> tuple[Manuscript, list[str]]:
        sections = (dataclasses.replace(s, body=lies.get(s.key, "{}").replace("{}", s.body)) for s in draft.sections)
        return dataclasses.replace(draft, sections=tuple(sections)), []

    monkeypatch.setattr(gate, "gated", blind)
    study = whole(make_template, scripts.good(tmp_path / "good8.jsonl"), rounds=0)
    tex = (study.paper / "paper.tex").read_text(encoding="utf-8")
    study.close()
    first = (study.paper / "rounds/0/paper.tex").read_text(encoding="utf-8")
    assert scripts.LIES[1] in first
    assert not any(lie in tex for lie in scripts.LIES)
    assert r"\begin{reading}" not in tex
    assert "In these places the offline text stands in for what the gate refused: Results and Discussion" in tex
    assert wrong(study.folder) == []


def test_a_useless_model_spoils_nothing(make_template: MakeTemplate, tmp_path: Path) -> None:
    study = whole(make_template, scripts.rubbish(tmp_path / "rubbish.jsonl"), rounds=0)
    tex = (study.paper / "paper.tex").read_text(encoding="utf-8")
    found, fallbacks = facts(study), list(study.ledger.documents("fallback").values())
    reviews = study.ledger.documents("review")
    assert findings(study) == []
    study.close()
    assert (study.paper / "paper.pdf").is_file()
    for role in ("ideator", "analyst", "writer", "reviewer"):
        assert found[f"team.{role}.done"] == 0
        assert found[f"team.{role}.fallbacks"] == sum(f["role"] == role for f in fallbacks) > 0
    assert {r["by"] for r in reviews.values()} == {"offline rubric"}
    front = tex.split("papertitle")[-1].split("begin{abstract}")[0]
    assert "Written by Nightlab without a language model, by its offline agents." in front
    assert (
        "Asked without an answer that could be used: fake:rubbish as ideator, coder, analyst, writer and reviewer"
        in front
    )
    assert "passwd" not in tex
    assert "nope" not in tex
