"""Formulas of what was set: the study, its template and its plan before the search, trials and steps in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from nightlab.experiments.claim.precedents import chance
from nightlab.experiments.claim.statistics.inference import COVERAGE
from nightlab.experiments.records import ParamValue
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.facts.registry import Value, formula

SETTINGS, TEMPLATE, PLAN = "the study's settings", "template.toml", "the preregistration"


@formula("{name} of the study", SETTINGS)
def study_setting(e: Evidence, name: str) -> Value:
    return Value(getattr(e.settings, name))


@formula("{key}", TEMPLATE)
def template_key(e: Evidence, key: str) -> Value:
    """A number of the template by its dotted key; parts that are numbers count the entries of a list from 0."""
    found: Any = e.template.spec
    for part in key.split("."):
        if isinstance(found, Mapping):
            found = found[part]
        elif isinstance(found, Sequence):
            found = found[int(part)]
        else:
            found = getattr(found, part)
    return Value(found)


@formula("preregistered number of the confirmation's pairs", PLAN)
def planned(e: Evidence) -> Value:
    return Value(len(e.preregistration.seeds))


@formula("preregistered: {key}", PLAN)
def preregistered(e: Evidence, key: str) -> Value:
    return Value(getattr(e.preregistration, key))


@formula("coverage of all intervals, but for those of a claim", "the protocol")
def coverage(e: Evidence) -> Value:  # noqa: ARG001
    return Value(100 * COVERAGE)


@formula("studies of the template beside this one, as it began: {what}", "the record of the study's start")
def precedents(e: Evidence, what: Literal["all", "before", "claimed", "chance"]) -> Value:
    """all: with this one. claimed: an improvement. chance: that luck alone leads one of all to a claim, in per cent."""
    found = e.precedents
    values = {"all": found.others + 1, "before": found.others, "claimed": found.claimed, "chance": 100 * chance(found)}
    return Value(values[what])


@formula("coverage of the interval of {which}, by the level of its test", PLAN)
def claim_coverage(e: Evidence, which: str, number: int = 0) -> Value:  # noqa: ARG001
    """number: of an earlier claim, which counts from 1; 0 is the present one."""
    return Value(100 * (e.earlier[number - 1] if number else e.claim).coverage)


@formula("knobs that {whose} may move", TEMPLATE)
def knobs(e: Evidence, whose: str) -> Value:
    reach = _strategies(e, whose)
    return Value(sum(k.strategy in reach for k in e.template.knobs))


@formula("strategies of {whose}", TEMPLATE)
def strategies(e: Evidence, whose: str) -> Value:
    return Value(len(_strategies(e, whose)))


def _strategies(e: Evidence, whose: str) -> tuple[str, ...]:
    return e.idea_strategies if whose == "the idea" else e.template.strategies


@formula("parameter {name} of trial {trial}", "the trial in the ledger")
def parameter(e: Evidence, trial: int, name: str) -> Value:
    return Value(float_or_int(e.trials[trial].change.params[name]))


@formula("{step}: the knob's value one step away from the best", "the step in the ledger")
def step_value(e: Evidence, step: str) -> Value:
    return Value(float_or_int(next(row.value for row in e.sensitivity if row.key == step)))


@formula("rows that the template has counted of the data: {told}", "the data as laid out")
def data_size(e: Evidence, told: str) -> Value:
    return Value(e.sizes[told])


@formula("default of {name}", TEMPLATE)
def default(e: Evidence, name: str) -> Value:
    return Value(float_or_int(e.template.defaults[name]))


def float_or_int(value: ParamValue) -> float:
    if isinstance(value, str):
        raise ValueError(f"{value!r} is no number")
    return value
