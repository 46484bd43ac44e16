"""Analysis without a language model: importance of the knobs, figures, tables, and sentences that cite facts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from nightlab.agents.actions import actions
from nightlab.agents.offline import tabulating
from nightlab.agents.team import Analysis
from nightlab.agents.telling.words import VERDICT_SEEDS, listed, words
from nightlab.experiments.claim.scope import row
from nightlab.experiments.ledger.ledger import Trial, by_verdict
from nightlab.experiments.numbers import written
from nightlab.experiments.records import Fact, Knob
from nightlab.experiments.search.space import Space
from nightlab.experiments.search.surrogate import scaled
from nightlab.papers.facts.counts import counted
from nightlab.papers.facts.evidence import Evidence, confirmed
from nightlab.papers.facts.facts import Facts
from nightlab.papers.facts.formulas import Value, formula
from nightlab.papers.figures import figures
from nightlab.papers.figures.curve import point
from nightlab.papers.figures.figures import Bar, Panel, Point, Share
from nightlab.papers.manuscript.manuscript import Figure
from nightlab.papers.manuscript.tables import spaced

SHOWN_KNOBS = 6
SHOWN_BARS = 10
ENOUGH_TRIALS = 10  # of fewer, an importance says nothing
WEIGHED = 200  # trials at most that importances are computed from
SAMPLED = "{fact:importance.trials} of the trials that met the constraints, evenly spaced by their numbers"


class OfflineAnalyst:
    def __init__(self, seed: int) -> None:
        self._seed = seed

    def draw(self, evidence: Evidence, folder: Path, stage: str) -> None:
        self.analyse(evidence, folder, stage)

    def analyse(self, evidence: Evidence, folder: Path, stage: str) -> Analysis:  # noqa: ARG002
        facts = Facts(evidence)
        shares = _importances(evidence, self._seed)
        for knob in shares:
            facts.put(f"importance.{knob}", "importance", _percent, knob=knob, seed=self._seed)
        facts.count("importance.trials", "weighed_trials")
        facts.count("table.trials", "listed_trials")
        for action in actions().values():
            action.facts(facts)
        drawn = [
            _progress(evidence, folder),
            *_confirmation(evidence, folder),
            *_ablation(evidence, folder),
            *_response(evidence, folder, shares),
            *(figure for action in actions().values() for figure in action.figures(evidence, folder)),
        ]
        return Analysis(
            facts=facts,
            figures=tuple(drawn),
            tables=tabulating.tables(evidence),
            conclusions={"importance": _importance_told(shares, facts), "failures": _failures(evidence)},
        )


@formula("share of the variance of the search's fitness that {knob} explains (fANOVA, Hutter et al.)")
def importance(e: Evidence, knob: str, seed: int) -> Value:
    used = [run for trial, _ in _weighed(e) for run, _ in e.search_scores(trial.number)]
    return Value(_importances(e, seed)[knob], tuple(used))


@formula("trials that the importances are computed from: all that met the constraints, or a sample by their numbers")
def weighed_trials(e: Evidence) -> Value:
    return counted(e, [trial for trial, _ in _weighed(e)])


@formula("trials that the paper's table lists")
def listed_trials(e: Evidence) -> Value:
    return counted(e, tabulating.listed_trials(e))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _weighed(e: Evidence) -> list[tuple[Trial, float]]:
    """Of the scored trials at most WEIGHED, evenly spaced by their numbers."""
    return spaced(_scored(e), WEIGHED)


@lru_cache(maxsize=2)
def _importances(e: Evidence, seed: int) -> dict[str, float]:
    """fANOVA importance of each knob that moved, the largest first; empty if there are too few trials."""
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    rows = _weighed(e)
    moved = [k for k in e.template.knobs if len({t.change.params[k.name] for t, _ in rows}) > 1]
    values = scaled([value for _, value in rows]) if rows else []
    if len(rows) < ENOUGH_TRIALS or not moved or not any(values):
        return {}
    space = Space(moved)  # positions on its axes, since a product of ranges may overflow or vanish, too
    axes: dict[str, Any] = {
        k.name: CategoricalDistribution(k.choices) if k.choices else FloatDistribution(0.0, 1.0) for k in moved
    }
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a knob's values that were declared in another type
        study = optuna.create_study(direction=e.template.spec.objective.direction)
        for (trial, _), value in zip(rows, values, strict=True):
            places = zip(moved, space.encode(trial.change.params).tolist(), strict=True)
            params = {k.name: trial.change.params[k.name] if k.choices else place for k, place in places}
            study.add_trial(optuna.trial.create_trial(params=params, distributions=axes, value=value))
        found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(n_trees=32, seed=seed))
    return {name: float(share) for name, share in found.items()}


def _scored(e: Evidence) -> list[tuple[Trial, float]]:
    """Trials within the constraints that have a score, and their mean fitness in the search.

    A penalty would drown what the knobs do to the metric.
    """
    found = []
    for trial in e.trials:
        fitness, verdict = e.mean(trial.number), trial.verdict
        if fitness is not None and verdict and verdict.kind != "failed" and verdict.cause != "constraint":
            found.append((trial, fitness))
    return found


def _progress(e: Evidence, folder: Path) -> Figure:
    points = [point(t, [v for _, v in e.search_scores(t.number)]) for t in by_verdict(e.trials)]
    ring = " The star is the trial that went to the confirmation." if e.best.number else ""
    figures.progress(
        folder / "figures/progress.pdf", points, _label(e, "dev", e.template.search_label), e.best.number or None
    )
    return Figure(
        "progress",
        "figures/progress.pdf",
        f"The search: mean fitness of each trial on {VERDICT_SEEDS}, on the development split, in the order of the"
        f" verdicts. The line is the incumbent, the dashed line the baseline. {_marks(points)}{ring}"
        f"{tabulating.penalised(e)}",
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
        "Ablation: what the best configuration loses when one of its parts is taken out, on {fact:ablation.seeds}"
        " seeds, with {fact:setting.coverage} intervals of the paired difference, not corrected for their number."
    )
    return [Figure("ablation-intervals", "figures/ablation.pdf", caption)]


def _response(e: Evidence, folder: Path, shares: Mapping[str, float]) -> list[Figure]:
    rows = _scored(e)
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
    bars = [Share(label=name.replace("_", " "), value=share) for name, share in list(shares.items())[:SHOWN_BARS]]
    figures.importance(folder / "figures/importance.pdf", bars, "share of the variance of the fitness")
    most = (
        "Importance: share of the variance of the fitness that goes with each knob, over"
        f" {SAMPLED if len(rows) > WEIGHED else 'the trials that met the constraints'} (fANOVA)."
    )
    caption = (
        "Response: fitness in the search against the knobs that explain most of its variance, trial by trial, with"
        " bars at the medians of three neighbouring trials or more. The search does not sample evenly, so they tell"
        " where it looked as well as what it found. Trials beyond the axis are dots at its edge."
        + (" Of the reverted trials a part is drawn, evenly spaced by their numbers." if crowded else "")
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
            label=f"{r.knob.replace('_', ' ')} = {written(r.value)}",
            effect=r.effect,
            low=r.low,
            high=r.high,
            significant=r.low > 0 or r.high < 0,
        )
        for r in sorted(e.sensitivity, key=lambda r: -r.effect)
    ]
    figures.sensitivity(folder / "figures/sensitivity.pdf", rows, f"{_label(e, 'dev')} lost by the step")
    caption = (
        "Sensitivity: what the best configuration loses when one knob moves one step, on {fact:sensitivity.seeds}"
        " seeds, with {fact:setting.coverage} intervals of the paired difference, not corrected for their number."
    )
    return [Figure("sensitivity-intervals", "figures/sensitivity.pdf", caption)]


def _importance_told(shares: Mapping[str, float], facts: Mapping[str, Fact]) -> str:
    if not shares:
        return ""
    top = [f"{words(name)} ({{fact:importance.{name}}})" for name in list(shares)[:3] if f"importance.{name}" in facts]
    floats = "{float:importance}\n\n{float:response}"
    return (
        "*What matters.* Over the trials that met the constraints, most of the variance of the fitness goes with"
        f" {listed(top)}, by a functional analysis of variance "
        "({ref:importance}); {ref:response} shows the response to the first of them. These shares describe the trials"
        " that were run, not the space as a whole.\n\n"
    ) + floats


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
