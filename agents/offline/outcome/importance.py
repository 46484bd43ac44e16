"""Which knobs go with the outcome of the trials: an importance that no single trial decides, with its range.

A functional analysis of variance by random forests (Hutter, Hoos and Leyton-Brown, ICML 2014), on the ranks of the
trials, of which a training that diverged is one like any other; several forests, each on another resample of the
trials, so that the range says how much hangs on which trials there were.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping, Sequence
from functools import lru_cache
from statistics import median
from typing import Any, Literal

from nightlab.agents.offline.wording import passage
from nightlab.agents.telling.words import words
from nightlab.experiments.ledger.ledger import Trial
from nightlab.experiments.records import Knob
from nightlab.experiments.search.space import Space
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.facts.facts import Facts
from nightlab.papers.facts.formulas.counts import counted
from nightlab.papers.facts.registry import Value, formula
from nightlab.papers.manuscript.tables import spaced

ENOUGH_TRIALS = 10  # of fewer, an importance says nothing
WEIGHED = 200  # trials at most that importances are computed from
FORESTS, TREES = 5, 8
NAMED = 3  # knobs in the text

Shares = Mapping[str, tuple[float, ...]]  # of each knob that moved, one share a forest; the largest median first
Part = Literal["mid", "low", "high"]


def add(facts: Facts, seed: int) -> Shares:
    """The facts on the importances, which are computed here."""
    shares = importances(facts.evidence, seed)
    for knob in shares:
        facts.put(f"importance.{knob}", "importance", _percent, knob=knob, seed=seed, part="mid")
        for part in ("low", "high"):
            facts.put(f"importance.{knob}.{part}", "importance", _percent, knob=knob, seed=seed, part=part)
    facts.count("importance.trials", "weighed_trials")
    facts.count("importance.forests", "forests")
    return shares


@formula("{part} of the share of the variance of the trials' ranks that {knob} explains, over the forests (fANOVA)")
def importance(e: Evidence, knob: str, seed: int, part: Part = "mid") -> Value:
    used = [run for trial, _ in weighed(e) for run, _ in e.search_scores(trial.number)]
    found = importances(e, seed)[knob]
    return Value({"mid": median(found), "low": min(found), "high": max(found)}[part], tuple(used))


@formula("trials that the importances are computed from: all that met the constraints, or a sample by their numbers")
def weighed_trials(e: Evidence) -> Value:
    return counted(e, [trial for trial, _ in weighed(e)])


@formula("forests of the importances", "the protocol")
def forests(e: Evidence) -> Value:  # noqa: ARG001
    return Value(FORESTS)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def weighed(e: Evidence) -> list[tuple[Trial, float]]:
    """Of the scored trials at most WEIGHED, evenly spaced by their numbers."""
    return spaced(scored(e), WEIGHED)


def scored(e: Evidence) -> list[tuple[Trial, float]]:
    """Trials within the constraints that have a score, and their mean fitness in the search.

    A penalty would drown what the knobs do to the metric.
    """
    found = []
    for trial in e.trials:
        fitness, verdict = e.mean(trial.number), trial.verdict
        if fitness is not None and verdict and verdict.kind != "failed" and verdict.cause != "constraint":
            found.append((trial, fitness))
    return found


@lru_cache(maxsize=2)
def importances(e: Evidence, seed: int) -> Shares:
    """Empty if there are too few trials, or nothing moved."""
    from scipy.stats import rankdata

    rows = weighed(e)
    moved = [k for k in e.template.knobs if len({t.change.params[k.name] for t, _ in rows}) > 1]
    ranks = rankdata([value for _, value in rows]).tolist() if rows else []
    if len(rows) < ENOUGH_TRIALS or not moved or len(set(ranks)) < 2:
        return {}
    space = Space(moved)  # positions on its axes, since a product of ranges may overflow or vanish, too
    places = [
        {
            k.name: trial.change.params[k.name] if k.choices else place
            for k, place in zip(moved, space.encode(trial.change.params).tolist(), strict=True)
        }
        for trial, _ in rows
    ]
    chance = random.Random(seed)
    found = [_shares(moved, places, ranks, chance.choices(range(len(rows)), k=len(rows)), n) for n in range(FORESTS)]
    shares = {k.name: tuple(one.get(k.name, 0.0) for one in found) for k in moved}
    return dict(sorted(shares.items(), key=lambda item: -median(item[1])))


def _shares(
    knobs: Sequence[Knob], places: Sequence[Mapping[str, Any]], ranks: Sequence[float], sample: Sequence[int], seed: int
) -> dict[str, float]:
    """The shares by one forest, on the trials of a sample."""
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    axes: dict[str, Any] = {
        k.name: CategoricalDistribution(k.choices) if k.choices else FloatDistribution(0.0, 1.0) for k in knobs
    }
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a knob's values that were declared in another type
        study = optuna.create_study()
        for i in sample:
            trial = optuna.trial.create_trial(params=dict(places[i]), distributions=axes, value=ranks[i])
            study.add_trial(trial)
        if len({ranks[i] for i in sample}) < 2:
            return {}
        found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(n_trees=TREES, seed=seed))
    return {name: float(share) for name, share in found.items()}


def paragraphs(e: Evidence, shares: Shares) -> str:
    """What the results say of them, with the places of the figures."""
    if not shares:
        return ""
    first, *others = shares.values()
    apart = all(min(first) > max(other) for other in others)
    top = [
        f"{words(name)} ({{fact:importance.{name}}}, from {{fact:importance.{name}.low}} to"
        f" {{fact:importance.{name}.high}})"
        for name in list(shares)[:NAMED]
    ]
    return passage("importance", e, top=top, apart=apart)
