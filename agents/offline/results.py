"""What the sections on the outcome say: results, ablation, sensitivity and discussion."""

from __future__ import annotations

from typing import Any, Literal

from nightlab.agents.offline import claims
from nightlab.agents.offline.outcome import finalists, hypothesis, rivals
from nightlab.agents.team import Brief
from nightlab.agents.telling.words import concern, strategies, strategy, words
from nightlab.experiments.claim.parts.ablation import undecided
from nightlab.experiments.claim.statistics.inference import equal, exact, untested
from nightlab.experiments.ledger.documents.claim import AblatedPart, KnobStep
from nightlab.experiments.ledger.ledger import Trial
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.manuscript.markup import literal

NAMED = 4  # parts, in a sentence on them


def kind(e: Evidence) -> Literal["improved", "none", "unclear"]:
    """Whether the claim is borne out, there was no test, or the test does not bear it out."""
    if e.improved:
        return "improved"
    return "unclear" if e.claim.tested else "none"


def results(b: Brief) -> dict[str, Any]:
    e, told = b.evidence, b.analysis.conclusions
    gains = _kept(e)
    largest = max(gains, key=lambda t: abs((t.verdict and t.verdict.difference) or 0.0), default=None)
    return {
        "largest": largest and {"number": largest.number, "strategies": strategies(e, largest)},
        **finalists.context(e),
        **rivals.context(b),
        "grouped": "group.0.baseline.mean" in e.facts,
        "optimism": "search.optimism" in e.facts,
        "some_failed": bool(e.facts["search.failed"].value),
        "untested_it": untested(e.claim, "it"),
        "importance": told.get("importance", ""),
        "picture": told.get("picture", ""),
    }


def _kept(e: Evidence) -> list[Trial]:
    return [t for t in e.trials if t.verdict and t.verdict.kind == "kept"]


def part(row: AblatedPart) -> str:
    """A part of the best configuration in words."""
    return f"the {words(row.strategy)} of trial `T{row.trial}`"


def some(named: list[str]) -> list[str]:
    """The first of many, and that there are others."""
    return named if len(named) <= NAMED else [*named[:NAMED], "others"]


def whole(e: Evidence) -> str:
    """In words, the part that is all in which the best configuration differs from the baseline; empty if none is."""
    before, best = e.trials[0].change, e.best.change
    for row in e.ablation:
        params = {**best.params, **{knob: before.params[knob] for knob in row.knobs}}
        if (params, row.artifact or best.artifact) == (before.params, before.artifact):
            return words(row.strategy)
    return ""


def largest_part(e: Evidence) -> dict[str, Any]:
    """What a sentence on the ablation says; `top` is the part that is worth most, None where none is borne out."""
    borne = any(r.significant and r.effect > 0 for r in e.ablation)
    top = max(e.ablation, key=lambda r: r.effect) if borne else None
    return {
        "parts": len(e.ablation),
        "whole": whole(e),
        "top": top and {"strategy": words(top.strategy), "trial": top.trial, "key": f"ablation.{top.key}"},
    }


def ablation(b: Brief) -> dict[str, Any]:
    rows = b.evidence.ablation
    helping = sorted((r for r in rows if r.significant), key=lambda r: -r.effect)  # of many the largest are named
    return {
        "parts": len(rows),
        "singly": bool(b.evidence.set_back and b.evidence.best.number),
        "whole": whole(b.evidence),
        "of_knobs": any(r.knobs for r in rows),
        "of_edits": any(not r.knobs for r in rows),
        "all_equal": all(map(equal, rows)),
        "helps": some([f"{part(r)} (by {{fact:ablation.{r.key}.effect}})" for r in helping]),
        "undecided": some([part(r) for r in undecided(b.evidence.ablation)]),
        "idle": some([part(r) for r in rows if exact(r) and r.effect == 0]),
        "harms": some([part(r) for r in rows if r.high < 0]),
        "some_exact": any(map(exact, rows)),
        "some_equal": any(equal(r) and not exact(r) for r in rows),
    }


def sensitivity(b: Brief) -> dict[str, Any]:
    rows = sorted(b.evidence.sensitivity, key=lambda r: -r.effect)
    worst, least = rows[0], b.evidence.preregistration.min_effect
    return {
        "worst": {
            **vars(claims.effect(worst, f"sensitivity.{worst.key}")),
            "knob": words(worst.knob),
            "value": _value(worst),
            "includes_zero": worst.low <= 0 and not equal(worst),
        },
        "better": some([f"{words(r.knob)} at {_value(r)}" for r in rows if r.high < 0 and r.effect < -least]),
    }


def _value(row: KnobStep) -> str:
    return f"`{row.value}`" if isinstance(row.value, str) else f"{{fact:sensitivity.{row.key}.value}}"


def discussion(b: Brief) -> dict[str, Any]:
    e = b.evidence
    kept = _kept(e)
    return {
        **hypothesis.context(b),
        "kept": len(kept),
        "concerned": [strategy(s) for s in dict.fromkeys(name for t in kept for name in concern(e, t))],
        "failures": b.analysis.conclusions.get("failures", ""),
    }


def replication(b: Brief) -> dict[str, Any]:
    """The claim on further pairs of runs."""
    e, found = b.evidence, b.evidence.replication
    assert found is not None
    id = "replication.p"
    return {
        "split": found.split,
        "equal": equal(found),
        "agrees": found.significant == e.claim.significant,
        "p": f"{{fact:{id}}}" if e.facts[id].text.startswith("<") else f"= {{fact:{id}}}",
    }


def further(kind: str, b: Brief) -> dict[str, Any]:
    """A test beside the claim that reviewers asked for. better, worse: what its interval, or all of its pairs, say."""
    e, found = b.evidence, b.evidence.test(kind)
    assert found is not None
    id, data = f"{kind}.p", e.template.spec.data
    told = {
        "kind": kind,
        "split": found.plan.split,
        "equal": equal(found),
        "better": found.low > 0,
        "worse": found.high < 0,
        "p": f"{{fact:{id}}}" if e.facts[id].text.startswith("<") else f"= {{fact:{id}}}",
        "trial": found.plan.trial,
        "metric": words(found.plan.metric),
        "policy": found.plan.policy,
        "name": literal(data.second_name) if data else "",
        "redraws": e.template.redraws,
    }
    return {"test": told}
