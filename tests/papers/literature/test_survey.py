"""The survey: arXiv's answer beside the template's references, or these alone with a word about it."""

from __future__ import annotations

import pytest

from nightlab.experiments.template.template import load
from nightlab.papers.literature.survey import survey
from tests.papers.literature.test_literature import feed, server


def test_what_arxiv_finds_is_added_and_what_is_known_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    body = feed(("1412.6980v9", "Adam: A Method for Stochastic Optimization"), ("2401.00001v1", "A Study of Digits"))
    with server(200, body, asked) as url:
        monkeypatch.setenv("NIGHTLAB_ARXIV_URL", url)
        found, note = survey(load("digits"))
    assert "handwritten+digits" in asked[0]
    assert [r.arxiv for r in found if r.source == "arXiv"] == ["2401.00001"]
    assert len({r.key for r in found}) == len(found)
    assert note == f"{len(found) - 1} references of the template and 1 from arXiv"


def test_without_a_network_the_template_s_references_do_and_it_is_said() -> None:
    found, note = survey(load("digits"))
    assert len(found) >= 12
    assert all(r.doi or r.arxiv for r in found)
    assert "references of the template; arXiv" in note
