"""The sizes of a study's data: the rows of files that the template names, counted when the data were laid out."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from nightlab.experiments.template.template import TemplateError


def measured(sizes: Mapping[str, str], places: Mapping[str, Path]) -> dict[str, int]:
    """What is counted -> rows of its file. places: the folders `inputs` and `private`.

    Raises TemplateError for a file that is not there or cannot be counted.
    """
    found = {}
    for told, name in sizes.items():
        room, _, path = name.partition("/")
        try:
            found[told] = rows(places[room] / path)
        except (OSError, ValueError, csv.Error) as error:
            raise TemplateError(
                f"template.toml: [data.sizes.{told}]: the rows of {name} cannot be counted: {error}; name a file that"
                " prepare writes"
            ) from None
    return found


def rows(file: Path) -> int:
    """The length of an array, the records of a table below its head, or the lines of a text that are not blank."""
    if file.suffix == ".npy":
        shape = np.load(file, mmap_mode="r", allow_pickle=False).shape
        if not shape:
            raise ValueError("it holds a single number")
        return int(shape[0])
    with file.open(encoding="utf-8", newline="") as lines:
        if file.suffix in (".csv", ".tsv"):
            records = csv.reader(lines, delimiter="\t" if file.suffix == ".tsv" else ",")
            return max(0, sum(map(bool, records)) - 1)
        return sum(bool(line.strip()) for line in lines)
