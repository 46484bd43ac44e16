import numpy as np
import pytest

from nightlab.experiments.claim.parts.sensitivity import neighbours
from nightlab.experiments.numbers import written
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


RANGES = [
    (0.9999, 0.99999, False),
    (1000.01, 1000.02, False),
    (1.0, 1.0 + 1e-12, False),
    (-1000.02, -1000.01, False),
    (-1e-12, 1e-12, False),
    (-1e300, 1e300, False),
    (5e-324, 1e-310, False),
    (1e-6, 1e-1, True),
    (1e-300, 1e300, True),
    (5e-324, 1e300, True),
    (1000.0, 1000.0 + 1e-9, True),
]


@pytest.mark.parametrize(("low", "high", "log"), RANGES)
def test_a_float_reaches_what_lies_between_its_ends(low: float, high: float, log: bool) -> None:
    knob = Knob(name="k", type="float", strategy="s", default=low, low=low, high=high, log=log)
    space = Space([knob])
    values = [space.decode(np.array([u]))["k"] for u in np.linspace(0, 1, 501)]
    assert (values[0], values[-1]) == (low, high)
    assert values == sorted(values)
    assert len(set(values)) == len({written(v) for v in values}) == 501
    assert all(space.decode(space.encode({"k": v}))["k"] == v for v in values)
    assert len(neighbours(knob, values[250])) == 2
    assert all(low <= v <= high and v != values[250] for v in neighbours(knob, values[250]).values())  # type: ignore[operator]


@pytest.mark.parametrize(
    ("low", "high", "log"), [(2**60, 2**60 + 1024, False), (-5, 5, False), (10**15, 10**15 + 100, True), (1, 9, True)]
)
def test_an_int_reaches_every_whole_number(low: int, high: int, log: bool) -> None:
    knob = Knob(name="k", type="int", strategy="s", default=low, low=float(low), high=float(high), log=log)
    space = Space([knob])
    assert {space.decode(np.array([u]))["k"] for u in np.linspace(0, 1, 20 * (high - low))} == {*range(low, high + 1)}
    assert all(space.decode(space.encode({"k": v}))["k"] == v for v in range(low, high + 1))
    assert neighbours(knob, low + 1).keys() == {"down", "up"}


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.01, "0.01"), (1.0, "1"), (0.1 + 0.2, "0.30000000000000004"), (1000.012, "1000.012"), (1e300, "1e+300")],
)
def test_a_value_is_written_with_the_digits_that_tell_it_from_others(value: float, told: str) -> None:
    assert written(value) == told
    assert written(told) == told


def test_a_space_has_any_number_of_knobs() -> None:
    """More than numpy's arrays have axes, and so many that a product of ranges would overflow."""
    many = [Knob(name=f"k{i}", type="float", strategy="f", default=0.5, low=0.0, high=1e300) for i in range(100)]
    space = Space([*many, Knob(name="kind", type="choice", strategy="c", default="a", choices=("a", "b", "c"))])
    base = space.encode({k.name: k.default for k in space.knobs})
    assert [space.decode(p)["kind"] for p in space.grid(base, space.mask(["c"]))] == ["a", "b", "c"]
    assert len(space.grid(base, space.mask([]))) == 1
