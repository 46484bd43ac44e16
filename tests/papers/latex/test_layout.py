"""What a reader sees of the set paper: columns, white space, floats, and what the file says of itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from nightlab.experiments.records import Fact
from nightlab.papers.audit.audit import audit
from nightlab.papers.latex import latex
from nightlab.papers.latex.escape import utf16
from nightlab.papers.manuscript.manuscript import Figure, Manuscript, Section, Table
from tests.papers.pages import BOTTOM, MM, TOP, drawings, unpacked, white, words
from tests.papers.sample import Paper, pdf_text

pytestmark = pytest.mark.skipif(not shutil.which("pdftotext"), reason="poppler is not installed")

COLUMNS = {
    "means": ["0.1894 ± 0.0038", "12.5 ± 0.25", "2410", "-3.25 ± 0.0001"],
    "intervals": ["[-0.026, 0.0691]", "[0.0249, 10.5]", "[0.01, -0.2]"],
    "odds": ["0.008", "2.4e-18", "0.25", "1"],
    "wholes": ["7", "9610", "12"],
}
DIGIT, SIGN, BRACKET = 4.627, 7.18, 2.57  # widths in points, of what \small prints


def numeric() -> tuple[Manuscript, dict[str, Fact]]:
    """Tables that have each column's numbers as facts."""
    facts: dict[str, Fact] = {}

    def fact(m: re.Match[str]) -> str:
        id = f"n.{len(facts)}"
        facts[id] = Fact(id=id, value=float(m[0]), text=m[0], formula="")
        return f"{{fact:{id}}}"

    tables = [
        Table(key, "Numbers.", ("Row", "Number"), tuple((key, re.sub(r"-?[\d.]+(?:e-\d+)?", fact, c)) for c in cells))
        for key, cells in COLUMNS.items()
    ]
    body = "\n\n".join(f"{{ref:{t.key}}}\n\n{{float:{t.key}}}" for t in tables)
    sections = (Section("s", "S", body),)
    return Manuscript(title="T", authors_note="N", abstract="A", sections=sections, tables=tuple(tables)), facts


def test_text_keeps_room_beside_wide_columns(tmp_path: Path) -> None:
    changed = (
        "attacked from 0 to 0.95, loudness from 0.025 to 0.011, noise from 0.1 to 0.31, floor from 3 to 4 and so on"
    )
    cells = ("`T1`", "several strategies at once", changed, "reverted, in the confirmation", "0.231")
    columns = ("Trial", "Strategy", "What changed", "Verdict", "Penalised robust accuracy")
    table = Table("kept", "Changes.", columns, (cells,), "llXlr")
    sections = (Section("s", "S", "{ref:kept}\n\n{float:kept}"),)
    draft = Manuscript(title="T", authors_note="N", abstract="A", sections=sections, tables=(table,))
    compiled = latex.build(draft, {}, [], tmp_path)
    assert (compiled.error, compiled.findings) == ("", ())
    found = words(tmp_path / "paper.pdf")
    first, last = (next(w for w in found if w.text == text) for text in ("attacked", "on"))
    assert last.top - first.top < 5 * 12  # six lines at most
    assert next(w for w in found if w.text == "0.231").right < max(w.right for w in found) + 1


def test_numbers_stand_by_their_points(tmp_path: Path) -> None:
    draft, facts = numeric()
    compiled = latex.build(draft, facts, [], tmp_path)
    assert (compiled.error, compiled.findings) == ("", ())
    found = words(tmp_path / "paper.pdf")
    for key, cells in COLUMNS.items():
        rows = [w for w in found if w.text == key]
        assert len(rows) == len(cells)
        points: dict[int, list[float]] = {}
        for row in rows:
            line = [w for w in found if w.page == row.page and abs(w.top - row.top) < 3 and w.left > row.right]
            numbers = [(w, m) for w in line if (m := re.match(r"(\[?)(−?)(\d+)", w.text))]
            for place, (word, m) in enumerate(numbers):
                before = BRACKET * len(m[1]) + SIGN * len(m[2]) + DIGIT * len(m[3])
                points.setdefault(place, []).append(word.left + before)
        assert points
        spread = {place: max(at) - min(at) for place, at in points.items() if place < 2}
        assert max(spread.values()) < 1, (key, points)


def crowded() -> Manuscript:
    """Few words and many floats, in short sections."""
    figures = tuple(Figure(f"f{i}", f"figures/{name}.pdf", "A caption.") for i, name in enumerate(["progress"] * 7))
    sections = tuple(
        Section(
            f"s{f.key}", "Section", f"{'Some words of text stand here. ' * 12} {{ref:{f.key}}}\n\n{{float:{f.key}}}"
        )
        for f in figures
    )
    return Manuscript(title="T", authors_note="N", abstract="A", sections=sections, figures=figures)


