"""The figures that a template declares: what to draw, by a closed vocabulary, of what its runs and its judge leave."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StrictBool, StrictFloat, ValidationInfo, field_validator

from nightlab.experiments.records import Split
from nightlab.experiments.template.diagnostics import TableFault
from nightlab.experiments.template.table import Name, Table

Mark: TypeAlias = Literal["line", "points", "circles", "image"]
SOURCE = r"^(arrays|series|items)\.[A-Za-z][A-Za-z0-9_]{0,63}$"
APART = ("circles", "image")  # marks of which baseline and best have a panel each
Label = Annotated[str, Field(max_length=60)]


class LayerTable(Table):
    """What is drawn over what was drawn before it."""

    mark: Annotated[Mark, Field(examples=['"line"'])]
    data: Annotated[
        str,
        Field(
            pattern=SOURCE,
            description="arrays.NAME of the judge, series.NAME of a run or items.METRIC",
            examples=['"arrays.wealth"'],
        ),
    ]
    label: Label = ""  # the name of the data by default
    of: Literal["both", "baseline", "best"] = "both"
    take: Literal["values", "sorted", "running_sum"] = "values"


class FigureTable(Table):
    """A figure. Titles and labels are names: a number or praise in one has the plain name stand in for it."""

    key: Name
    title: Annotated[str, Field(min_length=3, max_length=120, examples=['"Account by trading day"'])]
    x: Label = ""
    y: Label = ""
    log: tuple[Literal["x", "y"], ...] = ()
    equal: StrictBool = False  # one scale for both axes
    bounds: Annotated[tuple[StrictFloat, ...], Field(min_length=4, max_length=4)] | None = None
    """left, right, low and high"""
    split: Split | None = None  # of arrays; that of the claim by default
    layer: Annotated[tuple[LayerTable, ...], Field(min_length=1, max_length=4)]

    @field_validator("bounds")
    @classmethod
    def _ordered(cls, bounds: tuple[float, ...] | None, info: ValidationInfo) -> tuple[float, ...] | None:
        if bounds is None:
            return None
        left, right, low, high = bounds
        if left >= right or low >= high:
            raise ValueError("must be [left, right, low, high], each less than the next of its axis")
        least = {"x": left, "y": low}
        if wrong := [axis for axis in info.data.get("log", ()) if least[axis] <= 0]:
            raise TableFault(f"bounds must lie above zero where log has {wrong[0]!r}")
        return bounds
