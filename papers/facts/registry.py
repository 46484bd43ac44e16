"""What a fact is computed by: named functions of the evidence's rows, so that any fact can be computed again.

Each gives a value with exactly the runs that entered it. `formulas/` has most; a room above
registers further ones for the facts that it adds, by `formula`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from nightlab.experiments.records import Fact, ParamValue
from nightlab.papers.facts.evidence import Evidence


@dataclass(frozen=True)
class Value:
    """A number and the runs of the ledger that it comes from."""

    value: float
    runs: tuple[int, ...] = ()


Compute = Callable[..., Value]
C = TypeVar("C", bound=Compute)


@dataclass(frozen=True)
class Formula:
    """A registered function of the evidence, and the sentence that tells a reader what it computes."""

    compute: Compute
    sentence: str  # {argument} stands for an argument's value
    record: str  # where a value that comes from no run is written down, likewise


FORMULAS: dict[str, Formula] = {}
_STATISTICS: Mapping[str, str] = {
    "mean": "mean of",
    "stderr": "standard error of",
    "low": "lower end of the t-interval of",
    "high": "upper end of the t-interval of",
    "n": "number of",
    "effect": "difference,",
    "p": "p value,",
}


def formula(sentence: str, record: str = "") -> Callable[[C], C]:
    """Register a function of the evidence under its own name. record: what holds a value that comes from no run."""

    def register(compute: C) -> C:
        if compute.__name__ in FORMULAS:
            raise ValueError(f"there is a formula {compute.__name__!r} already")
        FORMULAS[compute.__name__] = Formula(compute, sentence, record)
        return compute

    return register


def computed(evidence: Evidence, name: str, arguments: Mapping[str, ParamValue]) -> Value:
    """The value of a formula. Raises LookupError where there is none of this name."""
    if name not in FORMULAS:
        raise LookupError(f"there is no formula {name!r}")
    return FORMULAS[name].compute(evidence, **arguments)


def meaning(fact: Fact) -> str:
    """How a fact is computed, as a phrase; what no formula of this version is, as it stands in the fact."""
    if fact.formula not in FORMULAS:
        return fact.formula
    words = {name: _STATISTICS.get(str(value), value) for name, value in fact.arguments.items()}
    return " ".join(FORMULAS[fact.formula].sentence.format(**words).split())


def record(fact: Fact) -> str:
    """Where a fact that comes from no run is written down; empty for one of runs, and of a formula of no version."""
    known = FORMULAS.get(fact.formula)
    return known.record.format(**fact.arguments) if known and not fact.runs else ""
