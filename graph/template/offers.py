"""The numbers with names that a run printed or wrote, read as a study's runs will be read."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from nightlab.experiments.executors.executor import Performed
from nightlab.experiments.executors.local.inside.output.readings import Readings
from nightlab.experiments.executors.local.reported import metrics
from nightlab.experiments.executors.local.reported.events import table
from nightlab.experiments.template.contract import EVENTS, TABLES, ObjectiveTable, is_events

MOST = 60  # names of one source
STDOUT, STDERR = "stdout", "stderr"
_WORD = r"[^\W\d_][\w@/.-]*"
_NAMED = re.compile(rf"({_WORD}(?: {_WORD}){{0,3}})[\"']?(?:[ \t]*[:=|][ \t]*|[ \t]+)[-+]?\.?\d")


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
    for source, names in _sources(performed.outputs):
        found += [o for name in [*names][:MOST] if (o := read(performed, source, name))]
    said = dict.fromkeys(match[1] for match in _NAMED.finditer(performed.outcome.output))
    tried = ([" ".join(words[n:]) for n in range(len(words))] for words in map(str.split, [*said][:MOST]))
    said_too = (next(filter(None, (printed(performed, name) for name in names)), None) for names in tried)
    return [*dict.fromkeys([*found, *filter(None, said_too)])]


def printed(performed: Performed, name: str) -> Offer | None:
    """A number that was printed, on standard output or else on standard error."""
    return read(performed, STDOUT, name) or read(performed, STDERR, name)


def named(performed: Performed, asked: str, among: list[Offer]) -> list[Offer]:
    """What may be meant by a name, or by SOURCE:NAME, also where it was not among what was offered."""
    source, _, name = asked.partition(":")
    if name and (source in (STDOUT, STDERR) or metrics.meant(source, performed.outputs)):
        return [o for o in [read(performed, source, name)] if o]
    exact = [o for o in among if o.name == asked and o.source not in (STDOUT, STDERR)]
    return exact + [o for o in [printed(performed, asked)] if o]


def read(performed: Performed, source: str, name: str) -> Offer | None:
    """A number by its name, as a study with that source would read it; None where it would find none."""
    try:
        key = ObjectiveTable.model_validate({"metric": name, "direction": "minimize"}).metric
    except ValueError:
        return None
    try:
        if source in (STDOUT, STDERR):
            reader = Readings([key], spelt={key: name})
            text = performed.printed if source == STDOUT else performed.outcome.output
            reader.feed(text.encode(errors="replace"))
            reader.finish()
            found, _ = metrics.from_words({} if key in reader.unclear else reader.words, [key])
        else:
            found, _ = metrics.parse_file(source, metrics.meant(source, performed.outputs), [key], {key: name}, {})
    except metrics.InvalidMetrics:
        return None
    return Offer(source=source, name=name, value=found[key]) if key in found else None


def _sources(outputs: Mapping[str, bytes]) -> Iterator[tuple[str, dict[str, None]]]:
    """Each file with the names in it; a pattern stands for the event files of a log, which each run names anew."""
    logs: dict[str, list[bytes]] = {}
    for file, data in outputs.items():
        if is_events(file):
            logs.setdefault(PurePosixPath(file).parent.as_posix(), []).append(data)
            continue
        with suppress(ValueError, RecursionError, csv.Error):
            yield file, dict.fromkeys(_names(file, data))
    for folder, log in logs.items():
        names = dict.fromkeys(tag for row in table(log) for tag in row)
        yield f"*{EVENTS}*" if len(logs) == 1 else f"{folder}/*{EVENTS}*", names


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
