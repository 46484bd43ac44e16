"""The markup: what each construct becomes, and that anything else is text."""

from __future__ import annotations

import pytest

from nightlab.papers.latex.escape import ascii_only, escape, escape_code, foreign
from nightlab.papers.manuscript.formula import FormulaError, formula
from nightlab.papers.manuscript.markup import (
    Bullets,
    Cite,
    Code,
    Emph,
    FactMark,
    Float,
    Math,
    Paragraph,
    Ref,
    Text,
    blocks,
    inline,
    literal,
)


def test_every_construct() -> None:
    spans = inline("a {fact:best.mean} {cite:k1, k2} {ref:fig} *so {fact:x}* `lr_{fact:y}` $x^2$")
    assert spans == (
        Text("a "),
        FactMark("best.mean"),
        Text(" "),
        Cite(("k1", "k2")),
        Text(" "),
        Ref("fig"),
        Text(" "),
        Emph((Text("so "), FactMark("x"))),
        Text(" "),
        Code((Text("lr_"), FactMark("y"))),
        Text(" "),
        Math("x^2"),
    )


@pytest.mark.parametrize("source", ["2 * 3 * 4", "a*b*c", "costs $5 and $6", "{fact:}", "{x}", "`", "$ x $", "**"])
def test_what_is_no_markup_is_text(source: str) -> None:
    assert inline(source) == (Text(source),)


@pytest.mark.parametrize("text", ["a*b*", "`x`", "$x$", "{fact:x}", "\\alpha {y}", "*a* {cite:b} \\*"])
def test_literal_text_stays_as_it_is(text: str) -> None:
    assert inline(literal(text)) == (Text(text),)


def test_blocks() -> None:
    body = "First\nparagraph.\n\nA list:\n- one\n  goes on\n- two\n\n{float:fig}\n\nLast."
    assert blocks(body) == (
        Paragraph((Text("First paragraph."),)),
        Paragraph((Text("A list:"),)),
        Bullets(((Text("one goes on"),), (Text("two"),))),
        Float("fig"),
        Paragraph((Text("Last."),)),
    )


def test_a_formula_keeps_its_facts_and_tells_its_numbers() -> None:
    parsed = formula(r"p = {fact:p} < 0.05 \leq \frac{x_1^2}{3} β")
    assert parsed.facts == ("p",)
    assert parsed.numerals == ("0.05", "3")


@pytest.mark.parametrize("numeral", ["x^{0.98}", "10^{-4}", "x_{123}", r"\sqrt{2}", "2x"])
def test_a_number_in_a_formula_is_a_number(numeral: str) -> None:
    assert formula(numeral).numerals


@pytest.mark.parametrize(
    "source",
    [r"\input{x}", r"\write18", "x^^5c", "x^a^b", "{x", "x}", "x_", r"\frac{a}", r"\hat", "a & b", "x % y", "'", "x~y"],
)
def test_a_formula_outside_the_subset_is_refused(source: str) -> None:
    with pytest.raises(FormulaError):
        formula(source)


def test_escaping() -> None:
    assert escape("50% of $x_1$ & #2 {a} ~ ^ \\b") == (
        r"50\% of \$x\_1\$ \& \#2 \{a\} \textasciitilde{} \textasciicircum{} \textbackslash{}b"
    )
    assert (
        escape('"so" it\'s – α ≤ é \u202e\x1b[31m\x00')
        == "“so” it’s – \\ensuremath{\\alpha} \\ensuremath{\\leq} é {[}31m"
    )
    assert escape("ế x⁴") == r"\'{\^{e}} x\ensuremath{^{4}}"
    assert escape_code("a-b_c's") == r"a{-}\allowbreak{}b\_\allowbreak{}c\textquotesingle{}s"
    assert ascii_only("Größe x \\write18^{") == "Grosse x write18"
    assert ascii_only("what the models’ own team says: 5 % & more?") == r"what the models' own team says: 5 \% \& more?"


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("Привет, щука", "Privet, shchuka"),
        ("日本 数据", "RiBen ShuJu"),
        ("שלום 😀", "slvm :grinning:"),
        ("\ue000 \u0378", r"\tofu{} \tofu{}"),
    ],
)
def test_letters_that_the_fonts_lack_are_spelt_in_others_and_told(text: str, latex: str) -> None:
    assert escape(text) == latex
    assert list(foreign(text)) == text.split(" ")


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("Nguyễn ặ ồ", r"Nguy\~{\^{e}}n \d{\u{a}} \`{\^{o}}"),
        ("x̂ ǐ ș", r"\^{x} \v{\i} \c{s}"),
        ("Άς", r"\ensuremath{\acute{\mathrm{A}}}\ensuremath{\varsigma}"),
        ("ﬁ 𝒪 ①", "fi O 1"),
        ("a\u202eb\u200d\ufe0f", "ab"),
    ],
)
def test_letters_made_of_others_are_printed_and_nothing_is_told(text: str, latex: str) -> None:
    assert escape(text) == latex
    assert foreign(text) == {}


def test_long_words_can_break() -> None:
    assert r"\allowbreak{}" in escape("x" * 60)
    assert r"\allowbreak{}" not in escape("x" * 20)
