"""What frames say of a claim: found and claimed, found and not claimed, not found, and a loss."""

from __future__ import annotations

import re
from typing import Any

import pytest

from nightlab.experiments.claim.scope import withheld
from nightlab.experiments.ledger.documents.claim import Claim
from nightlab.experiments.records import Fact
from nightlab.papers.audit.ground import PLANNED, protocol
from nightlab.papers.frames import course, outcome
from nightlab.papers.frames.frames import REGISTRY
from nightlab.papers.frames.record import Record

BEHIND = "runs failed more often"


def recorded(low: float, high: float, p: float, best: float = 0.7, **more: Any) -> Record:
    """A study whose claim has this interval; the baseline's loss is 1, between 0.9 and 1.1."""
    values = {"claim.effect": (low + high) / 2, "claim.low": low, "claim.high": high, "claim.p": p, "claim.n": 8.0}
    values |= {"claim.failed": 0.0, "search.kept": 2.0, "setting.level": 0.05}
    for split in ("dev", "holdout"):
        for who, mean in (("baseline", 1.0), ("best", best)):
            ends = {"mean": mean, "stderr": 0.05, "low": mean - 0.1, "high": mean + 0.1}
            values |= {f"{who}.{split}.{end}": value for end, value in ends.items()}
    facts = {id: Fact(id=id, value=value, text=str(value), formula="") for id, value in values.items()}
    return Record(**{"facts": facts, "metric": "loss", "lower": True, "split": "holdout", "best": 1, **more})


def said(r: Record) -> str:
    frames = [*outcome.claim(r), *outcome.test(r), *outcome.values(r)]
    return " ".join(text for _, phrasings in frames for text in phrasings)


NOT_FOUND = ("within the noise", "does not tell", "is not significant")


@pytest.mark.parametrize(
    ("record", "told", "untold"),
    [
        (recorded(0.1, 0.3, 0.001, improved=True), ("is significant", "beats"), NOT_FOUND),
        (
            recorded(0.1, 0.3, 0.001, improved=False, unclaimed=BEHIND),
            ("is significant", BEHIND),
            (*NOT_FOUND, "beats"),
        ),
        (recorded(-0.1, 0.3, 0.2, improved=False), NOT_FOUND, ("is significant", "beats")),
        (recorded(-0.3, -0.1, 1.0, 1.3, improved=False), ("is a loss", "higher than"), ("within the noise", "beats")),
    ],
)
def test_an_effect_is_told_as_the_test_found_it(record: Record, told: tuple[str, ...], untold: tuple[str, ...]) -> None:
    text = said(record)
    assert [words for words in told if words not in text] == []
    assert [words for words in untold if words in text] == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"significant": True, "p_value": 0.01}, ""),
        ({"significant": False, "p_value": 0.2}, ""),
        ({"significant": False, "p_value": 0.2, "withheld": "reliability"}, ""),
        ({"significant": False, "p_value": 0.01, "withheld": "constraint", "broken": ("size",)}, "constraint on size"),
        ({"significant": False, "p_value": 0.01}, "no larger than the smallest effect"),
    ],
)
def test_why_an_improvement_is_not_claimed(body: dict[str, Any], why: str) -> None:
    effect = {"effect": 0.2, "low": 0.1, "high": 0.3, "n": 8, "test": "t"}
    claim = Claim(best=1, split="dev", tested=True, level=0.025, **effect, **body)
    assert why in withheld(claim)
    assert bool(why) == bool(withheld(claim))


def test_a_part_is_significant_where_the_ablation_says_so() -> None:
    r = recorded(0.1, 0.3, 0.001, improved=True)
    ends = {"effect": 0.2, "low": 0.1, "high": 0.3, "p": 0.03}
    more = {f"ablation.x.{end}": Fact(id=end, value=v, text=str(v), formula="") for end, v in ends.items()}
    for helps, verdict in ((["x"], "is significant"), ([], "cannot tell")):
        told = Record(**{**vars(r), "facts": {**r.facts, **more}, "parts": {"x": "width"}, "helps": helps})
        assert verdict in dict(course.ablation(told))["part x"][0]


@pytest.mark.parametrize(
    ("helps", "told"),
    [("xyz", "All of the parts"), ("", "None of the parts"), ("xy", "All but one"), ("x", "Of the parts, width")],
)
def test_which_parts_are_significant_is_said_of_all_of_them(helps: str, told: str) -> None:
    r = recorded(0.1, 0.3, 0.001, improved=True)
    parts = {"x": "width", "y": "decay", "z": "step"}
    ends = {"effect": 0.2, "low": 0.1, "high": 0.3, "p": 0.03}
    more = {f"ablation.{k}.{e}": Fact(id=e, value=v, text=str(v), formula="") for k in parts for e, v in ends.items()}
    frames = dict(course.ablation(Record(**{**vars(r), "facts": {**r.facts, **more}, "parts": parts, "helps": helps})))
    assert frames["parts significant"][0].startswith(told)
    assert all(parts[key] in frames["parts significant"][0] for key in parts.keys() - set(helps))


