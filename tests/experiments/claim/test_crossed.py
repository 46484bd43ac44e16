"""Rows crossed with items, against the textbook's analysis of variance and the pigeonhole bootstrap."""

import numpy as np
import pytest
from scipy import stats

from nightlab.experiments.claim.statistics.crossed import OneGroup, Row, crossed
from nightlab.experiments.claim.statistics.inference import Effect, _bent, _straight, compare, interval

RNG = np.random.default_rng(11)
Table = np.ndarray


def rows(table: Table, groups: Table | None = None) -> list[Row]:
    return [Row(differences=r, groups=np.arange(len(r)) if groups is None else groups) for r in table]


def drawn(seeds: int, items: int, *, by_seed: float, by_item: float, rest: float) -> Table:
    a, b = RNG.normal(0, by_seed, (seeds, 1)), RNG.normal(0, by_item, (1, items))
    return a + b + RNG.normal(0, rest, (seeds, items))


@pytest.mark.parametrize("sd", [(0.5, 0.5, 1.0), (0.1, 1.0, 0.3), (1.0, 0.1, 1.0)])
def test_it_is_the_two_way_analysis_of_variance(sd: tuple[float, float, float]) -> None:
    table = drawn(12, 40, by_seed=sd[0], by_item=sd[1], rest=sd[2])
    found = crossed(rows(table), trim=0, skewed=False)
    s, i = table.shape
    rest = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
    ms = (i * table.mean(1).var(ddof=1), s * table.mean(0).var(ddof=1), (rest**2).sum() / (s - 1) / (i - 1))
    total = ms[0] + ms[1] - ms[2]
    dof = total**2 / (ms[0] ** 2 / (s - 1) + ms[1] ** 2 / (i - 1) + ms[2] ** 2 / (s - 1) / (i - 1))
    half = stats.t.ppf(0.975, dof) * np.sqrt(total / s / i)
    assert (found.effect, found.dof) == (pytest.approx(table.mean()), pytest.approx(dof))
    assert (found.low, found.high) == (pytest.approx(table.mean() - half), pytest.approx(table.mean() + half))
    assert (found.n, found.items) == (12, 40)


def test_the_pigeonhole_bootstrap_finds_the_same_spread() -> None:
    """Owen, Annals of Applied Statistics 1, 2007: both factors are resampled."""
    table = drawn(24, 120, by_seed=0.2, by_item=1.0, rest=0.4)
    found = crossed(rows(table), trim=0, skewed=False)
    seeds, items = RNG.integers(0, 24, (2000, 24)), RNG.integers(0, 120, (2000, 120))
    means = [table[np.ix_(s, i)].mean() for s, i in zip(seeds, items, strict=True)]
    stderr = (found.high - found.low) / 2 / stats.t.ppf(0.975, found.dof)
    assert np.std(means) == pytest.approx(stderr, rel=0.1)


def test_without_items_that_differ_it_is_the_test_over_seeds() -> None:
    values = RNG.normal(0.3, 1.0, 24)
    found = crossed(rows(np.repeat(values[:, None], 50, axis=1)), level=0.025)
    plain = compare([0.0] * 24, values.tolist(), level=0.025)
    assert (found.effect, found.p_value) == (pytest.approx(plain.effect), pytest.approx(plain.p_value))


def test_equal_rows_leave_the_spread_over_items() -> None:
    """A deterministic program: no seeds' spread, and an interval all the same."""
    items = RNG.normal(0.5, 1.0, 60)
    several, one = (crossed(rows(np.repeat(items[None], n, axis=0)), skewed=False) for n in (24, 1))
    plain = compare([0.0] * 60, items.tolist(), trim=0)
    assert [e.low for e in (several, one)] == [pytest.approx(plain.low)] * 2
    assert (several.dof, one.dof) == (pytest.approx(59), pytest.approx(59))


@pytest.mark.parametrize("skew", [-0.9, -0.1, 0.0, 1e-13, 0.4])
def test_the_correction_for_skewness_has_an_inverse(skew: float) -> None:
    for t in (-30.0, -2.0, -0.01, 0.0, 0.3, 1.9, 40.0):
        assert _bent(_straight(t, skew), skew) == pytest.approx(t, rel=1e-9, abs=1e-9)


def test_a_change_that_loses_much_on_few_items_needs_more_evidence() -> None:
    losses = RNG.exponential(size=40)
    loses, gains, plain = (
        crossed(rows(np.repeat((sign * (losses.mean() - losses) + 0.3)[None], 24, axis=0)), skewed=skewed)
        for sign, skewed in ((1, True), (-1, True), (1, False))
    )
    assert loses.skew == pytest.approx(-gains.skew)
    assert loses.skew < plain.skew == 0
    assert loses.effect == pytest.approx(plain.effect)
    assert loses.p_value > plain.p_value > gains.p_value
    assert (loses.low, loses.high) == pytest.approx((0.6 - gains.high, 0.6 - gains.low))
    assert loses.low < plain.low
    assert interval(loses, 0.95, 0.95) == (loses.low, loses.high)
    wider = crossed(rows(np.repeat((losses.mean() - losses + 0.3)[None], 24, axis=0)), coverage=0.99)
    assert interval(loses, 0.95, 0.99) == pytest.approx((wider.low, wider.high))


def test_groups_are_what_is_sampled() -> None:
    by_group = RNG.normal(0, 1, 30)
    table = np.repeat(np.repeat(by_group, 20)[None], 12, axis=0) + RNG.normal(0, 0.1, (12, 600))
    alone, grouped = crossed(rows(table)), crossed(rows(table, np.repeat(np.arange(30), 20)))
    assert (alone.items, grouped.items) == (600, 30)
    assert grouped.high - grouped.low > 4 * (alone.high - alone.low)


@pytest.mark.parametrize("kind", ["items", "residual", "groups", "draws"])
def test_the_interval_covers_what_it_is_for(kind: str) -> None:
    def study() -> Effect:
        if kind == "draws":  # each draw scores its own part of a pool of items
            pool = RNG.normal(0, 1, 80)
            picked = [RNG.choice(80, 35, replace=False) for _ in range(16)]
            noisy = [pool[p] + RNG.normal(0, 0.1) + RNG.normal(0, 1, 35) for p in picked]
            return crossed([Row(differences=d, groups=p) for d, p in zip(noisy, picked, strict=True)])
        rest = 3.0 if kind == "residual" else 0.5
        table = drawn(16, 60, by_seed=0.1, by_item=0.0 if kind == "residual" else 1.0, rest=rest)
        if kind == "groups":
            table += np.repeat(RNG.normal(0, 1, 20), 3)
        return crossed(rows(table, np.arange(60) // (3 if kind == "groups" else 1)))

    studies = [study() for _ in range(400)]
    assert np.mean([e.low <= 0 <= e.high for e in studies]) > 0.92
    assert np.mean([e.significant for e in studies]) < 0.08


def test_one_group_only_says_nothing_of_others() -> None:
    with pytest.raises(ValueError, match="two groups at least"):
        crossed(rows(RNG.normal(size=(4, 5)), np.zeros(5)))


def test_rows_that_trimming_leaves_in_one_group_say_nothing_of_items() -> None:
    groups = [np.array([g] * 3) for g in (1, 2, 2, 2, 2, 2, 2, 2, 2, 2)]
    far = [Row(differences=np.full(3, float(i)), groups=g) for i, g in enumerate(groups)]
    with pytest.raises(OneGroup, match="in one group"):
        crossed(far, trim=0.1)
