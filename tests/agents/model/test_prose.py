"""Whatever a model writes, what is left of it is prose that the audit has no objection to."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest

from nightlab.agents.model.prose import Rules, as_paragraph, counted, fault, faults, kept, markup, phrase, sentences
from nightlab.experiments.records import Fact
from nightlab.papers.audit.ground import Ground, Work, protocol
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.checking import check
from nightlab.papers.manuscript.manuscript import Manuscript, Section
from nightlab.papers.manuscript.markup import inline

FRAGMENTS = (
    *("{", "}", "{{", "}}", "\\", "$", "`", "*", "**", "-", "#", "fact:", "[fact: claim.p ]", "{fact:claim.effect}"),
    *("{fact:nope}", "{cite:lee2020}", "{cite: lee2020 , x}", "{ref:results}", "{ref:x}", "{float:x}", "the", "gain"),
    *("is", "best", "baseline", "effect", "seeds", ".", "!", "?", "e.g.", "3", "½", "Ⅷ", "٣", "²", "percent", "%", "&"),
    *("_", "^", "~", "<b>", "|", "é", "CIFAR-10", "digits", "…", ":", "—", "1.", "•", "\n", "\n\n", "- ", "\t", "\x00"),
    *("\u200c", "\u202e", "\u2028", "'", '"'),
)


REFERENCES = [Reference(key="lee2020", title="NAS-Bench-201", authors=("A Lee",), year=2020, doi="10.1000/x")]
LEE = Work(title="NAS-Bench-201", abstract="Tabulates the results of small cells.", families=("Lee",))
RULES = Rules(
    ground=Ground(
        works={
            "lee2020": Work(title="NAS-Bench-201", abstract="Tabulates the results of small cells.", families=("Lee",))
        },
        targets={"results": "The course of the search."},
        names=("CIFAR-10 digits",),
        improved=True,
    ),
    frames={"claim": ("The loss falls by {fact:claim.effect}.", "It falls by {fact:claim.effect}.")},
    names=("CIFAR-10 digits",),
)
GOOD = (
    "We suspect that the parts act together.",
    "Lee tabulates the results of small cells {cite:lee2020}.",
    "{ref:results} shows the course of the search.",
    "Nothing here shows that the recipe carries over.",
    "Noise between seeds makes small gains hard to tell from luck.",
)
BAD = {
    r"The text says \input{/etc/passwd} to the engine.": "no prose",
    r"It runs \write18{rm -rf x} and more.": "no prose",
    "The gain is 3.5 points on the task.": "is a number",
    "The gain is {fact:claim.effect} on the task.": "frame of its own",
    "{say:claim} and it is large.": "whole sentence",
    "{say:triumph}": "no frame",
    "As was shown before {cite:smith1999}, this helps.": "no key",
    "The section {ref:nowhere} shows that it helps.": "no figure",
    "The loss is twice as low as before.": "is a number",
    "Lee beats all others {cite:lee2020}.": "abstract",
    "Der Verlust sinkt sehr deutlich gegen den Ausgangswert hier.": "not English",
    "损失下降了很多。": "not English",
    "The gain is {float:progress} here.": "no prose",
    "We have to TODO this part of the paper.": "missing",
    "This is a state-of-the-art result for the task.": "asserts",
    "The test was a negative result for us.": "asserts",
    "word " * 200 + ".": "too long",
    "A" * 300 + " is a word.": "a word that is none",
    "$x^2$ is a formula.": "no prose",
    "...": "no sentence",
    "No.": "no sentence",
}


def objections(text: str) -> list[str]:
    """The audit's, on a manuscript that holds the text in a section."""
    paper = Manuscript(title="T", authors_note="", abstract="", sections=(Section("results", "R", text),))
    facts = {"claim.effect": Fact(id="claim.effect", value=1.5, text="1.5", formula="")}
    return [f.text for f in check(paper, facts, REFERENCES, RULES.names)]


@pytest.mark.parametrize("sentence", GOOD)
def test_good_sentences_stay_as_they_are(sentence: str) -> None:
    assert fault(sentence, RULES) == ""
    assert kept(sentence, RULES, words=50) == sentence
    assert objections(sentence) == []


