"""The tables of knobs: [search.space], what it requires, and [fidelity]."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    StrictBool,
    StrictFloat,
    ValidationInfo,
    field_validator,
)

from nightlab.experiments.records import ParamValue
from nightlab.experiments.template.command import text
from nightlab.experiments.template.diagnostics import TableFault
from nightlab.experiments.template.knobs import rules
from nightlab.experiments.template.table import MOST, Name, Table, Whole


class KnobTable(Table):
    type: Annotated[Literal["float", "int", "bool", "choice", "ordinal"], Field(examples=['"float"'])]
    strategy: Name
    low: StrictFloat | None = None
    high: StrictFloat | None = None
    log: StrictBool = False
    choices: tuple[Any, ...] = ()
    default: Annotated[Any, Field(examples=["0.1"])]
    texts: tuple[str, ...] = ()  # how the choices stand in a command and the environment; for bool, false comes first
    when: dict[str, Any] = Field(default_factory=dict)  # values of other knobs without which it has no effect
    env: str = ""  # a variable of the environment that has its value
    key: str = ""  # a key of a file of the artifact that has it, as FILE:a.b.c
    constant: str = ""  # a constant of a Python file of the artifact, as FILE:NAME

    @field_validator("default", "choices", mode="before")
    @classmethod
    def _plain(cls, value: Any, info: ValidationInfo) -> Any:
        kind = info.data.get("type", "choice")
        if info.field_name == "default" and kind not in ("choice", "ordinal"):
            if isinstance(value, bool) and kind != "bool":
                raise ValueError(
                    f'must be a number, as the knob is of type "{kind}"; true and false are of type "bool"'
                )
            if isinstance(value, list | dict):
                raise ValueError("must be one number or text in quotes")
        for v in _leaves(value):
            if not isinstance(v, int | float | str):
                raise ValueError("must hold numbers, texts in quotes, true or false, and lists of these only")
            if isinstance(v, int | float) and not abs(v) <= MOST:
                raise ValueError(f"must hold finite numbers of at most {MOST:g} only")
        return value

    @field_validator("high")
    @classmethod
    def _a_range(cls, high: float | None, info: ValidationInfo) -> float | None:
        kind = info.data.get("type", "choice")
        if kind not in ("int", "float") or "low" not in info.data:
            return high
        low = info.data["low"]
        if low is None or high is None:
            raise TableFault(f"{'an' if kind == 'int' else 'a'} {kind} needs low and high")
        if low >= high:
            raise TableFault(f"low = {low:g} must be smaller than high = {high:g}")
        if kind == "int" and not (low.is_integer() and high.is_integer()):
            raise TableFault("an int needs whole numbers for low and high")
        return high

    @field_validator("log")
    @classmethod
    def _above_zero(cls, log: bool, info: ValidationInfo) -> bool:
        low = info.data.get("low")
        if log and low is not None and low <= 0:
            raise TableFault(f"log = true needs low > 0, and low is {low:g}")
        return log

    @field_validator("choices")
    @classmethod
    def _a_choice(cls, choices: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        if (kind := info.data.get("type")) in ("choice", "ordinal"):
            if len(names := {label(choice) for choice in choices}) < 2:
                article = "an" if kind == "ordinal" else "a"
                raise TableFault(f"{article} {kind} needs choices = [...] with at least two different values")
            if len(names) < len(choices) and any(isinstance(c, bool | list | dict) for c in choices):
                raise TableFault("two of the choices cannot be told apart")
        return (False, True) if kind == "bool" else choices

    @field_validator("default")
    @classmethod
    def _within(cls, default: Any, info: ValidationInfo) -> Any:
        kind, low, high = (info.data.get(name) for name in ("type", "low", "high"))
        if kind == "bool" and not isinstance(default, bool):
            raise TableFault(f"default {default!r} must be true or false, as the knob is a bool")
        choices = info.data.get("choices", ())
        if kind in ("choice", "ordinal") and choices and label(default) not in map(label, choices):
            raise TableFault(f"default {default!r} is not among the choices {list(choices)}")
        if kind in ("int", "float") and low is not None and high is not None:
            if not isinstance(default, int | float) or not low <= default <= high:
                raise TableFault(f"default {default!r} must be a number from {low:g} to {high:g}")
            if kind == "int" and default != int(default):
                raise TableFault(f"default {default!r} must be a whole number, as the knob is an int")
        return default

    @field_validator("texts")
    @classmethod
    def _one_each(cls, texts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if texts and len(texts) != len(info.data.get("choices", texts)):
            raise TableFault(f"texts needs one for each of the choices {list(info.data['choices'])}")
        return texts

    @field_validator("env")
    @classmethod
    def _a_variable(cls, env: str) -> str:
        if env and (not env.isidentifier() or env.startswith("NIGHTLAB_")):
            raise ValueError("must be a name of letters, digits and _, and none that begins with NIGHTLAB_")
        return env

    @field_validator("key", "constant")
    @classmethod
    def _in_a_file(cls, place: str, info: ValidationInfo) -> str:
        if place and not re.fullmatch(r"[^:]+:[^:\s]+", place):
            form = "train.py:LEARNING_RATE" if info.field_name == "constant" else "config.yaml:optimizer.lr"
            raise ValueError(f'must be the file and what stands in it, such as "{form}"')
        return place

    @property
    def labels(self) -> tuple[ParamValue, ...]:
        """The choices as they are told: those that are no numbers or texts by their JSON."""
        return tuple(map(label, self.choices))

    def text(self, value: Any) -> str:
        """A value as it stands in a command or a variable."""
        if self.texts:
            return self.texts[self.labels.index(label(value))]
        return text(label(value))


def label(value: Any) -> ParamValue:
    """A choice as a number or a text."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | list | dict | tuple) else value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    else:
        yield value


