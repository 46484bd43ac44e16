"""The numbers with names that a run printed or wrote, read as a study's runs will be read."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from nightlab.experiments.executors.executor import Performed
from nightlab.experiments.executors.local import metrics
from nightlab.experiments.executors.local.inside.output.readings import Readings
from nightlab.experiments.template.contract import TABLES, ObjectiveTable

MOST = 60  # names of one source
STDOUT = "stdout"
_WORD = r"[^\W\d_][\w@/.-]*"
_NAMED = re.compile(
    rf"(?P<name>{_WORD}(?: {_WORD}){{0,2}})[\"']?[ \t]*[:=|][ \t]*[-+]?\.?\d|(?P<near>{_WORD})[ \t]+[-+]?\.?\d"
)


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A number: where it stands, by which name, and what it was."""

    source: str
    name: str
    value: float

    def __str__(self) -> str:
        return f"{self.name} = {self.value:g}   ({self.source})"


def offers(performed: Performed) -> list[Offer]:
    """All numbers with names, those of files first."""
    found = list[Offer]()
    for file, data in performed.outputs.items():
        with suppress(ValueError, RecursionError, csv.Error):
            names = dict.fromkeys(_names(file, data))
            found += [o for name in [*names][:MOST] if (o := read(performed, file, name))]
    names = dict.fromkeys(m["name"] or m["near"] for m in _NAMED.finditer(performed.outcome.output))
    return found + [o for name in [*names][:MOST] if (o := read(performed, STDOUT, name))]


def named(performed: Performed, asked: str, among: list[Offer]) -> list[Offer]:
    """What may be meant by a name, or by SOURCE:NAME, also where it was not among what was offered."""
    source, _, name = asked.partition(":")
    if name and (source == STDOUT or source in performed.outputs):
        return [o for o in [read(performed, source, name)] if o]
    exact = [o for o in among if o.name == asked and o.source != STDOUT]
    return exact + [o for o in [read(performed, STDOUT, asked)] if o]


def read(performed: Performed, source: str, name: str) -> Offer | None:
    """A number by its name, as a study with that source would read it; None where it would find none."""
    try:
        key = ObjectiveTable.model_validate({"metric": name, "direction": "minimize"}).metric
    except ValueError:
        return None
    try:
        if source == STDOUT:
            reader = Readings([key], spelt={key: name})
            reader.feed(performed.outcome.output.encode())
            reader.finish()
            found, _ = metrics.from_words({} if key in reader.unclear else reader.words, [key])
        else:
            found, _ = metrics.parse_file(source, performed.outputs[source], [key], {key: name}, {})
    except metrics.InvalidMetrics:
        return None
    return Offer(source=source, name=name, value=found[key]) if key in found else None


def _names(file: str, data: bytes) -> Iterator[str]:
    """The keys and columns that hold numbers."""
    if file.endswith((".csv", ".tsv")):
        head = data.decode("utf-8-sig", "replace").splitlines()[:1]
        yield from (n.strip() for line in head for n in re.split("[,;\t]", line))
    elif file.endswith((".jsonl", ".ndjson")):
        yield from _keys(json.loads(data.splitlines()[-1]), "")
    elif file.endswith(TABLES):
        yield from _keys(json.loads(data), "")


def _keys(table: Any, prefix: str) -> Iterator[str]:
    if isinstance(table, Mapping):
        for key, value in table.items():
            yield from _keys(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(table, list) and table and isinstance(table[-1], Mapping):
        yield from _keys(table[-1], prefix)
    elif prefix:
        yield prefix
