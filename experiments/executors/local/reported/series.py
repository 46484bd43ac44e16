"""Series that a run reports: how its values went, step by step. They decide nothing and show in a paper's figure."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping

from nightlab.experiments.template.table import METRIC

FILE = "series.csv"  # among the outputs: step,name,value
HEAD = ["step", "name", "value"]
BYTES, NAMES, STEPS = 1 << 18, 8, 2000  # at most: of the file, series in it, steps of each
LARGEST = 1e300

Series = dict[str, list[tuple[float, float]]]  # name -> (step, value), steps ascending


class BadSeries(ValueError):
    """A file that is not what it should be; the message says why."""


def read(outputs: Mapping[str, bytes]) -> Series:
    """The series among a run's outputs; none where it wrote none. Raises BadSeries."""
    data = outputs.get(FILE)
    if data is None:
        return {}
    if len(data) > BYTES:
        raise BadSeries(f"is larger than {BYTES} bytes")
    try:
        rows = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), strict=True)
        if next(rows, None) != HEAD:
            raise BadSeries(f"must begin with the line {','.join(HEAD)}")
        found: Series = {}
        for row in filter(None, rows):
            _take(found, row, rows.line_num)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadSeries(f"is no CSV in UTF-8: {error}") from None
    return found


def _take(found: Series, row: list[str], line: int) -> None:
    if len(row) != len(HEAD):
        raise BadSeries(f"line {line}: must have a step, a name and a value")
    step, value = _number(row[0], line), _number(row[2], line)
    if not re.fullmatch(METRIC, name := row[1]):
        raise BadSeries(f"line {line}: {ascii(name)[:80]} is no name of letters, digits and _, with a letter first")
    points = found.setdefault(name, [])
    if len(found) > NAMES or len(points) >= STEPS:
        raise BadSeries(f"has more than {NAMES} names, or {STEPS} steps of one; write fewer of them")
    if points and step <= points[-1][0]:
        raise BadSeries(f"line {line}: the steps of {name} must ascend")
    points.append((step, value))


def _number(text: str, line: int) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= LARGEST:
        raise BadSeries(f"line {line}: {ascii(text)[:80]} is no finite number")
    return value
