"""Analysis without a language model: facts, figures, tables, and sentences that cite facts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from nightlab.agents.actions.registry import actions
from nightlab.agents.offline.outcome import curves, finalists, groups, importance, plotting, recipe, tabulating, views
from nightlab.agents.offline.wording import passage
from nightlab.agents.team import Analysis
from nightlab.agents.telling.words import words
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.facts.facts import Facts
from nightlab.papers.facts.formulas.counts import counted
from nightlab.papers.facts.registry import Value, formula


class OfflineAnalyst:
    def __init__(self, seed: int) -> None:
        self._seed = seed

    def draw(self, evidence: Evidence, folder: Path, stage: str) -> None:
        self.analyse(evidence, folder, stage)

    def analyse(self, evidence: Evidence, folder: Path, stage: str) -> Analysis:  # noqa: ARG002
        facts = Facts(evidence)
        shares = importance.add(facts, self._seed)
        curves.add(facts)
        facts.count("table.trials", "listed_trials")
        for add in (finalists.add, recipe.add, groups.add, views.add, *(action.facts for action in actions().values())):
            add(facts)
        whole = replace(evidence, facts={**evidence.facts, **facts})
        drawn = [
            plotting.progress(evidence, folder),
            *plotting.confirmation(evidence, folder),
            *plotting.ablation(evidence, folder),
            *plotting.response(evidence, folder, shares),
            *curves.figure(evidence, folder),
            *views.figures(evidence, folder),
            *(figure for action in actions().values() for figure in action.figures(evidence, folder)),
        ]
        return Analysis(
            facts=facts,
            figures=tuple(drawn),
            tables=tabulating.tables(whole),
            conclusions={
                "importance": "\n\n".join(
                    part
                    for part in (
                        importance.paragraphs(evidence, shares),
                        curves.paragraphs(evidence),
                        views.paragraphs(evidence),
                    )
                    if part
                ),
                "failures": _failures(evidence),
            },
        )


@formula("trials that the paper's table lists")
def listed_trials(e: Evidence) -> Value:
    return counted(e, tabulating.listed_trials(e))


def _failures(e: Evidence) -> str:
    causes = sorted({t.verdict.cause for t in e.trials if t.verdict and t.verdict.kind == "failed"})
    if not causes:
        return ""
    return passage("failures", e, causes=[f"{{fact:search.failed.{c}}} by {words(c)}" for c in causes])
