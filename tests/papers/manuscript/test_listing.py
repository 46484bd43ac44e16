"""Listings of edits: numbers by version, the cut, and text that is hostile to LaTeX."""

from __future__ import annotations

from pathlib import Path

from nightlab.experiments.template.artifact.diffs import unified
from nightlab.papers.latex import latex
from nightlab.papers.manuscript.checking import check
from nightlab.papers.manuscript.listing import LINES, Listing, cut
from nightlab.papers.manuscript.manuscript import Manuscript, Section
from tests.papers.sample import pdf_text

HOSTILE = [
    r"\input{/etc/passwd}",
    "a\tb  # 100% $x$ {",
    "\udcff\x0c é日",
    r"\end{document}",
    "-- @@ -1 +1 @@",
    "+++ b/x",
]


def test_each_line_has_the_number_of_its_version() -> None:
    old = "".join(f"line {i}\n" for i in range(1, 21))
    new = old.replace("line 5\n", "line five\nmore\n").replace("line 15\n", "")
    made = Listing("c", "C", unified({"a.py": old.encode()}, {"a.py": new.encode()}))
    lines = [(c.number, c.sign, c.text) for c in made.lines()]
    assert lines[0] == (0, "", "a.py")
    assert (5, "-", "line 5") in lines
    assert (5, "+", "line five") in lines
    assert (6, "+", "more") in lines
    assert (15, "-", "line 15") in lines
    for number, sign, text in lines[1:]:
        assert (old if sign == "-" else new).splitlines()[number - 1] == text


def test_a_long_edit_is_cut_and_says_so() -> None:
    diff = unified({"a": b""}, {"a": b"x\n" * 500})
    assert cut("short") == ("short", False)
    shown, more = cut(diff)
    assert (len(shown.split("\n")), more) == (LINES, True)


def test_code_is_printed_as_it_stands_and_commands_nothing(tmp_path: Path) -> None:
    text = "\n".join(HOSTILE).encode("utf-8", "surrogateescape")
    shown, _ = cut(unified({"a": b""}, {"a": text}))
    draft = Manuscript(
        title="T",
        authors_note="N",
        abstract="A",
        sections=(Section("s", "S", "{ref:c}\n\n{float:c}"),),
        listings=(Listing("c", "Code.", shown),),
    )
    assert check(draft, {}, []) == []
    compiled = latex.build(draft, {}, [], tmp_path)
    assert (compiled.error, [f for f in compiled.findings if f.kind != "overfull"]) == ("", [])
    printed = pdf_text(tmp_path / "paper.pdf")
    assert r"\input{/etc/passwd}" in printed
    assert r"\end{document}" in printed
    assert "+++ b/x" in printed.replace(" ", "").replace("+++b", "+++ b")
    assert "root:" not in printed
