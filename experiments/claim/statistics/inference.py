"""The statistics of a claim: summaries, the confirmation's test and the correction for many of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from scipy import special

from nightlab.experiments.ledger.documents.claim import Claim
from nightlab.experiments.records import Effect

COVERAGE = 0.95  # of two-sided intervals, but for those of a claim at a level that asks for more
TRIM = 0.2  # share of the runs that is set aside at either end, as Yuen and Wilcox advise


@dataclass(frozen=True, kw_only=True)
class Summary:
    """A mean with its standard error and two-sided 95 % t-interval.

    One value has no spread that could be measured: its stderr is 0 and its interval is the value itself.
    """

    mean: float
    stderr: float
    n: int
    low: float
    high: float


def summarize(values: Sequence[float]) -> Summary:
    """The summary of at least one finite value."""
    mean, sd = _moments(values)
    n = len(values)
    stderr = sd / math.sqrt(n)
    margin = stderr * _quantile(0.975, n - 1) if stderr else 0.0
    return Summary(mean=mean, stderr=stderr, n=n, low=mean - margin, high=mean + margin)


def compare(
    baseline: Sequence[float],
    best: Sequence[float],
    *,
    level: float = 0.05,
    trim: float = TRIM,
    coverage: float = COVERAGE,
) -> Effect:
    """Test whether `best` is better (larger) than `baseline` in the typical pair.

    Values at the same position share a seed. The differences' trimmed mean is put to Yuen's t test (Yuen, Biometrika
    61, 1974; Tukey and McLaughlin, Sankhya A 25, 1963): a share `trim` of them is set aside at either end, in the
    variance they count as the nearest that stays, and t has as many degrees of freedom as stay less one. It holds its
    level under heavy tails and skew, where the mean of two dozen runs is hardly known. With fewer than five pairs, and
    where the middle ones are all equal and others are not, nothing is set aside, which leaves Student's test of the
    mean. The direction is part of the hypothesis, hence one-sided; its bound is told beside the two-sided interval.
    Without any spread p is 0 if the difference is positive and 1 if it is not.
    """
    if len(baseline) != len(best) or len(best) < 2:
        raise ValueError(f"a paired test needs two pairs at least; there are {len(baseline)} and {len(best)} values")
    differences = [b - a for a, b in zip(baseline, best, strict=True)]
    rounding = 1e-12 * max(map(abs, (*baseline, *best)))
    cut, effect, stderr = _trimmed(differences, int(trim * len(best)))
    if cut and stderr <= rounding:
        cut, effect, stderr = _trimmed(differences, 0)
    if stderr <= rounding < abs(effect):  # no spread; where the effect is as small, it is weighed like any other
        stderr = 0.0
    name = "one-sided test of the trimmed mean difference" if cut else "one-sided paired t-test"
    dof = len(best) - 2 * cut - 1
    return weighed(
        effect,
        stderr,
        dof,
        level=level,
        coverage=coverage,
        n=len(best),
        test=name,
        estimand="typical" if cut else "mean",
    )


def _trimmed(values: Sequence[float], cut: int) -> tuple[int, float, float]:
    """`cut`, the mean without so many values at either end, and its standard error by winsorized values."""
    stay = sorted(values)[cut : len(values) - cut]
    _, sd = _moments([min(stay[-1], max(stay[0], v)) for v in values])
    return cut, _moments(stay)[0], sd * math.sqrt((len(values) - 1) / (len(stay) * (len(stay) - 1)))


def weighed(
    effect: float,
    stderr: float,
    dof: float,
    *,
    level: float,
    n: int,
    coverage: float = COVERAGE,
    skew: float = 0.0,
    **more: Any,
) -> Effect:
    """The one-sided t test of an effect, with its bound and the two-sided interval. more: further fields of Effect.

    skew: of the estimate, its third central moment over stderr cubed. It is allowed for by a monotone transformation of
    t, which has a closed inverse (Hall, Journal of the Royal Statistical Society B 54, 1992).
    """
    if stderr:
        p_value = float(special.stdtr(dof, -_straight(effect / stderr, skew)))
        high, low, bound = (
            effect - stderr * _bent(_quantile(q, dof), skew)
            for q in ((1 - coverage) / 2, (1 + coverage) / 2, 1 - level)
        )
    else:
        p_value, low, high, bound = (0.0 if effect > 0 else 1.0), effect, effect, effect
    return Effect(
        effect=effect,
        low=low,
        high=high,
        bound=bound,
        p_value=p_value,
        significant=p_value < level,
        n=n,
        dof=dof,
        skew=skew,
        **more,
    )


def _straight(t: float, skew: float) -> float:
    """A t statistic of a skewed estimate as one of a symmetric one."""
    return t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / 6


def _bent(t: float, skew: float) -> float:
    """The inverse of `_straight`."""
    moved = t - skew / 6
    root = math.cbrt(1 + skew * moved)
    return 3 * moved / (root**2 + root + 1)


def interval(effect: Effect, of: float, wanted: float) -> tuple[float, float]:
    """The ends of an effect's interval at another coverage than that which its own has."""
    if of == wanted or not effect.dof:
        return effect.low, effect.high

    def ends(coverage: float) -> tuple[float, float]:
        low, high = (_bent(_quantile(q, effect.dof), effect.skew) for q in ((1 + coverage) / 2, (1 - coverage) / 2))
        return low, high

    own, other = ends(of), ends(wanted)
    stderr = (effect.high - effect.low) / (own[0] - own[1])
    return effect.effect - stderr * other[0], effect.effect - stderr * other[1]


def equal(effect: Effect) -> bool:
    """Whether an effect is the same in all its pairs, so that its interval and its p value say nothing."""
    return effect.n > 1 and effect.low == effect.high


def exact(effect: Effect) -> bool:
    """Whether more seeds would show the same: not only the differences are equal, but all runs of each side."""
    return equal(effect) and effect.alike and effect.seeded


def untested(claim: Claim, chosen: str = "the chosen trial") -> str:
    """Why there was no test of a claim, as a clause. chosen: how it names the trial that was to be confirmed."""
    if claim.chosen:
        return f"too few confirmation runs of {chosen} and of the baseline succeeded on the same seeds"
    if claim.incumbent_failed:
        return (
            "the trial that the search had kept as its best failed when it was run again on further seeds, and no other"
            " led the baseline clearly enough to be confirmed"
        )
    return "no trial led the baseline clearly enough to be confirmed"


def holm(p_values: Sequence[float], looks: int = 1) -> list[float]:
    """Adjusted p values that hold the family-wise error (Holm, Scandinavian Journal of Statistics 6, 1979).

    looks: how often the same tests may be made on growing data; each look has its share of the level (Bonferroni).
    """
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, min(1.0, looks * (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted


def _moments(values: Sequence[float]) -> tuple[float, float]:
    """Mean and standard deviation; shifted by the first value, so that identical values have exactly none.

    math.hypot scales before it squares, so values whose squares overflow or vanish have their spread like any others.
    """
    if not values:
        raise ValueError("there is nothing to summarize: no values")
    if bad := [v for v in values if not math.isfinite(v)]:
        raise ValueError(f"values must be finite, not {bad[0]!r}")
    shifted = [v - values[0] for v in values]
    n, shift = len(values), math.fsum(shifted) / len(values)
    sd = math.hypot(*(v - shift for v in shifted)) / math.sqrt(n - 1) if n > 1 else 0.0
    return values[0] + shift, sd


def _quantile(probability: float, dof: float) -> float:
    return float(special.stdtrit(dof, probability))
