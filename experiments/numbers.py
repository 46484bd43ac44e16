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


def written(value: object) -> str:
    """A parameter's value in words: a float by its fewest digits, at least four, that no other float has."""
    if not isinstance(value, float):
        return str(value)
    return next((text for digits in range(4, 17) if float(text := f"{value:.{digits}g}") == value), f"{value:.17g}")


def plain(value: int | float | str) -> str:
    """A setting as a person would write it."""
    if isinstance(value, str | int):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e6:
        return str(int(value))
    return written(value)


def p_text(p: float) -> str:
    """A p value."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def plural(n: float, noun: str, shown: str = "") -> str:
    """`1 trial`, `2 trials`. shown: what stands for the number."""
    several = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{shown or n} {noun if n == 1 else several}"
