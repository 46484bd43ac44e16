"""Values that a model gives for knobs, and knobs as it is told of them."""

from __future__ import annotations

from typing import Any

import pytest

from nightlab.agents.model.parameters import ParameterRefused, assigned, the_task
from nightlab.experiments.records import Knob
from nightlab.experiments.template.loading import load
from tests.conftest import MakeTemplate

KNOBS = (
    Knob(name="narrow", type="float", strategy="s", default=1000.011, low=1000.01, high=1000.02),
    Knob(name="wide", type="int", strategy="s", default=2**60, low=float(2**60), high=float(2**60 + 2**20)),
    Knob(name="rate", type="float", strategy="s", default=1e-200, low=1e-300, high=1e300, log=True),
)


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("narrow", "1000.0123", 1000.0123),
        ("narrow", 1000.01, 1000.01),
        ("wide", 2**60 + 1, 2**60 + 1),
        ("wide", str(2**60 + 3), 2**60 + 3),
        ("rate", 1, 1.0),
    ],
)
def test_a_value_within_the_range_arrives_as_it_was_given(name: str, given: Any, value: float) -> None:
    before = {k.name: k.default for k in KNOBS}
    after = assigned({name: given}, before, KNOBS)
    assert after == {**before, name: value}
    assert type(after[name]) is type(value)


@pytest.mark.parametrize("given", [1000.0201, "0x10", None, True, [1000.015], 10**400, "nan"])
def test_a_value_out_of_range_is_refused_with_a_range_that_is_one(given: Any) -> None:
    with pytest.raises(ParameterRefused, match=r"from 1000\.01 to 1000\.02, not"):
        assigned({"narrow": given}, {}, KNOBS)


def test_a_model_is_told_of_ranges_with_all_their_digits(make_template: MakeTemplate) -> None:
    told = the_task(load(make_template()), KNOBS)
    assert told["knobs"][0] == "narrow: float from 1000.01 to 1000.02; default 1000.011"
    assert f"from {2**60} to {2**60 + 2**20}; default {2**60}" in told["knobs"][1]
    assert told["knobs"][2].endswith("from 1e-300 to 1e+300, logarithmic; default 1e-200")
    assert told["example"] == '{"narrow": 1000.0155}'
