"""The numeric search's model: what it learns from few trials, and how it takes their scores."""

from __future__ import annotations

import numpy as np
import pytest

from nightlab.experiments.records import Knob
from nightlab.experiments.search import surrogate
from nightlab.experiments.search.space import Space
from nightlab.experiments.search.surrogate import Landscapes, winsorized

RNG = np.random.default_rng(1)
TWO = Space([Knob(name=name, type="float", strategy="s", default=0.5, low=0.0, high=1.0) for name in "xy"])
OPS = ("none", "skip", "conv")


def choice(name: str, choices: tuple[str, ...] = OPS) -> Knob:
    return Knob(name=name, type="choice", strategy="s", default=choices[0], choices=choices)


def fit(
    points: np.ndarray, targets: np.ndarray, space: Space = TWO, replicates: np.ndarray | None = None
) -> Landscapes:
    return Landscapes(points, targets, np.ones(len(points)) if replicates is None else replicates, space)


def mean(model: Landscapes, points: np.ndarray) -> np.ndarray:
    return model.upper_bound(points, 0.0)


def deviation(model: Landscapes, points: np.ndarray) -> np.ndarray:
    return model.upper_bound(points, 1.0) - mean(model, points)


def test_it_learns_a_smooth_function_from_few_points() -> None:
    def height(x: np.ndarray) -> np.ndarray:
        return np.asarray(np.sin(3 * x[:, 0]) + (x[:, 1] - 0.4) ** 2)

    points, fresh = RNG.random((40, 2)), RNG.random((200, 2))
    assert np.corrcoef(mean(fit(points, height(points)), fresh), height(fresh))[0, 1] > 0.98


def test_it_learns_what_an_unordered_knob_does() -> None:
    space = Space([choice("kind", ("b", "a", "d", "c")), *TWO.knobs[:1]])
    points = np.array([[(i % 4 + 0.5) / 4, RNG.random()] for i in range(24)])
    found = mean(
        fit(points, np.where(points[:, 0] == 0.375, 1.0, 0.0), space),
        np.array([[0.125, 0.5], [0.375, 0.5], [0.625, 0.5]]),
    )
    assert found[1] > found[0] + 0.5
    assert found[1] > found[2] + 0.5


def test_knobs_alike_learn_of_each_other() -> None:
    """ "conv" was seen to help on two edges of four; it is expected to help on the others."""
    space = Space([choice(f"edge{i}") for i in range(4)])
    assert space.alike == ([0, 1, 2, 3],)
    rows = [
        {**{f"edge{i}": "none" for i in range(4)}, **{f"edge{i}": op for i, op in enumerate(pair)}}
        for pair in (("none", "none"), ("conv", "none"), ("none", "conv"), ("conv", "conv"), ("skip", "skip"))
    ]
    points = np.stack([space.encode(row) for row in rows])
    model = fit(points, np.array([0.0, 1.0, 1.0, 2.0, 0.2]), space)
    fresh = [{"edge0": "none", "edge1": "none", "edge2": op, "edge3": "none"} for op in ("conv", "skip")]
    conv, skip = mean(model, np.stack([space.encode(row) for row in fresh]))
    assert conv > skip + 0.2


def test_switches_pairs_and_numbers_are_not_taken_for_knobs_alike() -> None:
    switches = [choice(f"s{i}", ("on", "off")) for i in range(4)]
    numbers = [Knob(name=f"n{i}", type="choice", strategy="s", default=1, choices=(1, 2, 4)) for i in range(3)]
    assert Space([*switches, *numbers, choice("a"), choice("b")]).alike == ()


def test_it_is_surer_near_what_it_saw() -> None:
    points = RNG.random((20, 2)) * 0.3
    found = deviation(fit(points, points.sum(axis=1)), np.array([points[0], [1.0, 1.0]]))
    assert 0 < found[0] < found[1]


def test_more_replicates_pull_harder() -> None:
    points, targets = RNG.random((12, 2)), RNG.normal(size=12)
    errors = [abs(fit(points, targets, replicates=np.r_[n, np.ones(11)]).fitted[0] - targets[0]) for n in (1.0, 1000.0)]
    assert errors[1] <= errors[0]


def test_the_noise_is_told_from_the_data() -> None:
    """Where neighbours differ by chance alone, the mean goes between them instead of through them."""
    points = np.repeat(RNG.random((15, 2)), 2, axis=0) + RNG.normal(scale=1e-3, size=(30, 2))
    noise = np.tile([1.0, -1.0], 15)
    noisy, clean = fit(points, noise), fit(points, np.sin(5 * points[:, 0]))
    assert np.abs(noisy.fitted).max() < 0.5
    assert np.abs(clean.fitted - np.sin(5 * points[:, 0])).max() < 0.2


def test_winsorized_scores_keep_the_order_and_tame_the_bad_ones_only() -> None:
    scores = winsorized(np.array([0.5, -1e9, 0.7, 0.5, 0.6]))
    assert scores[0] == scores[3]
    assert scores[1] < scores[0] < scores[4] < scores[2]
    assert np.abs(scores).max() < 3
    assert winsorized(np.array([1.0, 1.0, 1.0, 0.0]))[3] < 0  # the best is the median: nothing to measure a cut by
    assert (winsorized(np.ones(4)) == 0).all()


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_neither_unit_nor_origin_of_the_scores_matters(scale: float) -> None:
    scores = np.array([0.1, 0.5, 0.4, 0.9])
    assert winsorized(scale * scores + scale) == pytest.approx(winsorized(scores))


def test_equal_targets_are_no_obstacle() -> None:
    model = fit(RNG.random((10, 2)), np.zeros(10))
    assert np.isfinite(model.upper_bound(RNG.random((5, 2)), 3.0)).all()


def test_a_knob_that_does_nothing_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """With lengths and weights of each knob's own, one of six knobs that matters is learnt better than by even ones."""
    space = Space([Knob(name=f"x{i}", type="float", strategy="s", default=0.5, low=0.0, high=1.0) for i in range(6)])
    points, fresh = RNG.random((40, 6)), RNG.random((300, 6))
    errors = []
    for uneven in (surrogate.UNEVEN, 0):
        monkeypatch.setattr(surrogate, "UNEVEN", uneven)
        errors.append(
            np.abs(mean(fit(points, np.sin(9 * points[:, 2]), space), fresh) - np.sin(9 * fresh[:, 2])).mean()
        )
    assert errors[0] < 0.8 * errors[1]