@pytest.mark.parametrize(("sentence", "reason"), BAD.items())
def test_bad_sentences_are_named_and_cut_and_their_neighbours_stay(sentence: str, reason: str) -> None:
    assert reason in fault(sentence, RULES)
    text = f"{GOOD[0]} {sentence} {GOOD[4]}"
    assert sentence[:8] in faults(text, RULES)
    assert kept(text, RULES, words=50) == f"{GOOD[0]} {GOOD[4]}"


def test_markdown_and_loose_marks_are_read_as_meant() -> None:
    text = "## Discussion\n\n- **We suspect** that the parts act together. [say: claim]\n- `x` is code.\n"
    left = kept(text, RULES, words=50)
    assert left == "We suspect that the parts act together. {say:claim}."
    assert as_paragraph(left, RULES) == "We suspect that the parts act together. The loss falls by {fact:claim.effect}."


def test_frames_take_turns_and_are_counted() -> None:
    used: Counter[str] = Counter()
    texts = [as_paragraph(kept("{say:claim} Noise misleads.", RULES, words=9), RULES, used) for _ in range(2)]
    assert [t.split(" Noise")[0] for t in texts] == list(RULES.frames["claim"])
    assert counted(["{say:claim}. Noise misleads.", "{say:claim}"]) == (1, 2)


def test_what_is_left_of_hostile_text_is_inert() -> None:
    hostile = ["{{fact:claim.effect}}", "*a*", "`{fact:nope}`", r"\\{fact:claim.effect}", "{cite:lee2020,nope}", "# 7"]
    for piece in hostile:
        for text in (piece, f"The best gain is {piece} here.", f"{piece}\n\n{GOOD[0]}", "\x00\u202e" + piece):
            assert objections(kept(text, RULES, words=50)) == []


def test_no_mixture_of_fragments_gets_past_the_audit() -> None:
    draw = random.Random(1)
    left = 0
    for _ in range(1500):
        pieces = [draw.choice(FRAGMENTS) + draw.choice(["", " "]) for _ in range(draw.randint(1, 25))]
        text = kept("".join(pieces) + f". {GOOD[4]}", RULES, words=80)
        left += bool(text)
        assert objections(text) == []
    assert left > 500


def test_much_text_is_bounded_and_repeated_sentences_are_said_once() -> None:
    assert kept(f"{GOOD[4]} " * 3000, RULES, words=50) == GOOD[4]
    many = " ".join(f"Seas are {'very ' * n}wide." for n in range(1, 40))
    assert 20 <= len(kept(many, RULES, words=60).split()) <= 60
    assert kept("", RULES, words=50) == ""


def test_an_end_that_was_cut_off_is_left_out() -> None:
    assert kept(f"{GOOD[4]} And then the model was", RULES, words=50) == GOOD[4]
    assert sentences("A title without a stop") == [["A title without a stop"]]


def test_a_negative_outcome_lets_no_gain_be_told() -> None:
    rules = replace(RULES, ground=replace(RULES.ground, improved=False))
    assert fault("We suspect that the change improves the loss of the baseline.", rules)
    assert (
        fault(
            "We report this as a negative result.",
            replace(rules, ground=replace(rules.ground, record=protocol(frozenset({"tested", "negative"})))),
        )
        == ""
    )
    assert fault("Whether a change improves the loss on other tasks stays open.", rules) == ""


def test_markup_prints_the_letters_of_the_text() -> None:
    printed = "".join(getattr(s, "text", "") for s in inline(markup("a_b *c* is 5 $ of {x} `y` \\z")))
    assert printed == "a b *c* is 5 $ of {x} `y` \\z"


def test_a_phrase_is_plain_text() -> None:
    assert phrase("A *sharper* question about noise.", RULES) == "A sharper question about noise."
    assert phrase("It is 7 times better.", RULES) == ""
    assert phrase("It follows the work {cite:lee2020} on noise.", RULES) == ""
    assert phrase("A recipe which has not been explored lowers the loss.", RULES) == ""


@pytest.mark.parametrize("name", ["cost in US$", "the set {a, b}", "Fehler α~β", "ошибка"])
def test_a_template_s_own_name_may_hold_any_sign(name: str) -> None:
    sentence = f"Noise between seeds makes the {name} hard to tell."
    assert fault(sentence, replace(RULES, names=(name,))) == ""
    assert fault(sentence, RULES)
