import numpy as np
import pytest
from scipy import stats

from nightlab.experiments.claim.statistics.inference import compare
from nightlab.experiments.claim.statistics.power import smallest_effect
from nightlab.experiments.claim.statistics.reliability import oftener, rate_bound, reliability, watched, with_losses

RNG = np.random.default_rng(5)


@pytest.mark.parametrize(("runs", "one_in"), [(24, 8), (173, 58), (6, 2)])
def test_the_rule_of_three(runs: int, one_in: int) -> None:
    assert int(1 / rate_bound(0, runs)) == one_in


@pytest.mark.parametrize(("wrong", "runs"), [(0, 24), (2, 24), (7, 24), (24, 24)])
def test_the_bound_of_a_rate_agrees_with_scipy(wrong: int, runs: int) -> None:
    found = stats.binomtest(wrong, runs, alternative="less").proportion_ci(0.95)
    assert rate_bound(wrong, runs) == pytest.approx(found.high)


@pytest.mark.parametrize(
    ("ours", "theirs"), [((3, 24), (0, 24)), ((1, 173), (0, 24)), ((5, 30), (4, 20)), ((2, 9), (2, 9))]
)
def test_going_wrong_oftener_agrees_with_scipy(ours: tuple[int, int], theirs: tuple[int, int]) -> None:
    share = ours[1] / (ours[1] + theirs[1])
    expected = stats.binomtest(ours[0], ours[0] + theirs[0], share, alternative="greater").pvalue
    assert oftener(*ours, *theirs) == pytest.approx(expected)
    assert oftener(0, ours[1], *theirs) == 1.0


def test_a_failed_run_of_the_best_is_a_loss_and_not_a_pair_left_out() -> None:
    before, after = with_losses([1.0, 2.0, None, 0.5], [3.0, None, 9.0, 2.0])
    assert (before, after) == ([1.0, 2.0, 0.5], [3.0, 0.5, 2.0])


def test_seven_of_24_that_fail_end_a_claim_that_the_others_would_make() -> None:
    base = RNG.normal(size=24).tolist()
    best = [v + 3 if i % 4 else None for i, v in enumerate(base)] + []
    seen = reliability(base, best)
    assert (seen.wrong, seen.failed, seen.holds) == (6, 6, False)
    assert compare(*with_losses(base, best)).effect < 3


def test_a_catastrophe_counts_as_one_that_failed_and_heavy_tails_on_both_sides_do_not() -> None:
    base = RNG.normal(size=24)
    seen = reliability(base.tolist(), (base + 0.5).tolist(), [0.5] * 147 + [-50.0, -60.0])
    assert (seen.wrong, seen.failed, seen.worst, seen.holds) == (2, 0, -60.0, True)  # the baseline had 24 chances only
    beside = reliability([*base, *[0.0] * 149], [*(base + 0.5), *[0.5] * 147, -50.0, -60.0])
    assert (beside.wrong, beside.holds) == (2, False)
    held = [reliability(*RNG.standard_cauchy((2, 173)).tolist()).holds for _ in range(200)]
    assert np.mean(held) > 0.7


def test_runs_without_spread_or_gain_have_no_catastrophes() -> None:
    assert reliability([1.0] * 6, [1.0] * 6).wrong == 0
    assert reliability([1.0, 2.0], [None, None]).worst is None


def test_where_runs_are_cheap_one_in_fifty_is_hardly_missed() -> None:
    assert watched(24) == 149
    assert 0.98 ** watched(24) < 0.05


@pytest.mark.parametrize("n", [6, 24])
def test_the_smallest_effect_is_found_with_the_power_that_is_said(n: int) -> None:
    effect = smallest_effect(2.0, n, level=0.025, cut=int(0.2 * n))
    pairs = zip(RNG.normal(0, 2, (1500, n)).tolist(), RNG.normal(effect, 2, (1500, n)).tolist(), strict=True)
    assert 0.76 < np.mean([compare(a, b, level=0.025).significant for a, b in pairs]) < 0.88
