"""What the text of a PDF tells: running text apart from tables and figures, and nothing that takes a long time."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from nightlab.papers.audit.reading import checks, likeness, statements
from nightlab.papers.audit.reading.document import Document, Part, sentences_of
from nightlab.papers.audit.reading.pdf import document_of

PAGE = """\
A study of a valley, its height and
its lowest point
Abstract
We look for the lowest point of a valley whose height is measured with noise, in a search of a few trials.
Keywords. height, search, protein folding
1 Introduction
Whether a small search finds the lowest point of a valley is the question of this study, which it answers
with fresh seeds that no trial of the search has had, and with as many runs for each of the two that it has;
what it finds there is told for all of these runs, and the worst of them by itself. Its height is told for
2
the baseline and for the best configuration, and the difference of the two is what the test is about at the
end.
Trial Strategy Runs Height Behind Interval Place
T1 east and north, chosen on the development split of the search 16 0.7423 ± 0.0056 – – chosen
T2 of the holdout, by the evaluator, in the search 16 0.7311 ± 0.0049 0.0112 [0.0031, 0.0193] behind
0.0
0.1
baseline best
interval excludes zero interval includes zero Figure 3. What the best configuration loses when a knob is moved.
0 2 4 6 8
The lowest point was found in the first of the trials, and Figure 3 shows how far the others lie from it there.
2 Limitations
• Both splits. Some items stand in the development split and in the holdout alike, so that the holdout is in
part what the search has seen.
• One task. All results hold for one task.
"""


@pytest.fixture
def doc() -> Document:
    return document_of([PAGE])


def test_a_title_goes_on_where_its_line_does_not_end(doc: Document) -> None:
    assert doc.title == "A study of a valley, its height and its lowest point"


def test_a_word_of_a_title_that_is_broken_is_put_together() -> None:
    lines = "A study of rein-\nforcement learning\nA. Nobody\nAbstract\nIt is so.\n1 Introduction\nIt is.\n"
    assert document_of([lines]).title == "A study of reinforcement learning"


def test_rows_and_labels_are_no_sentences_and_their_numbers_are_known(doc: Document) -> None:
    intro = doc.section("introduction")
    assert intro
    assert [s.text.split()[0] for s in intro.sentences] == ["Whether", "Its", "The"]
    assert "that it has; what it finds there" in intro.text
    assert "told for the baseline and for the best" in intro.text
    assert "0.7423" in doc.aside
    assert [f.key for f in doc.shown] == ["figure-3"]  # behind the last label
    limits = doc.section("limitation")
    assert limits
    assert [p[0].text for p in limits.paragraphs] == ["Both splits.", "One task."]


def test_a_table_is_no_leak_and_one_that_is_owned_up_to_is_none_either(doc: Document) -> None:
    assert not list(statements.practice(doc))
    bare = document_of([PAGE.replace("• Both splits. Some", "• Some")])
    assert [f.kind for f in statements.practice(bare)] == ["leak"]


def test_keywords_are_what_the_paper_speaks_of(doc: Document) -> None:
    odd = [f.text for f in likeness.strangers(doc) if f.where == "keywords"]
    assert odd == ["the paper does not speak of its keyword 'protein folding'"]
    assert not [f for f in likeness.strangers(replace(doc, keywords=("height",))) if f.where == "keywords"]


@pytest.mark.parametrize("words", ["holdout search ", "search used ", "tests until ", "several seeds report "])
def test_what_is_no_sentence_takes_no_long_time(words: str) -> None:
    text = f"{words * 3000} 0.1 0.2"
    part = Part(key="p", heading="Method", kind="section", paragraphs=(sentences_of(text), sentences_of(words * 15)))
    doc = Document(title="A title", abstract=replace(part, key="abstract"), sections=(part,), of_study=False)
    begun = time.process_time()
    checks.findings(doc)
    assert time.process_time() - begun < 5
