"""How numbers are written, in the paper, in tables and on the terminal."""

from __future__ import annotations

import math

MOST_DECIMALS = 6  # of a number that is written out
LARGEST = 1e7  # that is written out where it was measured
_DIGITS = 8  # at most, of a measured number with a power of ten


def decimals(uncertainty: float) -> int:
    """Decimals that show two significant digits of an uncertainty; negative where it is large."""
    if uncertainty <= 0 or not math.isfinite(uncertainty):
        return 4
    return 1 - math.floor(math.log10(uncertainty))


def fixed(value: float, digits: int) -> str:
    """A measured number with so many decimals, or with a power of ten where it is long."""
    if digits <= MOST_DECIMALS and abs(value) < LARGEST:
        text = f"{value:.{max(0, digits)}f}"
    else:
        before = math.floor(math.log10(abs(value))) + 1 if value else 0
        text = f"{value:.{min(_DIGITS, max(2, before + digits))}g}"
    return text.removeprefix("-") if float(text) == 0 else text


def plural(n: float, noun: str, shown: str = "") -> str:
    """`1 trial`, `2 trials`. shown: what stands for the number."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{shown or n} {noun if n == 1 else plural}"
