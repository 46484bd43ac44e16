"""The mechanical audit over manuscript, figures, log and PDF."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nightlab.experiments.template.loading import load
from nightlab.papers.audit.audit import Finding, audit, names_of
from nightlab.papers.latex.latex import Compiled
from nightlab.papers.latex.texlog import errors, pages, read_log
from nightlab.papers.manuscript.checking import check
from nightlab.papers.manuscript.manuscript import Manuscript
from tests.conftest import MakeTemplate
from tests.papers.sample import Paper


def kinds(
    paper: Paper, manuscript: Manuscript | None = None, folder: Path | None = None, **changes: object
) -> set[str]:
    compiled = replace(paper.compiled, **changes)  # type: ignore[arg-type]
    whole = manuscript or paper.manuscript
    return {f.kind for f in audit(whole, paper.facts, paper.references, folder or paper.folder, compiled)}


def test_a_sound_paper_has_no_findings(paper: Paper) -> None:
    assert audit(paper.manuscript, paper.facts, paper.references, paper.folder, paper.compiled) == []


@pytest.mark.parametrize(
    "words", ["TODO", "see ??", "Lorem ipsum", "PLEASE FILL IN CAPTION HERE", "Conclusions Here", "<insert result>"]
)
def test_placeholders(paper: Paper, words: str) -> None:
    assert kinds(paper, replace(paper.manuscript, abstract=f"{paper.manuscript.abstract} {words}")) == {"placeholder"}


def test_sections_that_are_missing_or_empty(paper: Paper) -> None:
    sections = [s for s in paper.manuscript.sections if s.key != "limitations"]
    sections[-1] = replace(sections[-1], body="It works.")
    assert kinds(paper, replace(paper.manuscript, sections=tuple(sections))) == {"missing-section", "thin-section"}


def test_figures_that_are_missing_or_none(paper: Paper, tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    for figure in paper.manuscript.figures[1:]:
        (tmp_path / figure.file).write_text("no PDF")
    found = audit(paper.manuscript, paper.facts, paper.references, tmp_path)
    assert [f.kind for f in found] == ["missing-file"] * 4
    assert [f.text for f in found][:2] == [
        "there is no file figures/progress.pdf",
        "figures/confirmation.pdf is no PDF",
    ]


def test_what_is_wrong_with_the_pdf(paper: Paper) -> None:
    assert kinds(paper, pdf=None, error="pdflatex stopped") == {"no-pdf"}
    assert kinds(paper, pages=3) == {"too-short"}
    assert kinds(paper, findings=(Finding("overfull", "section:x", "text"),)) == {"overfull"}


def test_the_log_is_read() -> None:
    log = (
        "Overfull \\hbox (12.3pt too wide) in paragraph at lines 3--4\n"
        "[]\\T1/lmr/m/n/10 some printed text\n"
        "Overfull \\hbox (1.9pt too wide) in paragraph at lines 3--4\n[]x\n"
        "LaTeX Warning: Reference `fig' on page 1 undefined on input line 3.\n"
        "LaTeX Warning: Citation `key' on page 1 undefined on input line 3.\n"
        "pdfTeX warning (dest): name{fact.x} has been referenced but does not exist, replaced by a fixed one\n"
        "Output written on paper.pdf (7 pages, 12345 bytes).\n"
    )
    found = list(read_log(log, "\\section{A}%\n\\label{a}%\ntext\n"))
    assert [f.kind for f in found] == ["overfull", "undefined-reference", "undefined-citation", "undefined-reference"]
    assert (found[0].where, found[0].text) == ("section:a", "12.3 pt of 'some printed text' stand outside the margin")
    assert pages(log) == 7


def test_errors_are_read_without_what_follows_from_them() -> None:
    log = (
        "! Undefined control sequence.\n<recently read> \\foo\n\nl.3 text \\foo\n     x\n!  ==> Fatal error occurred\n"
    )
    (found,) = errors(log, "\\section{A}%\n\\label{a}%\ntext\n")
    assert found == Finding("latex-error", "section:a", "Undefined control sequence. (line 3: 'text \\\\foo')")


def test_no_compilation_is_no_finding(paper: Paper) -> None:
    assert isinstance(Compiled().findings, tuple)
    assert audit(paper.manuscript, paper.facts, paper.references, paper.folder) == []


@pytest.mark.parametrize("words", ["Привет мир", "損失 of it", "नमस्ते", "so 😀"])
def test_letters_that_are_not_printed_are_told_once(paper: Paper, words: str) -> None:
    first, *rest = paper.manuscript.sections
    sections = (*(replace(s, body=f"{s.body}\n\n- {words}\n- {words}") for s in (first, *rest)),)
    whole = replace(paper.manuscript, sections=sections)
    found = audit(whole, paper.facts, paper.references, paper.folder, paper.compiled)
    assert [(f.kind, f.where, f.severity) for f in found] == [("letters", f"section:{first.key}", "warning")]
    assert all(word in found[0].text for word in words.split() if not word.isascii())


def test_a_reference_that_nothing_identifies_is_told(paper: Paper) -> None:
    first, *rest = paper.references
    bare = replace(first, doi="", arxiv="", title="Потери")
    found = audit(paper.manuscript, paper.facts, (bare, *rest), paper.folder, paper.compiled)
    assert [f.kind for f in found] == ["letters", "unverified-reference"]
    assert all(f.severity == "warning" for f in found)


def test_a_metric_s_name_and_an_author_s_text_may_hold_digits(make_template: MakeTemplate) -> None:
    bound = {'metric = "cost"': 'metric = "top5_err"', 'title = "A valley': 'title = "Do 3 features_ help in a valley'}
    names = names_of(load(make_template(bound)), ["r2", "hits_10"])
    for words in ("r2", "hits 10", "top5_err", "top5 err", "Do 3 features_ help in a valley with noise"):
        told = Manuscript(title=words, authors_note="n", abstract=words, sections=())
        assert check(told, {}, (), names) == [], words


def test_a_heading_is_read_as_it_is_printed(paper: Paper) -> None:
    first, *rest = paper.manuscript.sections
    assert first.heading == "Introduction"
    marked = replace(paper.manuscript, sections=(replace(first, heading="*Intro*duction"), *rest))
    assert "missing-section" in kinds(paper, marked)
    assert kinds(paper, replace(marked, sections=(replace(first, heading="An *introduction*"), *rest))) == set()
