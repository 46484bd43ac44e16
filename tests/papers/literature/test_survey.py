"""The survey: arXiv's answer beside the template's references, or these alone with a word about it; what every source
of literature must do."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import Template
from nightlab.papers.literature.arxiv_search import Arxiv
from nightlab.papers.literature.literature import Reference, Unreachable
from nightlab.papers.literature.sources import Bibliography, LiteratureSource, register
from nightlab.papers.literature.survey import survey
from tests.papers.literature.test_literature import feed, server


def test_what_arxiv_finds_is_added_and_what_is_known_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    body = feed(("1412.6980v9", "Adam: A Method for Stochastic Optimization"), ("2401.00001v1", "A Study of Digits"))
    with server(200, body, asked) as url:
        monkeypatch.setenv("NIGHTLAB_ARXIV_URL", url)
        made = survey(load("digits"))
        found, note = made.references, made.note
    assert "handwritten+digits" in asked[0]
    assert [r.arxiv for r in found if r.source == "arXiv"] == ["2401.00001"]
    assert len({r.key for r in found}) == len(found)
    assert note == f"{len(found) - 1} references of the template and 1 from arXiv"


def test_without_a_network_the_template_s_references_do_and_it_is_said() -> None:
    made = survey(load("digits"))
    found, note = made.references, made.note
    assert len(found) >= 12
    assert all(r.doi or r.arxiv for r in found)
    assert "references of the template; arXiv" in note


class SourceContract:
    """What every source of literature must do."""

    @pytest.fixture
    def source(self) -> LiteratureSource:
        """The source, which knows something of the digits."""
        raise NotImplementedError

    def test_it_finds_records_that_say_where_they_come_from(self, source: LiteratureSource) -> None:
        found = source.find(load("digits"))
        assert found
        assert all(r.title and r.authors and r.year and r.source for r in found)
        assert len({r.key for r in found}) == len(found)

    def test_it_finds_the_same_when_asked_again(self, source: LiteratureSource) -> None:
        assert list(source.find(load("digits"))) == list(source.find(load("digits")))

    def test_its_name_ends_a_sentence_on_references(self, source: LiteratureSource) -> None:
        _, note = survey_of(source, load("digits"))
        assert note.startswith(tuple("123456789"))
        assert note.partition(" reference")[2].lstrip("s ").startswith(source.whence)

    def test_what_is_known_is_not_found_twice(self, source: LiteratureSource) -> None:
        found, _ = survey_of(source, load("digits"), source)
        assert len(found) == len(source.find(load("digits")))


def survey_of(first: LiteratureSource, template: Template, *others: LiteratureSource) -> tuple[list[Reference], str]:
    """A survey that asks these sources alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nightlab.papers.literature.sources._SOURCES", {})
        for place, source in enumerate((first, *others)):
            register(f"source {place}", source)
        made = survey(template)
    return list(made.references), made.note


class TestBibliography(SourceContract):
    @pytest.fixture
    def source(self) -> LiteratureSource:
        return Bibliography()

    def test_a_template_may_bring_none(self, tmp_path: Path) -> None:
        folder = shutil.copytree(load("digits").folder, tmp_path / "digits")
        (folder / "references.bib").unlink()
        spec = folder / "template.toml"
        spec.write_text(re.sub(r"(?m)^cite = .*\n", "", spec.read_text(encoding="utf-8")), encoding="utf-8")
        found, note = survey_of(Bibliography(), load(folder))
        assert (found, note) == ([], "0 references of the template")


class TestArxiv(SourceContract):
    @pytest.fixture
    def source(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[LiteratureSource]:
        body = feed(
            ("1412.6980v9", "Adam: A Method for Stochastic Optimization"), ("2401.00001v1", "A Study of Digits")
        )
        with server(200, body, []) as url:
            monkeypatch.setenv("NIGHTLAB_ARXIV_URL", url)
            yield Arxiv()

    def test_it_says_that_it_cannot_be_reached(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NIGHTLAB_ARXIV_URL", "http://127.0.0.1:9/api/query")
        with pytest.raises(Unreachable):
            Arxiv().find(load("digits"))


def test_a_source_is_asked_by_its_name() -> None:
    made = survey(load("digits"), ["bibliography"])
    found, note = made.references, made.note
    assert "arXiv" not in note
    assert found
    with pytest.raises(ValueError, match="called 'library'; there are bibliography, arxiv"):
        survey(load("digits"), ["library"])
    with pytest.raises(ValueError, match="already"):
        register("arxiv", Arxiv())
