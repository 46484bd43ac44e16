"""Venues: their folders, read with and without a venue.toml; their look, page limit and anonymity in a paper."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from nightlab.papers.latex import latex
from nightlab.papers.latex.look import document
from nightlab.papers.latex.look.fitting import MOVED, moved, moves
from nightlab.papers.latex.look.venue import Venue, VenueError, load
from nightlab.papers.manuscript.checking import check
from nightlab.papers.manuscript.manuscript import Manuscript, Section
from tests.papers.sample import Paper, pdf_text

STYLE = r"""\ProvidesPackage{conf}
\setlength{\textwidth}{5.5in}\setlength{\textheight}{9in}
\renewcommand{\maketitle}{\begin{center}{\bf A VENUE'S HEAD: \csname @title\endcsname}
  \par \csname @author\endcsname\end{center}}
"""
CLASS = r"""\ProvidesClass{journal}
\LoadClass[twocolumn]{article}
\newcommand{\keywords}[1]{\par Index terms: #1}
"""
FOLDERS: Mapping[str, dict[str, str]] = {
    "a style alone": {"conf.sty": STYLE},
    "a style that loads another": {"conf.sty": STYLE + r"\RequirePackage{helper}", "helper.sty": r"\def\helped{1}"},
    "a style with the name of its references'": {"a.sty": "", "conf.sty": STYLE, "conf.bst": "ENTRY{}{}{}"},
    "a class with two columns": {"journal.cls": CLASS},
    "a preamble and a class of LaTeX's own": {
        "venue.toml": 'class = "report"\noptions = ["11pt"]\npreamble = "extra.tex"\nanonymous = true\n',
        "extra.tex": r"\AtBeginDocument{\def\thepage{\roman{page}}}",
    },
}
BAD = {
    "no folder": (None, "no folder; give the folder"),
    "empty": ({"README.tex": ""}, "has neither a .sty nor a .cls file"),
    "two styles": (
        {"a.sty": "", "b.sty": ""},
        'there are a.sty, b.sty; say which one is meant in venue.toml, as style = ["a"]',
    ),
    "two classes": ({"a.cls": "", "b.cls": ""}, 'as class = "a"'),
    "no such style": (
        {"venue.toml": 'style = ["c"]', "a.sty": ""},
        "style: there is no c.sty in the folder; there are a.sty",
    ),
    "a stranger's key": ({"venue.toml": "page = 3"}, "[page]: is not a known key; did you mean pages?"),
    "another type": ({"venue.toml": 'pages = "many"'}, "[pages]: must be a whole number"),
    "a class by its path": ({"venue.toml": 'class = "../x"'}, "[class]: must be a name of letters"),
    "a preamble elsewhere": (
        {"venue.toml": 'preamble = "../../etc/passwd"', "a.sty": ""},
        "lies outside of the folder",
    ),
    "no preamble": ({"venue.toml": 'preamble = "p.tex"', "a.sty": ""}, "there is no file p.tex"),
    "no TOML": ({"venue.toml": "pages = "}, "venue.toml"),
}


def made(folder: Path, files: Mapping[str, str]) -> Path:
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", BAD)
def test_a_bad_folder_is_told(name: str, tmp_path: Path) -> None:
    files, told = BAD[name]
    folder = tmp_path / "venue"
    if files is not None:
        made(folder, files)
    with pytest.raises(VenueError) as error:
        load(folder)
    assert told in str(error.value)


@pytest.mark.parametrize("name", [*FOLDERS][1::2] + [*FOLDERS][-1:])
def test_a_paper_has_the_look_of_its_venue(name: str, tmp_path: Path) -> None:
    venue = load(made(tmp_path / "venue", FOLDERS[name]))
    body = "Words of the text. " * 30 + "\n\n- An item."
    draft = Manuscript(
        title="A title",
        authors_note="Written by Nightlab's team.",
        abstract="Short.",
        sections=(Section("introduction", "Introduction", body),),
        appendix=(Section("trials", "Trials", body),),
        keywords=("a word",),
    )
    compiled = latex.build(draft, {}, [], tmp_path / "paper", venue=venue)
    assert (compiled.error, [f for f in compiled.findings if f.kind != "overfull"]) == ("", [])
    text = pdf_text(tmp_path / "paper/paper.pdf")
    assert ("A VENUE'S HEAD: A title" in text.replace("’", "'")) == ("style" in name)
    assert ("Index terms: a word" in text) == (venue.cls == "journal")
    assert ("Nightlab" in text) == (not venue.anonymous)
    assert compiled.styled
    assert (tmp_path / "paper/venue").is_dir()


def test_what_a_folder_says_is_read(tmp_path: Path) -> None:
    folders = {name: load(made(tmp_path / str(i), files)) for i, (name, files) in enumerate(FOLDERS.items())}
    assert [v.styles for v in folders.values()] == [("conf",), ("conf",), ("conf",), (), ()]
    assert [v.cls for v in folders.values()] == ["article", "article", "article", "journal", "report"]
    assert folders["a style with the name of its references'"].bst == "conf"
    link = made(tmp_path / "linked", {"a.sty": ""})
    (link / "secret.tex").symlink_to("/etc/hostname")
    load(link).lay_out(tmp_path / "out")
    assert [f.name for f in (tmp_path / "out/venue").iterdir()] == ["a.sty"]


def test_an_example_paper_in_the_folder_says_what_is_used(tmp_path: Path) -> None:
    paper = r"""\documentclass[10pt]{article} % the conference's
%\usepackage{other}
\usepackage[review]{conf,times}
\usepackage{graphicx}
\begin{document}\bibliographystyle{conf}\end{document}"""
    files = {"conf.sty": STYLE, "other.sty": "", "conf.bst": "", "a.bst": "", "template.tex": paper}
    venue = load(made(tmp_path / "venue", files))
    assert (venue.cls, venue.options, venue.styles) == ("article", ("10pt",), ("conf", "times"))
    assert (venue.style_options, venue.bst) == (("review",), "conf")
    (tmp_path / "venue/venue.toml").write_text('style = ["other"]\n', encoding="utf-8")
    venue = load(tmp_path / "venue")
    assert (venue.styles, venue.style_options, venue.cls) == (("other",), (), "article")


LACKING = {
    "a package that is nowhere": {"conf.sty": r"\RequirePackage{nowhere}"},
    "a fault that only a whole paper shows": {"conf.sty": r"\def\drawing#1#2{\undefined}\AtEndDocument{\undefined}"},
}


@pytest.mark.parametrize("name", LACKING)
def test_a_look_that_cannot_be_had_gives_way_to_the_default_one(name: str, tmp_path: Path) -> None:
    folder = made(tmp_path / "venue", LACKING[name] | {"venue.toml": "anonymous = true"})
    body = "The command `nightlab verify` of Nightlab. " + "Words. " * 30
    sections = (Section("introduction", "Introduction", body),)
    draft = Manuscript(title="A title", authors_note="Written by Nightlab's team.", abstract="A.", sections=sections)
    compiled = latex.build(draft, {}, [], tmp_path / "paper", venue=load(folder))
    assert compiled.pdf
    assert not compiled.styled
    assert [f.kind for f in compiled.findings] == [document.STYLE]
    assert "The paper has the default style instead" in compiled.findings[0].text
    assert not (tmp_path / "paper/venue").exists()
    source = (tmp_path / "paper/paper.tex").read_text(encoding="utf-8")
    assert "nightlab" not in re.sub(r"(?m)^%.*$", "", source).casefold()


def floats(m: Manuscript) -> list[str]:
    """What the sections and the appendix place."""
    return [key for s in (*m.sections, *m.appendix) for key in re.findall(r"\{float:([^}]+)\}", s.body)]


def test_moves_keep_every_word_and_reference_and_lose_no_float(paper: Paper) -> None:
    m = paper.manuscript
    assert floats(m)
    before = check(m, paper.facts, paper.references)
    for number in range(moves(m) + 1):
        after = moved(m, number)
        assert check(after, paper.facts, paper.references) == before
        assert sorted(floats(after)) == sorted(floats(m))
    last = moved(m, moves(m))
    assert "ablation" not in {s.key for s in last.sections}
    assert last.appendix[-1].key == MOVED
    assert all("{float:" not in s.body for s in last.sections)
    assert moved(m, 0) == m


def test_a_page_limit_moves_what_it_must_and_no_more(paper: Paper, tmp_path: Path) -> None:
    venue = Venue(folder=made(tmp_path / "venue", {}), options=("10pt",), pages=paper.compiled.body_pages - 1)
    shutil.copytree(paper.folder / "figures", tmp_path / "paper/figures")
    compiled = latex.build(paper.manuscript, paper.facts, paper.references, tmp_path / "paper", venue=venue)
    assert compiled.error == ""
    assert 0 < compiled.body_pages <= venue.pages
    assert not any(f.kind == "page-limit" for f in compiled.findings)
    words = " ".join(f"word{'a' * (i % 9)}" for i in range(3000))
    long = Manuscript(title="T", authors_note="N", abstract="A", sections=(Section("method", "M", words),))
    over = latex.build(long, {}, [], tmp_path / "over", venue=replace(venue, pages=1))
    assert [f.kind for f in over.findings if f.kind != "overfull"] == ["page-limit"]
