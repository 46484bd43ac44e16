"""Analysis without a language model: importance of the knobs, figures, tables, and sentences that cite facts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from nightlab.agents.actions import actions
from nightlab.agents.offline import tabulating
from nightlab.agents.offline.outcome import curves, finalists, groups, importance, recipe
from nightlab.agents.team import Analysis
from nightlab.agents.telling.words import VERDICT_SEEDS, listed, many, noun, words
from nightlab.experiments.claim.scope import row
from nightlab.experiments.ledger.documents.claim import KnobStep
from nightlab.experiments.ledger.ledger import by_verdict
from nightlab.experiments.records import Knob
from nightlab.papers.facts.counts import counted
from nightlab.papers.facts.evidence import Evidence, confirmed
from nightlab.papers.facts.facts import Facts
from nightlab.papers.facts.registry import Value, formula
from nightlab.papers.figures import figures
from nightlab.papers.figures.curve import point
from nightlab.papers.figures.figures import Bar, Panel, Point, Share
from nightlab.papers.manuscript.manuscript import Figure

SHOWN_KNOBS = 6
SHOWN_BARS = 10
SAMPLED = "{fact:importance.trials} of the trials that met the constraints, evenly spaced by their numbers"


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
        for add in (finalists.add, recipe.add, groups.add, *(action.facts for action in actions().values())):
            add(facts)
        whole = replace(evidence, facts={**evidence.facts, **facts})
        drawn = [
            _progress(evidence, folder),
            *_confirmation(evidence, folder),
            *_ablation(evidence, folder),
            *_response(evidence, folder, shares),
            *curves.figure(evidence, folder),
            *(figure for action in actions().values() for figure in action.figures(evidence, folder)),
        ]
        return Analysis(
            facts=facts,
            figures=tuple(drawn),
            tables=tabulating.tables(whole),
            conclusions={
                "importance": f"{importance.told(evidence, shares)}\n\n{curves.told(evidence)}".strip(),
                "failures": _failures(evidence),
            },
        )


@formula("trials that the paper's table lists")
def listed_trials(e: Evidence) -> Value:
    return counted(e, tabulating.listed_trials(e))


def _progress(e: Evidence, folder: Path) -> Figure:
    points = [point(t, [v for _, v in e.search_scores(t.number)]) for t in by_verdict(e.trials)]
    ring = " The star is the trial that went to the confirmation." if e.best.number else ""
    figures.progress(folder / "figures/progress.pdf", points, _label(e, "dev"), e.best.number or None)
    return Figure(
        "progress",
        "figures/progress.pdf",
        f"The search: {words(e.template.fitness_label)} of each trial, its mean on {VERDICT_SEEDS}, development split,"
        " in the order of the verdicts. The line is the incumbent, the dashed line the baseline."
        f" {_marks(points)}{ring}{tabulating.penalised(e)}",
    )


def _marks(points: Sequence[Point]) -> str:
    """How the trials that were not kept are drawn."""
    verdicts = [p.verdict for p in points]
    reverted = (
        "Trials beyond the axis are arrows at its edge"
        if verdicts.count("reverted") <= figures.DOTS
        else "The reverted trials are too many for a mark each: the bands hold their middle half and all but the"
        " lowest and highest twentieth of neighbouring ones"
    )
    failed = "failed ones ticks below"
    if verdicts.count("failed") > figures.TICKS:
        failed = "failed ones ticks below, evenly spaced ones of many"
    return f"{reverted}, {failed}."


def _confirmation(e: Evidence, folder: Path) -> list[Figure]:
    if e.best.number == 0:
        return []
    splits = ["dev", "holdout"] if e.claim.split == "holdout" else ["dev"]
    values = {subject: {split: _confirmed(e, subject, split) for split in splits} for subject in ("baseline", "best")}
    file = "figures/confirmation.pdf"
    figures.confirmation(folder / file, values["baseline"], values["best"], _label(e))  # type: ignore[arg-type]
    caption = (
        f"The confirmation: baseline and best configuration on the same {row(e.claim)}s, one line a pair, with means"
        " and {fact:setting.coverage} intervals."
    )
    return [Figure("confirmation", file, caption)]


def _confirmed(e: Evidence, subject: str, split: Any) -> list[float]:
    return [value for run in confirmed(e, subject) if (value := e.fitness(run, split)) is not None]


def _ablation(e: Evidence, folder: Path) -> list[Figure]:
    if not e.ablation:
        return []
    rows = [
        Bar(
            label=f"{r.strategy.replace('_', ' ')} (trial {r.trial})",
            effect=r.effect,
            low=r.low,
            high=r.high,
            significant=r.low > 0 or r.high < 0,
        )
        for r in sorted(e.ablation, key=lambda r: -r.effect)
    ]
    figures.ablation(folder / "figures/ablation.pdf", rows, f"{_label(e, 'dev')} lost without the part")
    caption = (
        "Ablation: what the best configuration loses when one of its parts is taken out, on"
        f" {many(e, 'ablation.seeds', noun(e))}, with {{fact:setting.coverage}} intervals of the paired difference, not"
        " corrected for their number."
    )
    return [Figure("ablation-intervals", "figures/ablation.pdf", caption)]


def _response(e: Evidence, folder: Path, shares: importance.Shares) -> list[Figure]:
    rows = importance.scored(e)
    knobs = {k.name: k for k in e.template.knobs}
    if not shares:
        return []
    panels = [
        Panel(
            knob=name.replace("_", " "),
            values=[_shown(knobs[name], t.change.params[name]) for t, _ in rows],
            scores=[value for _, value in rows],
            verdicts=[t.verdict.kind for t, _ in rows if t.verdict],
            log=knobs[name].log,
            confirmed=next((i for i, (t, _) in enumerate(rows) if t.number == (e.best.number or None)), None),
        )
        for name in list(shares)[:SHOWN_KNOBS]
    ]
    figures.response(folder / "figures/response.pdf", panels, _label(e, "dev"))
    crowded = panels[0].verdicts.count("reverted") > figures.DOTS
    bars = [
        Share(label=name.replace("_", " "), value=median(found), low=min(found), high=max(found))
        for name, found in list(shares.items())[:SHOWN_BARS]
    ]
    figures.importance(folder / "figures/importance.pdf", bars, "share of the variance of the ranks")
    most = (
        "Importance: share of the variance of the trials' ranks that goes with each knob, over"
        f" {SAMPLED if len(rows) > importance.WEIGHED else 'the trials that met the constraints'} (fANOVA): the median"
        " of {fact:importance.forests} forests, and their range."
    )
    caption = (
        f"Response: {words(e.template.fitness_label)} in the search against the knobs that explain most of the variance"
        " of its ranks, trial by trial, with bars at the medians of three neighbouring trials or more. The search does"
        " not sample evenly, so they tell where it looked as well as what it found. Trials beyond the axis are dots at"
        " its edge." + (" Of the reverted trials a part is drawn, evenly spaced by their numbers." if crowded else "")
    )
    return [
        Figure("importance", "figures/importance.pdf", most),
        Figure("response", "figures/response.pdf", caption),
    ]


def sensitivity(e: Evidence, folder: Path) -> list[Figure]:
    """What a step of each knob costs."""
    if not e.sensitivity:
        return []
    rows = [
        Bar(
            label=f"{r.knob.replace('_', ' ')} = {_printed(e, r)}",
            effect=r.effect,
            low=r.low,
            high=r.high,
            significant=r.low > 0 or r.high < 0,
        )
        for r in sorted(e.sensitivity, key=lambda r: -r.effect)
    ]
    figures.sensitivity(folder / "figures/sensitivity.pdf", rows, f"{_label(e, 'dev')} lost by the step")
    caption = (
        "Sensitivity: what the best configuration loses when one knob moves one step, on"
        f" {many(e, 'sensitivity.seeds', noun(e))}, with {{fact:setting.coverage}} intervals of the paired difference,"
        " not corrected for their number."
    )
    printed = tuple(id for r in e.sensitivity if (id := f"sensitivity.{r.key}.value") in e.facts)
    return [Figure("sensitivity-intervals", "figures/sensitivity.pdf", caption, printed)]


def _printed(e: Evidence, step: KnobStep) -> str:
    """The value of a step as its fact is printed."""
    return step.value if isinstance(step.value, str) else e.facts[f"sensitivity.{step.key}.value"].text


def _failures(e: Evidence) -> str:
    causes = sorted({t.verdict.cause for t in e.trials if t.verdict and t.verdict.kind == "failed"})
    if not causes:
        return ""
    told = listed([f"{{fact:search.failed.{c}}} by {words(c)}" for c in causes])
    return f"Not every proposal ran: trials failed, {told}. The search remembers them as it does the others."


def _label(e: Evidence, split: str = "", label: str = "") -> str:
    unit = f" ({e.template.spec.objective.unit})" if e.template.spec.objective.unit else ""
    return f"{split + ' ' if split else ''}{label or e.template.fitness_label}{unit}"


def _shown(knob: Knob, value: Any) -> Any:
    return str(value) if knob.type == "choice" else value
