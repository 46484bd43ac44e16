import numpy as np
import pytest

from nightlab.experiments.records import Knob
from nightlab.experiments.search.space import Space

KNOBS = (
    Knob(name="rate", type="float", strategy="s", default=0.01, low=1e-4, high=1.0, log=True),
    Knob(name="depth", type="int", strategy="t", default=2, low=1, high=6),
    Knob(name="width", type="int", strategy="t", default=64, low=16, high=1024, log=True),
    Knob(name="size", type="choice", strategy="t", default=8, choices=(4, 8, 32)),
    Knob(name="kind", type="choice", strategy="u", default="b", choices=("a", "b", "c", "d")),
)
SPACE = Space(KNOBS)


def test_every_value_comes_back() -> None:
    for point in np.random.default_rng(0).random((300, len(KNOBS))):
        params = SPACE.decode(point)
        again = SPACE.decode(SPACE.encode(params))
        assert again == params
        assert SPACE.decode(SPACE.snap(point[None, :].copy())[0]) == params or KNOBS[2].log


def test_bounds_are_reached_and_kept() -> None:
    low, high = SPACE.decode(np.zeros(5)), SPACE.decode(np.ones(5))
    assert low == {"rate": 1e-4, "depth": 1, "width": 16, "size": 4, "kind": "a"}
    assert high == {"rate": 1.0, "depth": 6, "width": 1024, "size": 32, "kind": "d"}


def test_types_are_those_of_the_knobs() -> None:
    params = SPACE.decode(np.full(5, 0.5))
    assert [type(v) for v in params.values()] == [float, int, int, int, str]


def test_only_choices_without_an_order_are_unordered() -> None:
    assert SPACE.unordered.tolist() == [False, False, False, False, True]


def test_the_size_counts_what_moves() -> None:
    assert SPACE.size(SPACE.mask(["t"])) == 6 * 1009 * 3
    assert SPACE.size(SPACE.mask(["u"])) == 4
    assert SPACE.size(SPACE.mask(["s"])) == float("inf")


def test_the_grid_holds_every_assignment_once() -> None:
    base = SPACE.encode({k.name: k.default for k in KNOBS})
    free = np.array([False, True, False, True, True])
    found = {SPACE.key(SPACE.decode(p)) for p in SPACE.grid(base, free)}
    assert len(found) == 6 * 3 * 4
    assert {(key[0], key[2]) for key in found} == {(0.01, 64)}


def test_a_space_without_knobs_is_refused() -> None:
    with pytest.raises(ValueError, match=r"at least one declared knob"):
        Space([])
