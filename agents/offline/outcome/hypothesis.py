"""The hypothesis of the idea, answered part by part by a stated rule.

A part says by what it is to be answered, in a closed vocabulary: `improves`, by the confirmation; `several`, `helps
NAME` and `more NAME NAME`, by what taking strategies and knobs out of the best configuration costs. `helps KNOB WAY` is
answered where the best has moved the knob that way. Where an idea names no parts, it is read as an improvement to which
each of its strategies contributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from nightlab.agents.offline.outcome.recipe import effects
from nightlab.agents.offline.wording import caption
from nightlab.agents.team import Brief, Idea
from nightlab.agents.telling.words import concern, listed, words
from nightlab.experiments.ledger.documents.claim import AblatedPart
from nightlab.experiments.records import Effect
from nightlab.experiments.template.ideas import HypothesisPart
from nightlab.papers.facts.evidence import BASELINE, Evidence
from nightlab.papers.manuscript.manuscript import Table
from nightlab.papers.manuscript.markup import literal

Verdict = Literal["supported", "refuted", "open", "not tested"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A part of the hypothesis in words, what answers it as markup, and what it says."""

    says: str
    by: str
    verdict: Verdict


def asked(b: Brief) -> Sequence[HypothesisPart]:
    """The parts of the hypothesis: its author's, or as it is read."""
    return b.idea.parts or _read(b.idea, b.evidence)


def answers(b: Brief) -> list[Answer]:
    quoted = bool(b.idea.parts)
    return [
        Answer(says=f"“{literal(part.says)}”" if quoted else part.says, by=by, verdict=verdict)
        for part in asked(b)
        for by, verdict in [_answer(b.evidence, part.by.split())]
    ]


def _read(idea: Idea, e: Evidence) -> list[HypothesisPart]:
    metric = words(e.template.fitness_label)
    found = [HypothesisPart(says=f"The {metric} improves", by="improves")]
    return found + [HypothesisPart(says=f"The {words(s)} contributes", by=f"helps {s}") for s in idea.strategies]


def _answer(e: Evidence, by: Sequence[str]) -> tuple[str, Verdict]:
    match by:
        case ["improves"]:
            return _improves(e)
        case ["several"]:
            return _several(e)
        case ["helps", name]:
            return _helps(name, _losses(e, name))
        case ["helps", knob, way]:
            lacking = _elsewhere(e, knob, way)
            return (lacking, "not tested") if lacking else _helps(knob, _alone(e, knob))
        case ["more", first, second]:
            return _more(e, first, second)
        case _:
            return "no evidence of this study", "not tested"


def _improves(e: Evidence) -> tuple[str, Verdict]:
    claim, told = e.claim, "the confirmation ({ref:confirmation})"
    if not claim.tested:
        return "no test took place", "not tested"
    if e.improved:
        return told, "supported"
    return told, "refuted" if claim.high <= e.preregistration.min_effect else "open"


def _several(e: Evidence) -> tuple[str, Verdict]:
    if not e.ablation:
        return "no ablation", "not tested"
    tried = {name for t in e.trials[1:] for name in concern(e, t)}
    if len(tried) < 2:
        return f"trials that concern the {words(*tried)} alone" if tried else "no trial", "not tested"
    helping = {row.strategy for row in e.ablation if row.significant and row.effect > 0}
    possible = {row.strategy for row in e.ablation if row.high > 0}
    shared = e.improved and len(helping) > 1  # there must be a gain to contribute to
    verdict: Verdict = "supported" if shared else "refuted" if len(possible) < 2 else "open"
    return f"the ablation ({{ref:{_PARTS}}})", verdict


def _losses(e: Evidence, name: str) -> list[tuple[Effect, bool, str]]:
    """What taking out a strategy, or a knob alone, costs: effects, whether each is borne out, and where it stands."""
    if not e.best.number:
        return []
    rows = [row for row in e.ablation if row.strategy == name]
    if rows:
        return [(row, row.significant, _PARTS) for row in rows]
    return _alone(e, name)


def _alone(e: Evidence, knob: str) -> list[tuple[Effect, bool, str]]:
    rows = [row for row, _ in effects(e, knob)]
    return [(row, row.significant if isinstance(row, AblatedPart) else row.low > 0, "recipe") for row in rows]


def _elsewhere(e: Evidence, knob: str, way: str) -> str:
    """That the best has not moved a knob up or down, or to one of these values; empty where it has."""
    before, now = (trial.change.params[knob] for trial in (e.trials[BASELINE], e.best))
    if way in ("up", "down") and not isinstance(before, str) and not isinstance(now, str):
        there, told = now > before if way == "up" else now < before, "larger" if way == "up" else "smaller"
        return "" if there else f"the best configuration has no {told} {words(knob)}"
    wanted = way.split("|")
    if now != before and str(now) in wanted:
        return ""
    return f"the best configuration has not changed its {words(knob)} to {' or '.join(map(words, wanted))}"


def _helps(name: str, found: Sequence[tuple[Effect, bool, str]]) -> tuple[str, Verdict]:
    if not found:
        return f"the best configuration holds no tested change of {words(name)}", "not tested"
    told = f"taking out the {words(name)} ({{ref:{found[0][2]}}})"
    if any(borne and row.effect > 0 for row, borne, _ in found):
        return told, "supported"
    return told, "refuted" if all(row.high <= 0 for row, _, _ in found) else "open"


def _more(e: Evidence, first: str, second: str) -> tuple[str, Verdict]:
    ours, theirs = _losses(e, first), _losses(e, second)
    lacking = [words(name) for name, found in ((first, ours), (second, theirs)) if not found]
    if lacking:
        return f"the best configuration holds no tested change of {listed(lacking)}", "not tested"
    (low, high), (other_low, other_high) = (_most(found) for found in (ours, theirs))
    places = listed([f"{{ref:{place}}}" for place in dict.fromkeys((ours[0][2], theirs[0][2]))])
    told = f"the losses without {words(first)} and without {words(second)} ({places})"
    return told, "supported" if low > other_high else "refuted" if other_low > high else "open"


def _most(found: Sequence[tuple[Effect, bool, str]]) -> tuple[float, float]:
    """The interval of the largest of some losses."""
    return max((row.effect, row.low, row.high) for row, _, _ in found)[1:]


_PARTS = "ablation-table"


def table(b: Brief) -> Table:
    return Table(
        "hypothesis",
        caption("hypothesis", b.evidence, divided=bool(b.idea.parts)),
        ("Part", "Answered by", "Answer"),
        tuple((a.says, a.by, a.verdict) for a in answers(b)),
        "XXl",
    )


def context(b: Brief) -> dict[str, Any]:
    """What a sentence says of the answers."""
    found = answers(b)
    kinds = get_args(Verdict)
    groups = {kind: [a.says for a in found if a.verdict == kind] for kind in kinds}
    return {"answered": {kind: listed(says) for kind, says in groups.items() if says}}
