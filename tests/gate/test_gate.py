"""The gate on the sentences that were written for it, and its parts on inputs of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nightlab.papers.audit import paraphrase
from nightlab.papers.audit.ground import Ground, Work
from nightlab.papers.audit.numerals import numeral
from nightlab.papers.audit.sentences import objection
from tests.gate import train
from tests.gate.__main__ import measured
from tests.gate.study import Study

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def study() -> Study:
    return Study()


def rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (HERE / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def test_wrong_sentences_are_cut_right_ones_stand_and_frames_say_what_was_measured(study: Study) -> None:
    wrong, right = measured(rows("wrong"), study), measured(rows("right"), study)
    assert wrong["caught"] >= 0.98
    assert right["flagged"] <= 0.03
    assert measured(rows("frame"), study)["frames"] == 1
    told = {c: found["caught"] for c, found in wrong["classes"].items()}
    numbers = [c for c in told if any(w in c for w in ("digits", "number", "fraction", "folds", "swapped", "forged"))]
    assert len(numbers) > 10
    assert {c: told[c] for c in numbers if told[c] < 1} == {}


def test_the_weights_are_those_of_the_corpus() -> None:
    with np.load(train.WEIGHTS) as found:
        assert int(found["corpus"]) == train.digest(train.sentences((*train.OWN, *train.OTHERS))), (
            "run `python -m tests.gate.train`"
        )


def test_training_repeats_exactly(tmp_path: Path) -> None:
    told = rows("corpus/fragments")[::8] + rows("corpus/limits")[::8], rows("right")[::8]
    train.save(*told, tmp_path / "first.npz")
    train.save(*told, tmp_path / "again.npz")
    assert (tmp_path / "first.npz").read_bytes() == (tmp_path / "again.npz").read_bytes()


def test_the_command_prints_one_object_last(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    told = [
        {"sentence": "The loss is halved.", "class": "a", "verdict": "improvement", "should": "caught"},
        {"sentence": "We do not claim a cure.", "class": "b", "verdict": "improvement", "should": "pass"},
        {"sentence": "The sky.", "class": "b", "verdict": "improvement", "should": "either"},
    ]
    file.write_text("\n".join(map(json.dumps, told)), encoding="utf-8")
    ran = subprocess.run([sys.executable, "-m", "tests.gate", str(file)], capture_output=True, text=True, check=True)
    found = json.loads(ran.stdout.splitlines()[-1])
    assert (found["caught"], found["flagged"], found["frames"]) == (1.0, 0.0, None)
    assert set(found["classes"]) == {"a", "b"}


FORMS = (
    *(
        "３ points",
        "²",
        "Ⅷ seeds",
        "XLII seeds",
        "O.O9",
        "ninety-nine of them",
        "two-thirds of it",
        "manifold",
        "tenfold",
    ),
    *(
        "quadrupled",
        "a sextet of parts",
        "an order of magnitude",
        "a twentieth of it",
        "all but done",
        "twenty two",
        "½",
    ),
)


@pytest.mark.parametrize("text", FORMS)
def test_a_number_is_found_in_any_form(text: str) -> None:
    assert numeral(f"There are {text} here.")


@pytest.mark.parametrize(
    "text", ["a two-sided interval", "half precision", "a third party", "at once", "Double descent"]
)
def test_a_term_is_no_number(text: str) -> None:
    assert not numeral(f"It is {text} here.")


ABSTRACT = (
    "Adapts the step of each parameter by running estimates of the moments of its gradient. It never uses momentum."
)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("adapts the step of each parameter", True),
        ("the gradient adapts the parameter", False),
        ("adapts the loss of each parameter", False),
        ("uses momentum", False),
        ("never uses momentum", True),
    ],
)
def test_a_paraphrase_keeps_words_order_and_negation(sentence: str, said: bool) -> None:
    assert paraphrase.says(sentence, [ABSTRACT]) is said


GROUND = Ground(
    works={"lee2020": Work(title="Steps", abstract=ABSTRACT, families=("Lee",))},
    targets={"main": "All metrics on the fresh seeds"},
    record=("The holdout was opened after the search.",),
    improved=True,
)


@pytest.mark.parametrize(
    "sentence",
    [
        "We suspect that smoothing acts on the last layer alone.",
        "Nothing here shows that the recipe carries over.",
        "Whether the recipe carries over remains open.",
        "Lee adapts the step of each parameter {cite:lee2020}.",
        "{ref:main} shows all metrics.",
        "The holdout was opened after the search.",
        "A convolution was not tried.",
        "Forecasts are made in haste.",
    ],
)
def test_what_asserts_nothing_or_is_in_the_record_stands(sentence: str) -> None:
    assert objection(sentence, GROUND) == ""


@pytest.mark.parametrize(
    "sentence",
    [
        "We suspect that the recipe is the best of all.",
        "Nothing but the recipe explains the gain.",
        "There is no doubt that the recipe carries over.",
        "Lee beats all others {cite:lee2020}.",
        "{ref:main} shows that the baseline is ahead.",
        "The holdout was opened before the search.",
        "The holdout was not opened after the search.",
        "It may be noted that the recipe wins.",
        "The gain is {fact:claim.effect}.",
        "We do not claim a cure, but the recipe is one.",
        "Kyoto was where we ran it.",
        "The study has no limits that a reader should know.",
        "That the recipe lasts is beyond dispute.",
        "The frame above is untrue.",
        "Perhaps the ledger was edited by hand.",
        "As {ref:main} shows, all metrics agree.",
    ],
)
def test_what_claims_more_is_cut(sentence: str) -> None:
    assert objection(sentence, GROUND)
