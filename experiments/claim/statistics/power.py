"""What a confirmation can see: the smallest effect that it finds with a given power."""

from __future__ import annotations

import math

from scipy import special

POWER = 0.8
EFFICIENCY = 0.91  # of the trimmed mean of normal values, beside their mean, by its standard error


def smallest_effect(noise: float, n: int, *, level: float, cut: int = 0, power: float = POWER) -> float:
    """The effect that a one-sided paired test of n seeds finds with this power.

    noise: the standard deviation of one run; a pair's difference has sqrt(2) times as much, less where a seed does the
    same to both. cut: pairs that are set aside at either end. By the sum of two quantiles of t (Machin et al., Sample
    Sizes for Clinical, Laboratory and Epidemiology Studies, 2018, chapter 3), which is a little more than the exact
    power by the noncentral t asks for.
    """
    dof = n - 2 * cut - 1
    reach = float(special.stdtrit(dof, 1 - level) + special.stdtrit(dof, power))
    return reach * noise * math.sqrt(2 / n) / (EFFICIENCY if cut else 1.0)
