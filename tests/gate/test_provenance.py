"""A draft in which anything was put, swapped or left out: the paper is the code's text, and the findings say where."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightlab.papers.audit.provenance import INTRODUCED, refusal, stood_in, taken_over
from nightlab.papers.manuscript.manuscript import Figure, Manuscript, Section, from_json, to_json
from tests.gate.study import Study

STUDY = Study()
OWN = STUDY.manuscript
GROUND = STUDY.ground(True)
FRAMES = STUDY.sayings(True)
PHRASINGS = sorted(p for phrasings in FRAMES.values() for p in phrasings)
LIE = "The recipe is the best of all"
FREE = "We suspect that the parts act together."


def with_body(key: str, more: str, m: Manuscript = OWN) -> Manuscript:
    return replace(m, sections=tuple(replace(s, body=s.body + more) if s.key == key else s for s in m.sections))


def test_a_draft_of_the_code_s_own_text_is_taken_over_as_it_is() -> None:
    assert taken_over(OWN, OWN, GROUND, FRAMES) == (OWN, [])


def test_readings_that_pass_stay_where_there_is_room_for_them() -> None:
    reading = f"\n\n> {FREE}"
    draft = replace(with_body("discussion", reading), reader="a model")
    assert taken_over(draft, OWN, GROUND, FRAMES, ["a model"]) == (draft, [])
    paper, found = taken_over(with_body("results", reading), OWN, GROUND, FRAMES, ["a model"])
    assert paper == OWN
    assert [f.where for f in found] == ["section:results"]


@pytest.mark.parametrize("told", ["{0} {1} {2}", "{1} {0} {2}", "{1} {2} {0}", "{1} {0} {2} {0}"])
def test_no_free_sentence_stands_in_one_paragraph_with_a_frame(told: str) -> None:
    claim, search = FRAMES["claim"][0], FRAMES["search"][0]
    draft = with_body("discussion", f"\n\n> {told.format(FREE, claim, search)}")
    paper, found = taken_over(draft, OWN, GROUND, FRAMES)
    *_, recorded, reading = next(s for s in paper.sections if s.key == "discussion").body.split("\n\n")
    assert recorded == f"{INTRODUCED} {claim} {search}"
    assert set(reading.removeprefix("> ").split(". ")) <= {FREE, FREE.rstrip(".")}
    assert not found
    alone, _ = taken_over(with_body("discussion", f"\n\n> {claim}"), OWN, GROUND, FRAMES)
    assert next(s for s in alone.sections if s.key == "discussion").body.endswith(f"{INTRODUCED} {claim}")
    assert taken_over(paper, OWN, GROUND, FRAMES) == (paper, [])  # the gate finds nothing in what it let through


LIES = {
    "title": replace(OWN, title=LIE),
    "abstract": replace(OWN, abstract=f"{OWN.abstract} {LIE}."),
    "keywords": replace(OWN, keywords=(LIE,)),
    "authors_note": replace(OWN, authors_note=f"{LIE}."),
    "reader": replace(OWN, reader=LIE),
    "section:results": with_body("results", f"\n\n{LIE}."),
    "section:conclusion": with_body("conclusion", f" {LIE}."),
    "section:discussion": with_body("discussion", f"\n\n> {LIE}."),
    "section:limitations": replace(OWN, sections=tuple(s for s in OWN.sections if s.key != "limitations")),
    "section:results:heading": replace(
        OWN, sections=tuple(replace(s, heading=LIE) if s.key == "results" else s for s in OWN.sections)
    ),
    "section:more": replace(OWN, sections=(*OWN.sections, Section("more", "More", f"{LIE}."))),
    "section:extra": replace(OWN, appendix=(*OWN.appendix, Section("extra", "Extra", f"{LIE}."))),
    "figure:progress": replace(OWN, figures=(replace(OWN.figures[0], caption=LIE), *OWN.figures[1:])),
    "figure:mine": replace(OWN, figures=(*OWN.figures, Figure("mine", "figures/mine.png", LIE))),
    "table:main": replace(OWN, tables=(replace(OWN.tables[0], caption=LIE), *OWN.tables[1:])),
    "table:main:head": replace(OWN, tables=(replace(OWN.tables[0], columns=(LIE, *OWN.tables[0].columns[1:])),)),
}


@pytest.mark.parametrize("where", LIES)
def test_a_lie_in_any_place_is_found_and_does_not_reach_the_paper(where: str) -> None:
    paper, found = taken_over(LIES[where], OWN, GROUND, FRAMES)
    assert paper == OWN
    assert any(f.where.startswith(where.removesuffix(":head")) for f in found)
    assert LIE not in str(dataclasses.asdict(paper))
    assert stood_in(found, OWN)


@settings(max_examples=60, deadline=None, database=None)
@given(st.sampled_from(PHRASINGS), st.data())
def test_no_perturbed_frame_is_taken_over(phrasing: str, data: st.DataObject) -> None:
    """Any sign, scale, unit, side, split or metric that is not the frame's own is refused, and the frame is not."""
    assert refusal(phrasing, GROUND, FRAMES) == ""
    swaps = [("holdout", "development split"), ("log loss", "accuracy")]
    if " stayed at " not in phrasing:  # what both sides have is as true the other way round
        swaps += [("baseline", "best configuration")]
    swaps += [
        ("improves", "worsens"),
        ("falls", "rises"),
        ("higher", "lower"),
        ("is significant", "is not significant"),
    ]
    swaps += [("kept", "reverted"), ("larger", "smaller"), ("excludes", "includes"), ("most", "least")]
    swaps += [("{fact:", f"{data.draw(st.sampled_from(['-', '1', '10 x ', 'minus ', '~']))}{{fact:")]
    swaps += [("}", f"}}{data.draw(st.sampled_from(['0', '%', 'M', '-fold', '²', '{fact:claim.n}', ' hours']))}")]
    forged = [phrasing.replace(a, b, 1) for old, new in swaps for a, b in ((old, new), (new, old)) if a in phrasing]
    changed = data.draw(st.sampled_from([f for f in forged if f not in PHRASINGS] or [f"{phrasing} {LIE}."]))
    assert refusal(changed, GROUND, FRAMES)


