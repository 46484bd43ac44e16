"""Which trials were run again before one was chosen for the confirmation, and by which numbers."""

from __future__ import annotations

from typing import Any, get_args

from nightlab.agents.offline.wording import caption
from nightlab.agents.telling.words import listed, strategies, words
from nightlab.experiments.claim.statistics.inference import compare, summarize
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.facts.facts import Facts
from nightlab.papers.facts.formulas.effects import Part
from nightlab.papers.facts.formulas.groups import Statistic
from nightlab.papers.facts.registry import Value, formula
from nightlab.papers.manuscript.manuscript import Table
from nightlab.papers.manuscript.tables import NONE, interval, mark, plus_minus

FEWEST = 2  # runs that two trials must share to be compared


def chosen(e: Evidence) -> int:
    """The trial that was chosen; the baseline where none led it clearly enough."""
    return e.claim.chosen or e.best.number


def finalists(e: Evidence) -> list[int]:
    """The trials that ran on more seeds than a verdict uses: the chosen one first, then by runs and mean."""
    again = [t.number for t in e.trials[1:] if any(r.replicate >= e.settings.seeds for r in _runs(e, t.number))]
    known = {number: _scores(e, number) for number in again}
    means = {n: summarize([v for _, v in found.values()]).mean for n, found in known.items() if found}
    return sorted(means, key=lambda n: (n != chosen(e), -len(known[n]), -e.template.sign * means[n]))


def add(facts: Facts) -> None:
    """The facts on the finalists."""
    e = facts.evidence
    for number in finalists(e):
        facts.group(f"finalist.{number}", "selected", trial=number)
        if number != chosen(e) and len(_shared(e, number)) >= FEWEST:
            facts.effect(f"finalist.{number}.behind", "behind", trial=number)


@formula("{statistic} dev objective of trial {trial} over its runs in search and selection")
def selected(e: Evidence, statistic: Statistic, trial: int) -> Value:
    assert statistic in get_args(Statistic)
    found = _scores(e, trial).values()
    return Value(getattr(summarize([v for _, v in found]), statistic), tuple(run for run, _ in found))


@formula(
    "{part} chosen trial (the baseline, where none was chosen) over trial {trial}, dev, paired over the runs of search"
    " and selection"
)
def behind(e: Evidence, part: Part, trial: int) -> Value:
    ours, theirs, shared = _scores(e, chosen(e)), _scores(e, trial), _shared(e, trial)
    sides = [[e.template.sign * side[seed][1] for seed in shared] for side in (theirs, ours)]
    found = compare(*sides, trim=0.0)
    used = tuple(side[seed][0] for side in (ours, theirs) for seed in shared)
    return Value(found.p_value if part == "p" else getattr(found, part), used)


def _runs(e: Evidence, trial: int) -> list[Any]:
    return e.runs_of(SEARCH, str(trial))


def _scores(e: Evidence, trial: int) -> dict[int, tuple[int, float]]:
    """By seed, (run number, fitness) of all that ran well."""
    return {r.seed: (r.id, v) for r in _runs(e, trial) if (v := e.fitness(r)) is not None}


def _shared(e: Evidence, trial: int) -> list[int]:
    ours, theirs = _scores(e, chosen(e)), _scores(e, trial)
    return [seed for seed in ours if seed in theirs]


def _place(e: Evidence, number: int) -> str:
    """Where a finalist stands beside the chosen one."""
    if number == chosen(e):
        return "chosen"
    key = f"finalist.{number}.behind"
    if f"{key}.low" not in e.facts:
        return NONE
    low, high = (e.facts[f"{key}.{end}"].value for end in ("low", "high"))
    return "tie" if low <= 0 <= high else "behind" if low > 0 else "ahead"


def table(e: Evidence) -> Table | None:
    """The finalists. e: with their facts."""
    shown = finalists(e)
    if not shown:
        return None
    return Table(
        "finalists",
        caption("finalists", e, chosen=bool(chosen(e))),
        ("Trial", "Strategy", "Runs", words(e.template.fitness_label).capitalize(), "Behind", "Interval", "Place"),
        tuple(_row(e, number) for number in shown),
        "rXrrrrl",
    )


def _row(e: Evidence, number: int) -> tuple[str, ...]:
    trial, key = e.trials[number], f"finalist.{number}"
    compared = f"{key}.behind.effect" in e.facts
    kept = strategies(e, trial) if trial.verdict else words(trial.change.strategy)
    varies = e.facts[f"{key}.stderr"].value
    return (
        f"`T{number}`",
        kept,
        mark(f"{key}.n"),
        plus_minus(f"{key}.mean", f"{key}.stderr" if varies else None),
        mark(f"{key}.behind.effect" if compared else None),
        interval(f"{key}.behind.low", f"{key}.behind.high") if compared else NONE,
        _place(e, number),
    )


def context(e: Evidence) -> dict[str, Any]:
    """What a sentence says of the choice."""
    shown = finalists(e)
    ties = [f"`T{n}`" for n in shown if _place(e, n) == "tie" and chosen(e)]
    return {"finalists": len(shown), "ties": listed(ties) if ties else "", "tied": len(ties)}
