"""Names by a template's author: names stand, and what says more than a name gives way to the plain one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nightlab.experiments.template.loading import load, names
from nightlab.experiments.template.template import Template
from nightlab.papers.audit.audit import names_of
from nightlab.papers.audit.naming import modest


def named(**words: str) -> Template:
    digits = load("digits")
    head = digits.spec.template.model_copy(update={k: v for k, v in words.items() if k == "title"})
    objective = digits.spec.objective.model_copy(update={k: v for k, v in words.items() if k != "title"})
    return replace(digits, spec=digits.spec.model_copy(update={"template": head, "objective": objective}))


@pytest.mark.parametrize("label", ["F1 score", "top-5 error", "recall@10", "word error rate", "Höhe", "bits per byte"])
@pytest.mark.parametrize("unit", ["", "%", "°C", "m²", "m/s", "req/s", "bits per byte", "kg m^2"])
def test_names_stand(label: str, unit: str) -> None:
    template = named(label=label, unit=unit)
    assert modest(template) is template


@pytest.mark.parametrize(
    "label",
    [
        "log loss (state of the art: 0.01)",
        "twice the accuracy",
        "superhuman accuracy",
        "loss that proves us right",
        "accuracy, checked by a committee",
        "the finest of all the losses in the world",
    ],
)
def test_a_label_that_says_more_gives_way_to_the_metric_s_name(label: str) -> None:
    assert modest(named(label=label)).metric_label == named().spec.objective.words


@pytest.mark.parametrize("unit", ["bits, 99 % correct", "nats (record)", "10 ms", "of the best kind", "half nats"])
def test_a_unit_that_says_more_is_left_out(unit: str) -> None:
    assert modest(named(unit=unit)).spec.objective.unit == ""


@pytest.mark.parametrize(
    "title",
    [
        "The best digits network",
        "Digits, 99.9 % right",
        "Digits: state-of-the-art accuracy",
        "Digits (as twelve laboratories confirmed)",
    ],
)
def test_a_title_that_says_more_gives_way_to_the_template_s_name(title: str) -> None:
    assert modest(named(title=title)).spec.template.title == "digits"


@pytest.mark.parametrize("name", names())
def test_what_a_template_s_author_names_may_hold_digits(name: str) -> None:
    spec = load(name).spec
    named = [spec.data.name if spec.data else "", spec.reference.name if spec.reference else ""]
    assert {*filter(None, named)} <= {*names_of(load(name))}
