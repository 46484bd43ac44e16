"""Writing without a language model: plain, correct prose out of facts.

The words of a section stand in `sections/NAME.jinja`, and what is said there is computed here and in the modules
beside: a small context of names for each section. Numbers enter as `{fact:ID}` only: no sentence can say what no run
showed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from nightlab.agents.actions import actions
from nightlab.agents.offline import claims, framing, literature, methods, results
from nightlab.agents.offline.outcome import hypothesis
from nightlab.agents.team import Brief
from nightlab.agents.telling.rendering import environment
from nightlab.agents.telling.words import listed, many, noun, words
from nightlab.papers.manuscript.manuscript import Manuscript, Section
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
    "replies": "Response to the reviewers",
}
BEFORE = ("introduction", "related", "method", "setup", "results", "ablation")
AFTER = ("discussion", "limitations", "conclusion")  # what the actions' experiments tell
BEHIND = ("trials", "reproduction")
CONTEXTS: Mapping[str, Callable[[Brief], Mapping[str, Any]]] = {
    "title": framing.title,
    "abstract": framing.abstract,
    "introduction": framing.introduction,
    "related": literature.related,
    "method": methods.method,
    "setup": methods.setup,
    "results": results.results,
    "ablation": results.ablation,
    "sensitivity": results.sensitivity,
    "discussion": results.discussion,
    "limitations": framing.limitations,
    "conclusion": framing.conclusion,
    "trials": framing.trials,
    "code": framing.code,
    "reproduction": framing.reproduction,
    "replication": results.replication,
    "replies": framing.replies,
}


class OfflineWriter:
    """Writes the paper of a study: a positive one if the confirmation bears the claim, else an honest negative one."""

    def write(self, brief: Brief) -> Manuscript:
        made = {key: _section(key, brief) for key in (*BEFORE, *AFTER, *BEHIND)}
        t = brief.evidence.template
        told = [(a.kind, s) for a in actions().values() if (s := a.section(brief))]
        edited = [_section("code", brief)] if framing.listings(brief) else []
        answered = [_section("replies", brief)] if brief.answers else []
        return Manuscript(
            title=text("title", brief),
            authors_note=brief.team,
            abstract=text("abstract", brief),
            keywords=tuple(words(k) for k in (t.metric_label, *brief.evidence.idea_strategies)),
            sections=(
                *(made[key] for key in BEFORE),
                *(s for kind, s in told if kind == "evidence"),
                *(made[key] for key in AFTER),
            ),
            appendix=(
                made["trials"],
                *edited,
                made["reproduction"],
                *(s for kind, s in told if kind == "text"),
                *answered,
            ),
            figures=brief.analysis.figures,
            tables=(*brief.analysis.tables, hypothesis.table(brief)),
            listings=framing.listings(brief),
        )


def _section(name: str, brief: Brief) -> Section:
    return Section(name, HEADINGS[name], text(name, brief))


def text(name: str, brief: Brief) -> str:
    """The markup of one section."""
    template = environment(FOLDER).get_template(f"{name}.jinja")
    return _flowed(template.render(common(brief), **CONTEXTS[name](brief)))


def common(b: Brief) -> dict[str, Any]:
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


def _flowed(source: str) -> str:
    """One line a paragraph and a list's item, one blank line between blocks, however the file is broken."""
    blocks = ("\n".join(line.strip() for line in block.splitlines()) for block in re.split(r"\n\s*\n", source.strip()))
    return "\n\n".join(re.sub(r"\n(?!- )", " ", block) for block in blocks)