@pytest.mark.parametrize(("least", "told"), [(0.1, "is larger"), (0.2, "is not larger"), (0.5, "is not larger")])
def test_the_effect_is_told_beside_the_smallest_that_is_worth_keeping(least: float, told: str) -> None:
    r = recorded(0.1, 0.3, 0.001, improved=True)
    more = {"setting.min_effect": Fact(id="setting.min_effect", value=least, text=str(least), formula="")}
    assert told in dict(outcome.smallest(Record(**{**vars(r), "facts": {**r.facts, **more}})))["smallest"][0]


def test_a_claim_over_draws_speaks_of_draws_and_says_what_it_holds_for() -> None:
    r = recorded(0.1, 0.3, 0.001, improved=True, row="fresh draw", population="seeds and data draws")
    assert "seed" not in said(r)
    assert "seeds and data draws" in dict(outcome.scope(r))["scope"][0]


def test_a_t_test_is_spoken_of_where_one_was_made_and_one_side_where_any_was() -> None:
    without, with_one = (" ".join(protocol(PLANNED | more)) for more in (frozenset(), {"t_test"}))
    assert "t-test" not in without
    assert "roughly normal" not in without
    assert "the test is one-sided" in without.lower()
    assert "paired t-test" in with_one


@pytest.mark.parametrize(("share", "little"), [(0.5, False), (0.02, False), (0.004, True), (0.0, True)])
def test_a_share_is_called_next_to_none_where_it_is_and_the_metric_has_one_name(share: float, little: bool) -> None:
    r = recorded(0.1, 0.3, 0.001, improved=True, defaults={"width": 8}, row="fresh draw")
    more = {"importance.width": Fact(id="importance.width", value=share, text="s", formula="")}
    more["ablation.seeds"] = Fact(id="ablation.seeds", value=8, text="8", formula="")
    told = Record(**{**vars(r), "facts": {**r.facts, **more}})
    frames = dict((*course.importances(told), *course.ablation(told)))
    assert ("next to none" in frames["importance width"][0]) is little
    assert "by loss" in frames["importance width"][0]
    assert "8 draws" in frames["ablation seeds"][0].replace("{fact:ablation.seeds}", "8")
    assert "fitness" not in " ".join(" ".join(phrasings) for phrasings in frames.values())


COUNTS = ("search.trials", "search.kept", "search.reverted", "search.failed", "search.aside", "overseer.notices")
COUNTS += ("runs.search", "runs.confirm", "runs.ablate", "runs.sensitivity", "runs.all", "claim.n", "claim.failed")
COUNTS += ("ablation.seeds", "sensitivity.seeds", "reach.knobs", "reach.strategies", "setting.trials")
COUNTS += ("setting.seeds", "setting.confirm_seeds", "setting.workers")
NOUNS = ["trial", "change", "run", "notice", "seed", "draw", "pair", "knob", "replicate", "worker"]


@pytest.mark.parametrize("count", [0, 1, 2])
@pytest.mark.parametrize("found", [(0.1, 0.3, 0.001), (-0.1, 0.3, 0.2)])
def test_every_count_agrees_with_its_noun_and_its_verb(count: int, found: tuple[float, float, float]) -> None:
    r = recorded(*found, improved=found[2] < 0.05)
    more = {id: Fact(id=id, value=float(count), text=str(count), formula="") for id in COUNTS}
    told = Record(**{**vars(r), "facts": {**r.facts, **more}})
    frames = [text for kind in REGISTRY for _, phrasings in kind(told) for text in phrasings]
    text = re.sub(r"\{fact:([^}]+)\}", lambda m: str(count) if m[1] in COUNTS else "x.y", " ".join(frames))
    assert len(re.findall(rf"\b{count}\b", text)) >= len(COUNTS)
    many, one = [f"{noun}s" for noun in NOUNS] + ["strategies", "were"], [*NOUNS, "strategy", "was"]
    wrong = many if count == 1 else one
    assert re.findall(rf"\b{count} (?:fresh )?(?:{'|'.join(wrong)})\b", text) == []
    assert re.findall(rf"\b{count} (?:fresh )?(?:{'|'.join(one if count == 1 else many)})\b", text)
    assert ("none of them" in text, "bear it out" in text) == (
        (count == 2, count == 1) if found[2] > 0.05 else (False, False)
    )
