"""The words of the paper: Jinja files in `sections/`, one for each section, one for captions, one for passages.

What a file says is computed elsewhere: a small context of names for each. Numbers enter as `{fact:ID}` only: no
sentence can say what no run showed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from nightlab.agents.offline import claims
from nightlab.agents.team import Brief
from nightlab.agents.telling.rendering import environment, flowed
from nightlab.agents.telling.words import VERDICT_SEEDS, listed, many, noun, words
from nightlab.experiments.claim.scope import row
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.manuscript.manuscript import Section
from nightlab.papers.manuscript.markup import literal

FOLDER = Path(__file__).parent / "sections"
HEADINGS = {
    "introduction": "Introduction",
    "related": "Related work",
    "method": "Method",
    "setup": "Experimental set-up",
    "results": "Results",
    "ablation": "Ablation",
    "sensitivity": "Sensitivity",
    "discussion": "Discussion",
    "limitations": "Limitations",
    "conclusion": "Conclusion",
    "trials": "All trials",
    "code": "The changed code",
    "reproduction": "How to repeat the study",
    "replication": "Replication",
    "again": "A second search",
    "stress": "At the baseline's bound",
    "second": "A second task",
    "draws": "Further draws of the data",
    "replies": "Response to the reviewers",
}
Context = Mapping[str, Any]


def section(name: str, b: Brief, context: Context) -> Section:
    return Section(name, HEADINGS[name], worded(name, b, context))


def worded(name: str, b: Brief, context: Context) -> str:
    """The markup of one section, or of title or abstract."""
    return flowed(environment(FOLDER).get_template(f"{name}.jinja").render(_of_study(b), **context))


def caption(key: str, e: Evidence, **context: Any) -> str:
    """The caption of the figure, table or listing of this key."""
    return _said("captions", key, e, context)


def passage(name: str, e: Evidence, **context: Any) -> str:
    """Paragraphs of the analysis."""
    return _said("passages", name, e, context)


def _said(file: str, name: str, e: Evidence, context: Context) -> str:
    names = {
        "listed": listed,
        "many": partial(many, e),
        "metric": words(e.template.fitness_label),
        "unit": noun(e),
        "row": row(e.claim),
        "split": e.claim.split,
        "fined": e.template.fined,
        "verdict_seeds": VERDICT_SEEDS,
    }
    macros = environment(FOLDER).get_template(f"{file}.jinja").make_module({**names, **context})
    return flowed(getattr(macros, name.replace("-", "_"))())


def _of_study(b: Brief) -> dict[str, Any]:
    """What every section may speak of."""
    e, t = b.evidence, b.evidence.template
    return {
        "listed": listed,
        "many": partial(many, e),
        "claim": claims.claim(e),
        "draws": bool(e.claim.draws),
        "unit": noun(e),
        "smallest": "setting.smallest" in e.facts,
        "relative": "claim.relative" in e.facts and e.facts["claim.relative"].value > 0,
        "first": claims.first(e),
        "extended": bool(e.earlier),
        "forked": "Origin" in e.notes,
        "fresh_data": e.fresh_data,
        "metric": words(t.fitness_label),
        "in_unit": f" in {literal(t.spec.objective.unit)}" if t.spec.objective.unit else "",
        "problem": t.exact,
        "verified": t.trust == "verified",
        "doubts": bool(t.doubts),
        "strict": e.settings.rule == "strict",
        "knobs": bool(t.knobs),
        "edits": bool(e.edits),
        "prepared": bool(t.spec.data),
        "idea": {
            "title": literal(b.idea.title.rstrip(".")),
            "question": literal(b.idea.question),
            "hypothesis": literal(b.idea.hypothesis).rstrip("."),
            "expected": literal(b.idea.expected_effect),
            "risks": literal(b.idea.risks),
        },
    }
