"""What the sections around the study say: title, abstract, introduction, limitations, conclusion and the appendix."""

from __future__ import annotations

from typing import Any

from nightlab.agents.actions.registry import actions
from nightlab.agents.offline import results
from nightlab.agents.offline.outcome import hypothesis, rivals
from nightlab.agents.offline.wording import caption
from nightlab.agents.team import Brief
from nightlab.agents.telling.words import VERDICT_SEEDS, source, varied, words
from nightlab.experiments.claim.further import DRAWS, SECOND
from nightlab.experiments.claim.parts.ablation import undecided
from nightlab.papers.audit.naming import praise
from nightlab.papers.audit.numerals import numeral
from nightlab.papers.manuscript.listing import Listing, cut
from nightlab.papers.manuscript.markup import literal


def title(b: Brief) -> dict[str, Any]:
    """What was varied, under the idea's name if it was borne out, and under the task's if not: ideas promise.

    An idea's name that boasts or holds a number is left out.
    """
    return {
        "varied": varied(b.evidence),
        "named": not praise(b.idea.title),
        "task": literal(b.evidence.template.spec.template.title),
    }


def abstract(b: Brief) -> dict[str, Any]:
    e = b.evidence
    return {
        **results.largest_part(e),
        "rivals_ahead": rivals.ahead(e),
        "source": source(e) if e.template.trust == "reported" else "",
    }


def introduction(b: Brief) -> dict[str, Any]:
    return {
        "description": literal(b.evidence.template.spec.template.description),
        "parts": len(b.evidence.ablation),
        "whose": _whose(b),
    }


def _whose(b: Brief) -> str:
    """Who worded the idea; empty if the offline ideator made it of the template's names."""
    if b.idea.proposer:
        return f"the model {literal(b.idea.proposer)}"
    return "the template's author" if any(i.key == b.idea.key for i in b.evidence.template.ideas) else ""


def limitations(b: Brief) -> dict[str, Any]:
    e = b.evidence
    optimism = e.facts.get("search.optimism")
    return {
        "notes": e.notes,
        "precedents": "precedents.before" in e.facts,
        "optimism": optimism.value if optimism else None,
        "level": e.level,
        "undecided": [results.part(row) for row in undecided(e.ablation)],
        "by_model": bool(b.model),
        "second": e.test(SECOND) is not None,
        "further_draws": e.test(DRAWS) is not None,
    }


def conclusion(b: Brief) -> dict[str, Any]:
    e = b.evidence
    told = {"rivals_ahead": rivals.ahead(e), "second": e.test(SECOND) is not None}
    return {**results.largest_part(e), **hypothesis.context(b), **told}


def trials(b: Brief) -> dict[str, Any]:  # noqa: ARG001
    return {"verdict_seeds": VERDICT_SEEDS}


def reproduction(b: Brief) -> dict[str, Any]:
    """How a reader repeats the study."""
    e = b.evidence
    added = [key for key in e.facts if key.startswith("setting.trials.extension.")]
    return {
        "template": e.template.name,
        "trials": "setting.trials.first" if added else "setting.trials",
        "added": [f"`nightlab resume --trials +{{fact:{key}}}`" for key in added],
        "alone": e.settings.workers == 1,
        "keyed": bool(e.settings.key),
        "modelled": b.modelled,
    }


def replies(b: Brief) -> dict[str, Any]:
    """What the panel asked for, and what became of it. A wording that holds a number, which no fact bears, is left
    out, and so is a model's own, which nothing verifies."""
    known, points = actions(), []
    for answer in b.answers:
        asked, action = answer.request, known.get(answer.request.action)
        own = action is not None and asked.kind == "evidence" and not numeral(asked.text)
        points.append(
            {
                "name": words(asked.action),
                "by": [f"the reviewer on {words(name)}" for name in answer.asked_by] or ["the panel"],
                "asked": literal(asked.text) if own else f"a change concerning the {words(asked.action)}.",
                "declined": literal(answer.reason) if answer.kind == "decline" else "",
                "open": literal(answer.reason) if answer.kind == "open" else "",
                "done": action.answer(b) if action else f"wrote the {words(asked.action)} again",
            }
        )
    return {"points": points}


def code(b: Brief) -> dict[str, Any]:
    """The edits that were kept."""
    keys = [c.key for c in listings(b)]
    return {"keys": keys, "edits": [f"{{ref:{key}}}" for key in keys] or ["none"]}


def listings(b: Brief) -> tuple[Listing, ...]:
    """The edits that were kept, in a paper that can say how much of them it shows."""
    found = []
    for number, diff in b.evidence.changes.items() if "listing.lines" in b.evidence.facts else ():
        shown, more = cut(diff)
        told = caption("listing", b.evidence, trial=number, more=more)
        found.append(Listing(f"change-{number}", told, shown))
    return tuple(found)