def test_no_page_before_the_appendix_is_a_third_white(paper: Paper, tmp_path: Path) -> None:
    shutil.copytree(paper.folder / "figures", tmp_path / "figures")
    few = replace(crowded(), sections=(*crowded().sections, Section("end", "End", "Words of the end. " * 200)))
    assert latex.build(few, {}, [], tmp_path).error == ""
    appendix = next(w.page for w in words(paper.folder / "paper.pdf") if w.text == "Trials" and w.left < 120)
    assert max(white(paper.folder / "paper.pdf")[: appendix - 1]) < 1 / 3
    assert max(white(tmp_path / "paper.pdf")[:-1]) < 1 / 3


def test_floats_stand_near_what_speaks_of_them(paper: Paper) -> None:
    for kind in ("Figure", "Table"):
        pairs = zip(found := words(paper.folder / "paper.pdf"), found[1:], strict=False)
        told: dict[str, list[int]] = {}
        shown: dict[str, int] = {}
        for first, number in pairs:
            if first.text == kind and number.text.strip(".").isdecimal():
                key = number.text.strip(".")
                if number.text.endswith(".") and first.left < 170 and key not in shown:
                    shown[key] = first.page
                told.setdefault(key, []).append(first.page)
        assert shown
        assert all(min(abs(page - at) for at in told[key]) <= 1 for key, page in shown.items())


def test_the_file_says_what_it_is(paper: Paper) -> None:
    pdf = paper.folder / "paper.pdf"
    said = subprocess.run(["pdfinfo", str(pdf)], capture_output=True, text=True, check=True).stdout
    for entry in (
        "Title: Slower Decay, Wider Minima",
        "Author: Nightlab",
        "Keywords: hyperparameter search, ",
        "Subject: This paper was written by Nightlab.",
    ):
        assert entry in re.sub(r" +", " ", said)
    inside = unpacked(pdf)
    assert re.search(rb"/Lang ?\(en\)", inside)
    titles = b" ".join(re.findall(rb"\(\\376\\377([^()]*)\)", inside)).replace(rb"\000", b"")
    for heading in (b"Introduction", b"Conclusion", b"Trials", b"Evidence"):  # the bookmarks
        assert heading in titles


def test_each_picture_has_words_with_the_numbers_of_its_facts(paper: Paper) -> None:
    inside = unpacked(paper.folder / "paper.pdf").decode("latin-1")
    told = [bytes.fromhex(words).decode("utf-16") for words in re.findall(r"/Span<</Alt<([0-9A-F]+)>>>BDC", inside)]
    assert len(told) == len(paper.manuscript.figures)
    assert any("of which there are 3, and a triangle" in words for words in told)
    assert inside.count("BDC") == inside.count("EMC")


@pytest.mark.parametrize("text", ["a)b\\(", "日本 ≤ é", "<</Alt>>", "\x1b[31m\u202e"])
def test_no_words_of_a_picture_can_end_its_string(text: str) -> None:
    assert re.fullmatch(r"FEFF[0-9A-F]*", utf16(text))


def test_no_pixels_stand_in_a_paper(tmp_path: Path) -> None:
    figure = Figure("mine", "figures/mine.png", "A caption.")
    body = "Words. {ref:mine}\n\n{float:mine}"
    draft = Manuscript(
        title="T", authors_note="N", abstract="A", sections=(Section("s", "S", body),), figures=(figure,)
    )
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/mine.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    compiled = latex.build(draft, {}, [], tmp_path)
    assert compiled.error == ""
    assert "A caption" not in pdf_text(tmp_path / "paper.pdf")
    assert "pixels" in {f.kind for f in audit(draft, {}, [], tmp_path, compiled, required=())}


def long_between(lines: int) -> Manuscript:
    """A picture that is too high for the rest of its page, a long table on the next, and another picture."""
    figures = tuple(Figure(key, "figures/progress.pdf", "A caption.") for key in ("before", "after"))
    table = Table("long", "Rows.", ("Row", "Number"), tuple((f"r{i}", "x") for i in range(30)))
    words = "Some words of text stand here. "
    start = [words * lines, "{ref:before}", "{float:before}", words * 6 + "{ref:long}", "{float:long}"]
    body = "\n\n".join([*start, words * 8 + "{ref:after}", "{float:after}", words * 150])
    sections = (Section("s", "S", body),)
    return Manuscript(title="T", authors_note="N", abstract="A", sections=sections, figures=figures, tables=(table,))


@pytest.mark.parametrize("lines", [84, 108])  # the table begins at the end of the first page, and below a picture
def test_nothing_drawn_runs_off_its_page_after_a_long_table(paper: Paper, tmp_path: Path, lines: int) -> None:
    shutil.copytree(paper.folder / "figures", tmp_path / "figures")
    assert latex.build(long_between(lines), {}, [], tmp_path).error == ""
    drawn = drawings(tmp_path / "paper.pdf")
    assert len(drawn) > 2
    assert min(bottom for _, bottom in drawn) > BOTTOM - 1
    assert max(top for top, _ in drawn) < 297 * MM - TOP + 1
    assert max(white(tmp_path / "paper.pdf")[:-1]) < 1 / 3