class FidelityTable(Table):
    """A parameter that makes a run cheaper, such as epochs or a share of the data; in proportion, so the cost says."""

    knob: Name
    low: Annotated[StrictFloat, Field(gt=0, examples=["1"])]
    high: Annotated[StrictFloat, Field(gt=0, examples=["30"])]  # what every run gets that counts
    factor: Annotated[Whole, Field(ge=2, le=10)] = 3

    @field_validator("knob")
    @classmethod
    def _a_parameter(cls, knob: str) -> str:
        if not knob.isidentifier():
            raise ValueError("is no name for a parameter: use letters, digits and underscores")
        return knob

    @field_validator("factor")
    @classmethod
    def _rising(cls, factor: int, info: ValidationInfo) -> int:
        low, high = info.data.get("low"), info.data.get("high")
        if low and high and low * factor > high:
            raise TableFault(f"low = {low:g} must be at most 1/{factor} of high = {high:g}")
        return factor

    @property
    def levels(self) -> tuple[int | float, ...]:
        """Each `factor` times the one before, at most 1/`factor` of the full one; whole where low and high are."""
        whole = self.low == int(self.low) and self.high == int(self.high)
        found: list[int | float] = []
        level = self.low
        while level * self.factor <= self.high:
            found.append(round(level) if whole else level)
            level *= self.factor
        return tuple(found)

    @property
    def full(self) -> dict[str, ParamValue]:
        """The parameter of a run that counts."""
        return {self.knob: int(self.high) if isinstance(self.levels[0], int) else self.high}


class Search(Table):
    require: tuple[str, ...] = ()  # comparisons of knobs that each assignment must meet
    space: dict[str, KnobTable] = Field(default_factory=dict)

    @field_validator("require")
    @classmethod
    def _comparisons(cls, require: tuple[str, ...]) -> tuple[str, ...]:
        for rule in require:
            rules.names(rule)
        return require

    @field_validator("space")
    @classmethod
    def _names(cls, space: dict[str, KnobTable]) -> dict[str, KnobTable]:
        if bad := [name for name in space if not name.isidentifier()]:
            raise ValueError(f"{bad[0]!r} is no name for a knob: use letters, digits and underscores")
        return space
