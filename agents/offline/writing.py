"""Writing without a language model: plain, correct prose out of facts, section by section."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from nightlab.agents.actions.registry import actions
from nightlab.agents.offline import framing, literature, methods, results
from nightlab.agents.offline.outcome import hypothesis
from nightlab.agents.offline.wording import Context, section, worded
from nightlab.agents.team import Brief
from nightlab.agents.telling.words import words
from nightlab.experiments.claim.further import SIDES
from nightlab.papers.manuscript.manuscript import Manuscript, Section

BEFORE = ("introduction", "related", "method", "setup", "results", "ablation")
AFTER = ("discussion", "limitations", "conclusion")  # what the actions' experiments tell
BEHIND = ("trials", "reproduction")
CONTEXTS: Mapping[str, Callable[[Brief], Context]] = {
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
    **{kind: partial(results.further, kind) for kind in SIDES},
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
    return section(name, brief, CONTEXTS[name](brief))


def text(name: str, brief: Brief) -> str:
    """The markup of one section, or of title or abstract."""
    return worded(name, brief, CONTEXTS[name](brief))
