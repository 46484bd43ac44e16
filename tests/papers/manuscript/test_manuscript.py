"""The manuscript: its JSON, and the check that no number or citation comes from nowhere."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nightlab.experiments.records import Fact
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.checking import check
from nightlab.papers.manuscript.manuscript import (
    Figure,
    Manuscript,
    ManuscriptError,
    Passage,
    Section,
    Table,
    facts_used,
    from_json,
    keys_cited,
    to_json,
)
from nightlab.papers.manuscript.markup import literal
from tests.papers import sample
from tests.papers.sample import Paper

FACTS = {"x": Fact(id="x", value=1.5, text="1.5", formula="a mean", runs=(1, 2))}
REFERENCES = [
    Reference(
        key="dong", title="NAS-Bench-201: a benchmark with 5 parts", authors=("X. Dong",), year=2020, arxiv="2001.00326"
    )
]


def draft(body: str = "", **changes: object) -> Manuscript:
    whole = Manuscript(title="T", authors_note="N", abstract="A", sections=(Section("s", "Heading", body),))
    return replace(whole, **changes)  # type: ignore[arg-type]


def kinds(manuscript: Manuscript, names: tuple[str, ...] = ()) -> list[str]:
    return [f.kind for f in check(manuscript, FACTS, REFERENCES, names)]


def test_json_round_trip(paper: Paper) -> None:
    assert from_json(to_json(paper.manuscript)) == paper.manuscript


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"title": 3}, "title"),
        ({"more": "x"}, "more"),
        ({"sections": [{"key": "a b", "heading": "H", "body": ""}]}, "'a b' is no key"),
        ({"figures": [{"key": "f", "file": "../../etc/x.pdf", "caption": ""}]}, "figures/NAME.pdf"),
        ({"tables": [{"key": "t", "caption": "", "columns": ["a"], "rows": [["1", "2"]]}]}, "a row of 2"),
        ({"tables": [{"key": "t", "caption": "", "columns": ["a"], "rows": [], "align": "p"}]}, "l, r, c, X"),
    ],
)
def test_json_that_is_no_manuscript_is_refused(change: dict[str, object], named: str) -> None:
    broken = {**json.loads(to_json(draft())), **change}
    with pytest.raises(ManuscriptError, match=named):
        from_json(json.dumps(broken))


def test_a_clean_manuscript_has_no_findings(paper: Paper) -> None:
    assert check(paper.manuscript, paper.facts, paper.references) == []


def test_what_is_used(paper: Paper) -> None:
    assert "claim.p" in facts_used(paper.manuscript)  # inside a formula
    assert "trial.39.mean" in facts_used(paper.manuscript)  # in a cell
    assert set(keys_cited(paper.manuscript)) == {r.key for r in sample.references()}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("{fact:y}", "unknown-fact"),
        ("$z = {fact:y}$", "unknown-fact"),
        ("{cite:dong,nobody}", "unknown-citation"),
        ("{ref:nothing}", "unknown-reference"),
        ("{float:nothing}", "unknown-float"),
        ("{fact: x}", "markup"),
        (r"$\input{x}$", "formula"),
        ("It is 0.987.", "bare-numeral"),
        ("AUC:0.91", "bare-numeral"),
        ("~0.93, p>0.87", "bare-numeral"),
        ("{fact:x}7", "bare-numeral"),
        ("*95%* of them", "bare-numeral"),
        ("x² and ½ and Ⅳ and 三", "bare-numeral"),
        ("$p < 0.05$", "bare-numeral"),
        ("`0.97`", "bare-numeral"),
        ("NAS-Bench-202", "bare-numeral"),
        ("with 5 parts", "bare-numeral"),  # a number alone is no name, whatever a title says
    ],
)
def test_what_is_wrong_in_a_text_is_found(body: str, kind: str) -> None:
    assert kind in kinds(draft(body))


@pytest.mark.parametrize(
    "text",
    [
        "costs in US$ and the set {a, b, c}",
        "50% of x_1 & y, {fact:x} and {cite:nobody}",
        r"a \ b `c` *d* $e$ \{f\}",
        "- a dash first, ~ and ^ and “$” in quotes",
        "{float:nothing}",
        "} { ` $ \\",
    ],
)
def test_what_is_printed_literally_is_no_markup(text: str) -> None:
    quoted = literal(text)
    assert kinds(draft(quoted, title=quoted, abstract=quoted), names=(text,)) == []
    passage = Passage("body", quoted, block=True)
    assert passage.printed.replace(" ", "") == text.replace(" ", "")
    for mark in ("$ 2", "{x", "`"):
        assert "markup" in kinds(draft(f"{quoted} {mark}"), names=(text,))


@pytest.mark.parametrize("field", ["title", "authors_note", "abstract"])
def test_no_part_is_left_out(field: str) -> None:
    assert kinds(draft(**{field: "It is 7."})) == ["bare-numeral"]


def test_numbers_in_headings_captions_and_cells_are_found() -> None:
    figure, table = Figure("f", "figures/f.pdf", "It is 7."), Table("t", "It is 7.", ("7 a",), (("7",),))
    body = "{ref:f} {ref:t}\n\n{float:f}\n\n{float:t}"
    found = draft(sections=(Section("s", "Part 7", body),), figures=(figure,), tables=(table,), keywords=("top 7",))
    assert kinds(found) == ["bare-numeral"] * 6


def test_names_may_hold_digits() -> None:
    body = "NAS-Bench-201's tables, (NAS-Bench-201) and {cite:dong}; the F1 score of trial `T12`; $x_1^2$"
    body += "; nearest is *NAS-Bench-201: a benchmark with 5 parts*."
    assert kinds(draft(body), names=("F1 score",)) == []
    assert kinds(draft(body)) == ["bare-numeral"]


def test_a_name_that_is_a_number_stands_in_cells_only() -> None:
    body, names = "{ref:t}\n\n{float:t}", ("50",)
    cell = Table("t", "The choices.", ("choice",), (("`50`",),))
    assert kinds(draft(body, tables=(cell,)), names) == []
    assert kinds(draft(f"It gained `50`. {body}", tables=(cell,)), names) == ["bare-numeral"]
    assert kinds(draft(body, tables=(replace(cell, caption="A gain of `50`."),)), names) == ["bare-numeral"]
    assert kinds(draft(body, tables=(replace(cell, rows=(("50",),)),)), names) == ["bare-numeral"]


def test_a_value_in_code_is_a_warning() -> None:
    (found,) = check(draft("`lr=0.1`"), FACTS, REFERENCES)
    assert (found.kind, found.severity) == ("bare-numeral", "warning")


def test_floats_are_placed_once_and_referred_to() -> None:
    figures = (Figure("a", "figures/a.pdf", "A"), Figure("b", "figures/b.pdf", "B"))
    found = draft("{ref:b}\n\n{float:b}\n\n{float:b}", figures=figures)
    assert sorted(kinds(found)) == ["placed-twice", "unplaced", "unreferenced"]


def test_a_key_is_used_once() -> None:
    assert kinds(draft(appendix=(Section("s", "Again", ""),))) == ["duplicate-key"]