@settings(max_examples=60, deadline=None, database=None)
@given(st.sampled_from(PHRASINGS), st.sampled_from(sorted(STUDY.facts)), st.data())
def test_no_other_fact_stands_in_a_frame(phrasing: str, other: str, data: st.DataObject) -> None:
    marks = [m for m in STUDY.facts if f"{{fact:{m}}}" in phrasing]
    if not marks:
        return
    mark = data.draw(st.sampled_from(marks))
    changed = phrasing.replace(f"{{fact:{mark}}}", f"{{fact:{other}}}")
    assert (changed in PHRASINGS) or refusal(changed, GROUND, FRAMES)


PRINTED = to_json(OWN)
MARKS = [m.span() for m in re.finditer(r"\{fact:[^{}]*\}", PRINTED)]  # abstract, sections, captions, heads and cells


@settings(max_examples=20, deadline=None, database=None)
@given(st.sampled_from(MARKS), st.sampled_from(sorted(STUDY.facts)), st.data())
def test_no_fact_of_any_place_is_perturbed(span: tuple[int, int], other: str, data: st.DataObject) -> None:
    """A sign, a scale, a digit, a unit or another fact at any mark of the paper: the paper stays the code's."""
    mark = PRINTED[slice(*span)]
    forms = ["-{}", "minus {}", "1{}", "10 x {}", "{}0", "{} %", "{}-fold", "{}{}", "twice {}", f"{{{{fact:{other}}}}}"]
    changed = data.draw(st.sampled_from(forms)).format(mark, mark)
    if changed == mark:
        return
    paper, found = taken_over(from_json(PRINTED[: span[0]] + changed + PRINTED[span[1] :]), OWN, GROUND, FRAMES)
    assert paper == OWN
    assert found
