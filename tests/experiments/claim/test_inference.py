import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

from nightlab.experiments.claim.statistics.inference import compare, holm, summarize

RNG = np.random.default_rng(7)


def test_summary_agrees_with_scipy() -> None:
    values = RNG.normal(3.0, 2.0, size=9).tolist()
    summary = summarize(values)
    low, high = stats.t.interval(0.95, 8, loc=np.mean(values), scale=stats.sem(values))
    assert summary.mean == pytest.approx(np.mean(values))
    assert summary.stderr == pytest.approx(stats.sem(values))
    assert (summary.low, summary.high) == pytest.approx((low, high))


def test_summary_of_one_value_is_the_value() -> None:
    summary = summarize([0.1])
    assert (summary.mean, summary.stderr, summary.low, summary.high, summary.n) == (0.1, 0.0, 0.1, 0.1, 1)


def test_identical_values_have_exactly_no_spread() -> None:
    assert summarize([0.1] * 7).stderr == 0.0


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_summary_refuses_what_is_no_number(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"values"):
        summarize(values)


def test_paired_agrees_with_scipy() -> None:
    before = RNG.normal(size=16)
    after = before + RNG.normal(0.4, 0.5, size=16)
    expected = stats.ttest_rel(after, before, alternative="greater")
    interval = stats.ttest_rel(after, before).confidence_interval(0.95)
    effect = compare(before.tolist(), after.tolist(), trim=0)
    assert effect.p_value == pytest.approx(expected.pvalue)
    assert (effect.low, effect.high) == pytest.approx((interval.low, interval.high))
    assert effect.effect == pytest.approx(np.mean(after - before))
    assert (effect.n, effect.test, effect.estimand) == (16, "one-sided paired t-test", "mean")


@pytest.mark.parametrize("draw", [RNG.normal, RNG.standard_cauchy, RNG.lognormal])
def test_trimmed_agrees_with_scipy(draw: Callable[..., np.ndarray]) -> None:
    """Yuen's test against a side without spread is the one of a single sample."""
    before, after = draw(size=24), draw(size=24) + 1
    effect = compare(before.tolist(), after.tolist(), level=0.025)
    zeros = [0.0] * 24
    expected = stats.ttest_ind(after - before, zeros, equal_var=False, trim=0.2, alternative="greater")
    assert (effect.p_value, effect.dof) == (pytest.approx(expected.pvalue), 15)
    assert effect.effect == pytest.approx(stats.trim_mean(after - before, 0.2))
    assert effect.bound == pytest.approx(effect.low)  # the bound of a test at 2.5 % ends where the 95 % interval does
    assert effect.significant == (effect.bound > 0)


def test_where_the_middle_is_all_equal_the_mean_is_tested() -> None:
    effect = compare([0.0] * 24, [0.1] * 22 + [-5.0] * 2)
    assert (effect.estimand, effect.significant) == ("mean", False)


def test_values_without_spread_are_decided_exactly() -> None:
    same = compare([0.1, 0.1, 0.1], [0.1, 0.1, 0.1])
    better = compare([0.1, 0.1, 0.1], [0.3, 0.3, 0.3])
    worse = compare([0.3, 0.3, 0.3], [0.1, 0.1, 0.1])
    assert (same.effect, same.p_value, same.significant) == (0.0, 1.0, False)
    assert (better.p_value, better.significant) == (0.0, True)
    assert (worse.p_value, worse.significant) == (1.0, False)
    assert better.low == better.effect == better.high == pytest.approx(0.2)


def test_a_constant_difference_of_pairs_is_not_mistaken_for_noise() -> None:
    before = RNG.normal(size=8)
    effect = compare(before.tolist(), (before + 0.1).tolist())  # equal but for the last bits
    assert (effect.p_value, effect.significant) == (0.0, True)


def test_a_claim_in_the_wrong_direction_is_never_significant() -> None:
    effect = compare([2.0, 2.1, 1.9, 2.05], [1.0, 1.1, 0.9, 1.02])
    assert effect.p_value > 0.99
    assert not effect.significant


def test_the_error_rate_is_the_level() -> None:
    draws = RNG.normal(size=(4000, 2, 16)).tolist()
    assert 0.035 < np.mean([compare(a, b).significant for a, b in draws]) < 0.065


@pytest.mark.parametrize(("baseline", "best"), [([1.0], [2.0]), ([1.0, 2.0], [1.0, 2.0, 3.0])])
def test_a_test_without_enough_values_is_refused(baseline: list[float], best: list[float]) -> None:
    with pytest.raises(ValueError, match=r"test needs"):
        compare(baseline, best)


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_holm_keeps_the_order_and_never_lowers() -> None:
    for _ in range(50):
        p = RNG.uniform(size=6).tolist()
        adjusted = holm(p)
        assert all(a >= b for a, b in zip(adjusted, p, strict=True))
        assert np.argsort(p, kind="stable").tolist() == sorted(range(6), key=lambda i: (adjusted[i], p[i]))


def test_no_warning_is_raised() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compare([0.0, 0.0], [0.0, 1.0])
        compare([1e-300, 2e-300], [3e-300, 5e-300])


def test_holm_agrees_with_the_steps_done_by_hand() -> None:
    """p sorted: 0.005 x 4, 0.01 x 3, 0.03 x 2, 0.04 x 1, never below what came before (as statsmodels' holm gives)."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.04, 0.04, 0.04]) == pytest.approx([0.12, 0.12, 0.12])
    assert holm([0.0001, 0.02, 0.9, 0.015, 0.3]) == pytest.approx([0.0005, 0.06, 0.9, 0.06, 0.6])
