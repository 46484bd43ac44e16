"""What the tables of a template's files are made of: strict tables, names, numbers."""

from __future__ import annotations

from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
)

from nightlab.experiments.template.diagnostics import ENTRY

METRIC = r"^[A-Za-z][A-Za-z0-9_]{0,63}$"
MOST = 1e300  # the largest number of a knob


class Table(BaseModel):
    """A table of a file. What concerns several keys is checked at the last of them, with those of `info.data` that are
    right by themselves: so one report has all faults, where a validator of the whole table would wait for the rest.
    Numbers and truth values are strict, since a text that reads as one is a mistake; 2 and 2.0 are the same number."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$",
        description="a name of at most 64 letters, digits, _ and -, with a letter first",
        examples=['"my-name"'],
    ),
]
Metric = Annotated[
    str,
    Field(
        pattern=METRIC,
        description="a name of at most 64 letters, digits and _, with a letter first; give any other as source",
        examples=['"accuracy"'],
    ),
]
Whole = Annotated[
    StrictInt, BeforeValidator(lambda value: int(value) if isinstance(value, float) and value.is_integer() else value)
]
Entry = Annotated[
    str, Field(pattern=ENTRY, description='"module:function", without .py', examples=['"module:function"'])
]
Files = Annotated[tuple[str, ...], Field(min_length=1, examples=['["experiment.py"]'])]
Sentence = Annotated[str, Field(min_length=3, examples=['"A few words."'])]
