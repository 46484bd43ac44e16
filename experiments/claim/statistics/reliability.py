"""Rare disasters: what a few dozen runs cannot exclude, and whether the best goes wrong more often than the baseline.

A run goes wrong if it fails, or if it is a catastrophe: worse than the baseline's typical run by many times both the
spread and the gain. No two dozen runs can exclude what happens in one of fifty, so a claim tells its worst run and the
rate that is not excluded.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from scipy import special

from nightlab.experiments.records import Reliability

CATASTROPHE = 10.0  # robust standard deviations, and times the gain
SUSPECT = 5.0  # likewise: a run that far off asks for more of them
WATCHED = 6.2  # further runs of the best for each seed: 149 for 24, which miss a rate of 2 % with a chance of 5 %
FEWEST = 12  # confirmation seeds: whoever asks for fewer wants a sketch
CHEAP_S = 1.0  # seconds a run

Score = float | None  # of a run, larger is better; None where it failed


def reliability(baseline: Sequence[Score], best: Sequence[Score], further: Sequence[Score] = ()) -> Reliability:
    """What the runs of both sides tell. further: runs of the best that have none of the baseline beside them."""
    good, found = ([v for v in side if v is not None] for side in (baseline, [*best, *further]))
    least = floor(good, [v for v in best if v is not None]) if good and found else -math.inf
    wrong, before = (sum(v is None or v < least for v in side) for side in ([*best, *further], baseline))
    runs = len(best) + len(further)
    return Reliability(
        wrong=wrong,
        runs=runs,
        failed=runs - len(found),
        baseline_wrong=before,
        baseline_runs=len(baseline),
        p_value=oftener(wrong, runs, before, len(baseline)),
        worst=min(found, default=None),
        not_excluded=rate_bound(wrong, runs),
    )


Sides = tuple[list[Score], list[Score]]  # baseline and best, on the same seeds


def observed(
    seeds: int, pairs: Callable[[range], Sides], watch: Callable[[range], list[Score]], *, more: int
) -> tuple[Sides, Reliability]:
    """The runs of a confirmation by its stated rule: all pairs of both sides, and how their runs went.

    pairs, watch: run replicates of both sides, and of the best alone. After the pairs, the best runs `more` times more,
    to show what happens rarely; and where any of its runs went wrong or was far off, both sides run on these seeds too,
    or on as many as before, to tell whether the baseline does the same.
    """
    sides = pairs(range(seeds))
    further = watch(range(seeds, seeds + more))
    seen = reliability(*sides, further)
    if (seen.wrong or _far_off(*sides, further)) and seen.failed < seen.runs:
        again = pairs(range(seeds, seeds + (more or seeds)))
        sides = [*sides[0], *again[0]], [*sides[1], *again[1]]
        seen = reliability(*sides, further[len(again[0]) :])
    return sides, seen


def _far_off(baseline: Sequence[Score], best: Sequence[Score], further: Sequence[Score]) -> bool:
    good, found, more = ([v for v in side if v is not None] for side in (baseline, best, further))
    return bool(good and found) and min(*found, *more, math.inf) < floor(good, found, SUSPECT)


def with_losses(baseline: Sequence[Score], best: Sequence[Score]) -> tuple[list[float], list[float]]:
    """The pairs in which the baseline ran. A failed run of the best counts as the worst run of either side: pairs that
    are left out because it failed make it look better than it is (intention to treat)."""
    pairs = [(before, after) for before, after in zip(baseline, best, strict=True) if before is not None]
    worst = min((v for pair in pairs for v in pair if v is not None), default=0.0)
    return [before for before, _ in pairs], [worst if after is None else after for _, after in pairs]


def watched(seeds: int) -> int:
    """How many further runs of the best a confirmation with so many seeds gets where runs are cheap."""
    return round(WATCHED * seeds) if seeds >= FEWEST else 0


def floor(baseline: Sequence[float], best: Sequence[float], times: float = CATASTROPHE) -> float:
    """The value below which a run is a catastrophe. -inf where neither spread nor gain gives a scale."""
    gain = statistics.median(best) - statistics.median(baseline)
    scale = max(robust_sd(baseline), robust_sd(best), abs(gain))
    least = statistics.median(baseline) - times * scale
    return least if scale and math.isfinite(least) else -math.inf


def robust_sd(values: Sequence[float]) -> float:
    """The distance of the quartiles in units of a normal distribution's."""
    if len(values) < 2:
        return 0.0
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / 1.349


def rate_bound(wrong: int, runs: int, level: float = 0.05) -> float:
    """The one-sided upper bound of a rate (Clopper and Pearson, Biometrika 26, 1934).

    Where nothing went wrong it is about 3 / runs, the rule of three (Hanley and Lippman-Hand, JAMA 249, 1983).
    """
    return float(special.betaincinv(wrong + 1, runs - wrong, 1 - level)) if wrong < runs else 1.0


def oftener(wrong: int, runs: int, baseline_wrong: int, baseline_runs: int) -> float:
    """The p value of the hypothesis that the best goes wrong no more often than the baseline.

    Given how many went wrong in all, those of the best are binomial (Przyborowski and Wilenski, Biometrika 31, 1940).
    """
    total = wrong + baseline_wrong
    return float(special.bdtrc(wrong - 1, total, runs / (runs + baseline_runs))) if wrong else 1.0
