"""An effect and a claim as the sections tell of them."""

from __future__ import annotations

from dataclasses import dataclass

from nightlab.agents.telling.words import claimed_on
from nightlab.experiments.claim.scope import population, row, withheld
from nightlab.experiments.claim.statistics.inference import equal, exact, untested
from nightlab.experiments.records import Effect
from nightlab.papers.facts.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group of runs. key: what the ids of its facts begin with. varies: whether its values differ."""

    key: str
    varies: bool


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An effect. key: what the ids of its facts begin with. coverage: the id of that of its interval."""

    key: str
    coverage: str = "setting.coverage"
    equal: bool  # in all pairs
    exact: bool


@dataclass(frozen=True, kw_only=True)
class Claim(Measured):
    """A claim, tested or not. best: the trial, 0 where there is none. p: with its sign, as a mark."""

    tested: bool
    improved: bool
    best: int
    chosen: int
    split: str
    on: str  # the data, in words
    untested: str  # why there was no test, as a clause; empty where there was one
    test: str
    p: str
    incumbent_failed: bool
    failed_runs: int
    losses: bool  # failed runs of the best count as such
    skewed: bool  # items were sampled, and the test allows for their skewness
    foreseen: bool  # the kind of test that was made was written down
    further: bool  # more pairs ran than were written down
    row: str  # what each pair of runs is on
    population: str
    typical: bool  # the estimand: the typical pair of runs, or the mean of all
    steady: bool  # how the best's runs went is known
    withheld: str  # why nothing is claimed although the test finds an improvement, as a clause
    excludes: bool  # of an effect that is no claim: its interval ends above zero, which excludes larger gains
    of_baseline: Group
    of_best: Group


def effect(row: Effect, key: str) -> Measured:
    return Measured(key=key, equal=equal(row), exact=exact(row))


def claim(e: Evidence, prefix: str = "") -> Claim:
    """The claim of an evidence. prefix: what the ids of its facts begin with before `claim`."""
    body, key = e.claim, f"{prefix}claim"
    tested = body.tested
    return Claim(
        key=key,
        coverage=coverage(e, key),
        equal=equal(body),
        exact=exact(body),
        tested=tested,
        improved=e.improved,
        best=body.best,
        chosen=body.chosen or 0,
        split=body.split,
        on=claimed_on(e),
        untested="" if tested else untested(body),
        test=body.test.replace("_", " "),
        p=_p(e, f"{key}.p") if tested else "",
        incumbent_failed=body.incumbent_failed,
        failed_runs=body.failed_runs,
        of_baseline=_group(e, f"{prefix}baseline.{body.split}"),
        of_best=_group(e, f"{prefix}best.{body.split}"),
        losses=body.losses,
        skewed=bool(body.items) and body.skewed,
        foreseen=not body.items or "items" in e.preregistration.test,
        further=len(e.runs_of("confirm", "baseline")) > len(e.preregistration.seeds),
        row=row(body),
        population=population(body, timed=e.template.interleaved, problem=e.template.exact),
        typical=body.estimand == "typical",
        steady=f"{key}.worst" in e.facts,
        withheld=withheld(body),
        excludes=tested and not e.improved and not equal(body) and body.high > 0,
    )


def coverage(e: Evidence, key: str) -> str:
    """The id of the coverage of a claim's interval; facts of an earlier version have one for all. key: of the claim."""
    return own if (own := f"setting.coverage.{key}") in e.facts else Measured.coverage


def first(e: Evidence) -> Claim | None:
    """The first claim of an extended study."""
    return claim(e.first, "earlier.0.") if e.first else None


def _group(e: Evidence, key: str) -> Group:
    stderr = e.facts.get(f"{key}.stderr")
    return Group(key=key, varies=bool(stderr and stderr.value))


def _p(e: Evidence, id: str) -> str:
    """`= 0.012` or `< 0.001`, as a mark."""
    return f"{{fact:{id}}}" if e.facts[id].text.startswith("<") else f"= {{fact:{id}}}"
