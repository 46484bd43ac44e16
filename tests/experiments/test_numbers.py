"""How numbers are written: digits by their uncertainty, powers of ten where they are long, nouns that agree."""

from __future__ import annotations

import pytest

from nightlab.experiments.numbers import decimals, fixed, plural


@pytest.mark.parametrize(
    ("value", "uncertainty", "text"),
    [
        (0.42131, 0.0041, "0.4213"),
        (123.456, 7.0, "123.5"),
        (54321.0, 800.0, "54321"),
        (1e21, 1e19, "1e+21"),
        (-1.23456e21, 1e19, "-1.235e+21"),
        (123456789012.0, 3e8, "1.2346e+11"),
        (1e200, 0.0, "1e+200"),
        (1e-300, 1e-302, "1e-300"),
        (0.000012345, 2e-8, "1.2345e-05"),
        (2.4e-320, 0.0, "2.4e-320"),
        (0.0, 1e-9, "0"),
        (0.5000002, 1e-8, "0.5000002"),
        (-0.00004, 0.01, "0.000"),
    ],
)
def test_a_number_has_the_digits_that_its_uncertainty_leaves(value: float, uncertainty: float, text: str) -> None:
    assert fixed(value, decimals(uncertainty or abs(value) / 100)) == text
    assert len(text) <= 12


@pytest.mark.parametrize(
    ("n", "noun", "text"),
    [(1, "trial", "1 trial"), (0, "seed", "0 seeds"), (2, "strategy", "2 strategies")],
)
def test_numbers_and_nouns_agree(n: float, noun: str, text: str) -> None:
    assert plural(n, noun) == text
    assert plural(n, noun, "{fact:n}").startswith("{fact:n} ")
