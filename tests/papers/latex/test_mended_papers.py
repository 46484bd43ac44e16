"""A paper whose LaTeX has faults: each is found where it is and cured, or its section gives way; a PDF comes of it."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from nightlab.experiments.records import Fact
from nightlab.papers.latex import latex
from nightlab.papers.latex.cures import Fault, cure
from nightlab.papers.latex.latex import Engine, find_engine
from nightlab.papers.latex.repair import REPAIRS, mend
from nightlab.papers.latex.source import split
from nightlab.papers.latex.versions import MARKED, compare, keep, mark
from nightlab.papers.manuscript.manuscript import Figure, Manuscript, Section
from tests.papers.sample import Paper, pdf_text

FAULTS = {  # section -> a line of it, what must be told, what must be printed all the same
    "introduction": (r"An unknown \foobar{command} stays.", "unknown command", r"\foobarcommand stays"),
    "related": ("Profit & loss of 5_nm and 10^3 units.", "escaped", "Profit & loss of 5_nm"),
    "method": (r"\begin{strange} Inside of it. \end{strange}", "unknown environment strange", "Inside of it."),
    "setup": (r"An open \textbf{brace in the text.", "braces without a partner", "An open brace in the text."),
    "results": (r"A number # one, \alpha and \beta.", "escaped", "A number # one"),
    "ablation": (r"\usepackage{nowhere} Words stay.", "preamble", "Words stay"),
    "limitations": (r"\begin{itemize}\item One point.", "environment itemize is closed", "One point."),
    "conclusion": (r"A sum $a^b^c$ and a price of 5$ each.", "", "each"),
}


def broken(folder: Path, faults: dict[str, str]) -> Engine:
    """A paper's LaTeX with a line more in some sections."""
    sections = tuple(Section(key, key.title(), f"The words of {key}.") for key in FAULTS)
    tex = latex.render(Manuscript(title="T", authors_note="N", abstract="A", sections=sections), {}, [], folder)
    text = tex.read_text(encoding="utf-8")
    for key, line in faults.items():
        text = text.replace(rf"\label{{{key}}}%" + "\n", rf"\label{{{key}}}%" + f"\n{line}\n\n", 1)
    tex.write_text(text, encoding="utf-8")
    engine = find_engine()
    assert engine
    return engine


def test_faults_of_many_kinds_are_cured_where_they_are(tmp_path: Path) -> None:
    engine = broken(tmp_path, {key: line for key, (line, *_) in FAULTS.items()})
    compiled = mend(tmp_path, engine, lambda _: [])
    assert compiled.error == ""
    text = pdf_text(tmp_path / "paper.pdf")
    for key, (_, told, printed) in FAULTS.items():
        said = [f for f in compiled.findings if f.where == f"section:{key}"]
        assert 1 <= len(said) <= REPAIRS, key
        assert any(told in f.text for f in said), (key, said)
        assert all(re.match(r"line \d+: LaTeX says ", f.text) for f in said)
        assert printed in text, key


@pytest.mark.long
def test_a_section_beyond_cure_gives_way_and_a_good_pdf_stays(tmp_path: Path) -> None:
    engine = broken(tmp_path, {"method": r"\errmessage{beyond all cures}"})
    (tmp_path / "paper.pdf").write_bytes(b"%PDF-good")
    before = (tmp_path / "paper.tex").read_text()
    lost = mend(tmp_path, engine, lambda _: [(r"\section{Worse}\alsobad", "stands in")])
    assert lost.pdf is None
    assert (tmp_path / "paper.pdf").read_bytes() == b"%PDF-good"
    assert (tmp_path / "paper.tex").read_text() == before
    spare = "\\section{Method}%\n\\label{method}%\nThe good text.\n\n"
    compiled = mend(
        tmp_path,
        engine,
        lambda key: [(text, "it stands in") for text in (r"\alsobad", spare)] if key == "method" else [],
    )
    assert compiled.error == ""
    assert any(f.where == "section:method" and "stands in" in f.text for f in compiled.findings)
    assert "The good text." in pdf_text(tmp_path / "paper.pdf")


