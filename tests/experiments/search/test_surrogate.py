import math

import numpy as np
import pytest
from scipy import integrate, optimize, stats

from nightlab.experiments.search.surrogate import GaussianProcess, Prior, log_expected_improvement, winsorized

PRIOR = Prior(weight=1.0, length=-0.7, noise=math.log(0.05))
RNG = np.random.default_rng(1)


def fit(points: np.ndarray, targets: np.ndarray, unordered: list[bool] | None = None) -> GaussianProcess:
    mask = np.array(unordered or [False] * points.shape[1])
    return GaussianProcess(points, targets, np.ones(len(points)), mask, PRIOR)


def test_it_learns_a_smooth_function_from_few_points() -> None:
    def height(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(3 * x[:, 0]) + (x[:, 1] - 0.4) ** 2)

    points, fresh = RNG.random((40, 2)), RNG.random((200, 2))
    mean, _ = fit(points, height(points)).predict(fresh)
    assert np.corrcoef(mean, height(fresh))[0, 1] > 0.98


def test_it_learns_what_an_unordered_knob_does() -> None:
    points = np.array([[(i % 4 + 0.5) / 4, RNG.random()] for i in range(24)])
    mean, _ = fit(points, np.where(points[:, 0] == 0.375, 1.0, 0.0), [True, False]).predict(
        np.array([[0.125, 0.5], [0.375, 0.5], [0.625, 0.5]])
    )
    assert mean[1] > mean[0] + 0.5
    assert mean[1] > mean[2] + 0.5


def test_it_is_surer_near_what_it_saw() -> None:
    points = RNG.random((20, 2)) * 0.3
    _, deviation = fit(points, points.sum(axis=1)).predict(np.array([points[0], [1.0, 1.0]]))
    assert deviation[0] < deviation[1]


def test_more_replicates_pull_harder() -> None:
    points, targets = RNG.random((12, 1)), RNG.normal(size=12)
    errors = [
        abs(GaussianProcess(points, targets, np.r_[n, np.ones(11)], np.array([False]), PRIOR).fitted[0] - targets[0])
        for n in (1.0, 1000.0)
    ]
    assert errors[1] <= errors[0]


@pytest.mark.parametrize("unordered", [[False, False], [True, False]])
def test_the_gradient_of_the_fit_is_right(unordered: list[bool]) -> None:
    points = np.column_stack([(RNG.integers(4, size=15) + 0.5) / 4, RNG.random(15)])
    model = fit(points, RNG.normal(size=15), unordered)
    objective = model._objective(np.zeros(5), np.ones(5))
    for _ in range(5):
        theta = RNG.normal(scale=0.5, size=5)
        numeric = optimize.approx_fprime(theta, lambda t: objective(t)[0], 1e-6)
        assert objective(theta)[1] == pytest.approx(numeric, rel=1e-3, abs=1e-4)


def test_winsorized_scores_keep_the_order_and_tame_the_bad_ones_only() -> None:
    scores = winsorized(np.array([0.5, -1e9, 0.7, 0.5, 0.6]))
    assert scores[0] == scores[3]
    assert scores[1] < scores[0] < scores[4] < scores[2]
    assert np.abs(scores).max() < 3
    assert winsorized(np.array([1.0, 1.0, 1.0, 0.0]))[3] < 0  # the best is the median: nothing to measure a cut by
    assert (winsorized(np.ones(4)) == 0).all()


@pytest.mark.parametrize("mean", [2.0, 0.0, -3.0, -5.9, -6.1, -9.0])
def test_the_logarithm_of_the_expected_improvement_is_that_of_the_integral(mean: float) -> None:
    value, _ = integrate.quad(lambda f: f * stats.norm.pdf(f, mean, 1.0), 0, 12)
    found = log_expected_improvement(np.array([mean]), np.array([1.0]), 0.0)
    assert found[0] == pytest.approx(math.log(value), abs=0.01)


def test_expected_improvement_still_orders_where_all_hope_is_small() -> None:
    found = log_expected_improvement(np.array([-500.0, -400.0, -300.0]), np.ones(3), 0.0)
    assert found[0] < found[1] < found[2]


def test_equal_targets_are_no_obstacle() -> None:
    mean, deviation = fit(RNG.random((10, 2)), np.zeros(10)).predict(RNG.random((5, 2)))
    assert np.isfinite(mean).all()
    assert np.isfinite(deviation).all()