def test_a_manuscript_with_a_broken_picture_has_a_pdf_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/bad.pdf").write_bytes(b"%PDF-1.5 no more")
    sections = (
        Section("a", "Alpha", "Good words."),
        Section("b", "Beta", "Here {ref:f}.\n\n{float:f}\n\n> We guess that all is well.\n\nMore words."),
    )
    draft = Manuscript(
        title="T", authors_note="N", abstract="A", sections=sections, figures=(Figure("f", "figures/bad.pdf", "C"),)
    )
    compiled = latex.build(draft, {}, [], tmp_path)
    assert compiled.pdf
    assert [f.where for f in compiled.findings if "its words stand alone, without figures" in f.text] == ["section:b"]
    text = pdf_text(compiled.pdf)
    assert all(words in text for words in ("Good words.", "More words."))
    assert "We guess" not in text  # where nothing marks it, a model's reading would be the paper's own word


def test_the_parts_are_the_whole(paper: Paper) -> None:
    tex = (paper.folder / "paper.tex").read_text(encoding="utf-8")
    source = split(tex)
    assert source.text.strip() == tex.strip()
    keys = [p.key for p in source.parts]
    assert keys[0] == "front"
    assert {s.key for s in (*paper.manuscript.sections, *paper.manuscript.appendix)} < set(keys)


@pytest.mark.parametrize(
    ("what", "text", "near", "mended"),
    [
        ("Undefined control sequence.", r"a \citep{x}", r"a \citep", r"a \citep{x}"),
        ("Undefined control sequence.", "a", r"\hidden", None),
        ("LaTeX Error: File `no.sty' not found.", r"\usepackage[x]{no}b", "", "b"),
        ("LaTeX Error: File `figures/x.pdf' not found.", r"\fitgraphic{figures/x.pdf}b", "", "b"),
        ("Missing $ inserted.", r"$a_b$ a_b \label{c_d} \_", "", r"$a_b$ a\_b \label{c_d} \_"),
        ("Missing $ inserted.", r"costs 5$ more", "", r"costs 5\$ more"),
        ("Extra }, or forgotten $.", r"a} {b} \}", "", r"a {b} \}"),
        ("Misplaced alignment tab character &.", r"a & b \& c", "", r"a \& b \& c"),
        ("Extra alignment tab has been changed to \\cr.", r"a&b&c\\", "", r"a&b c\\"),
        (
            r"LaTeX Error: \begin{a} on input line 3 ended by \end{b}.",
            r"\begin{a}x\end{b}",
            "",
            "\\begin{a}x\\end{a}\n\\end{b}",
        ),
        (r"LaTeX Error: \begin{document} ended by \end{b}.", r"x\end{b}y", "", "xy"),
        ("LaTeX Error: Unicode character 日 (U+65E5)", "a日", "", "aRi"),
        ("Double superscript.", "$a^b^c$", "", "$a^b{}^c$"),
        ("Something that nobody knows.", "a", "", None),
    ],
)
def test_cures(what: str, text: str, near: str, mended: str | None) -> None:
    made = cure(text, Fault(what, 0, near), lambda name: name == "natbib")
    assert (made.text if made else None) == mended
    if "citep" in text:
        assert made
        assert made.package == "natbib"


def test_versions_differ_by_sentences_and_numbers() -> None:
    number = Fact(id="n", value=1, text="1", formula="")
    before = Manuscript(
        title="T", authors_note="N", abstract="One {fact:n}. Two.", sections=(Section("s", "S", "Old."),)
    )
    after = replace(before, abstract="One {fact:n}. Two. Three.")
    told = compare(before, {"n": number}, after, {"n": replace(number, text="2")}).splitlines()
    assert [line for line in told if line[0] in "+-" and line[1:4] not in ("++ ", "-- ")] == [
        "-abstract: One 1.",
        "+abstract: One 2.",
        "+abstract: Three.",
    ]


@pytest.mark.parametrize("script", ["cat $4", "exit 1", "echo no LaTeX at all", ""])
def test_latexdiff_marks_a_version_where_there_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    folder, program = tmp_path / "paper", tmp_path / "bin/latexdiff"
    latex.render(Manuscript(title="T", authors_note="N", abstract="A", sections=()), {}, [], folder)
    program.parent.mkdir()
    if script:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    made = mark(folder / "paper.tex", folder, find_engine())
    assert (made == folder / MARKED and made.is_file()) == (script == "cat $4")
    assert bool(made) == (script == "cat $4")


def test_a_version_is_put_aside_once(tmp_path: Path) -> None:
    for text in ("first", "second"):
        (tmp_path / "paper.tex").write_text(text)
        keep(tmp_path, "first")
    assert (tmp_path / "first/paper.tex").read_text() == "first"
