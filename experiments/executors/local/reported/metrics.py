"""Metrics: a flat table of finite numbers, in which an integer is a number and a truth value is not.

Those that count must be there and be numbers. Of the others, what is none is left out and told: it decides nothing.
"""

from __future__ import annotations

import csv
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any

from nightlab.experiments.executors.local.reported import events
from nightlab.experiments.executors.local.text import clean
from nightlab.experiments.template.contract import is_events

_LARGEST = 1e300
_COUNT, _TOLD, _BYTES = 256, 5, 1 << 23
_DECIMAL = r"[-+]?(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+(?:\.[0-9]*)?|[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
_PRINTED = re.compile(rf"({_DECIMAL}|[-+]?(?:nan|inf|infinity))(?: ?(%|[^\W\d_].*))?", re.IGNORECASE)


_NOTHING = object()


class InvalidMetrics(ValueError):
    """What was reported is no table of numbers; the message says why."""


@dataclass(frozen=True)
class _Wrong:
    """What stands in the place of a value that is no number whatever it says."""

    why: str


Found = tuple[dict[str, float], tuple[str, ...]]  # the metrics, and what is to be told of those that were left out


def parse_json(text: bytes | str, needed: Sequence[str]) -> Found:
    """The metrics of a JSON object."""
    return check(_decoded(text), needed)


def parse_file(
    name: str, files: Mapping[str, bytes], needed: Sequence[str], spelt: Mapping[str, str], takes: Mapping[str, str]
) -> Found:
    """The metrics of a file of JSON, of JSON lines, or of columns, or of TensorBoard's event files, by its name.

    files: those that the name means, one but for event files. spelt: those that stand there under another key, such as
    `a.b.0`: of an object in an object, or of a list. takes: what is taken of a series, such as a column or a list of
    objects, where it is not the last value.
    """
    data = next(iter(files.values()))
    if is_events(name):
        table: Any = _logged(files, [spelt.get(metric, metric) for metric in needed])
    elif name.endswith((".csv", ".tsv")):
        table = _rows(data, "\t" if name.endswith(".tsv") else "")
    elif name.endswith((".jsonl", ".ndjson")):
        table = [_decoded(line) for line in data.splitlines() if line.strip()]
    else:
        table = _decoded(data)
    found, passed = {}, {}
    for metric in needed:
        key, take = spelt.get(metric, metric), takes.get(metric, "last")
        if (value := _reached(table, key)) is not _NOTHING:
            found[metric] = _taken(value, take)
            if take in ("min", "max") and isinstance(value, list) and found[metric] in value:
                passed[metric] = sum(map(bool, map(_no_number, value)))
    if not isinstance(table, Mapping):
        table = {}
    inside = {spelt.get(metric, metric).partition(".")[0] for metric in needed}
    kept, notes = check({**{k: v for k, v in table.items() if k not in inside}, **found}, needed)
    return kept, (*notes, *passed_over(passed, takes))


def meant(name: str, files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The file that a name, or a pattern of names, means; of event files all. Raises InvalidMetrics for other ones."""
    if name in files:
        return {name: files[name]}
    found = {each: data for each, data in files.items() if fnmatchcase(each, name)}
    if len(found) > 1 and not is_events(name):
        told = ", ".join(clean(each) for each in sorted(found)[:_TOLD])
        raise InvalidMetrics(f"evaluate.parse = {name!r} means {len(found)} files ({told}) and must mean one")
    return found


def _logged(files: Mapping[str, bytes], keys: Sequence[str]) -> list[dict[str, float]]:
    """The scalars of all event files; those of one folder are one log."""
    logs: dict[str, list[bytes]] = {}
    for name in sorted(files):
        logs.setdefault(PurePosixPath(name).parent.as_posix(), []).append(files[name])
    tables = {folder: events.table(log) for folder, log in logs.items()}
    for key in keys:
        if len(there := [folder for folder, rows in tables.items() if any(key in row for row in rows)]) > 1:
            told = " and of ".join(clean(folder) for folder in there[:_TOLD])
            raise InvalidMetrics(f"{key!r} is in the event files of {told}; name one folder in evaluate.parse")
    return [row for rows in tables.values() for row in rows]


def passed_over(passed: Mapping[str, int], takes: Mapping[str, str]) -> tuple[str, ...]:
    """What is said of values that a smallest or largest one passes over."""
    told = "the metric {!r}: its {} is that of finite numbers, and {} of its values {} none"
    return tuple(told.format(name, takes[name], n, "is" if n == 1 else "are") for name, n in passed.items() if n)


def _decoded(text: bytes | str) -> Any:
    if len(text) > _BYTES:
        raise InvalidMetrics(f"the metrics are longer than {_BYTES} bytes")
    try:
        return json.loads(text, object_pairs_hook=_no_duplicates, parse_int=_integer)
    except (ValueError, RecursionError) as error:
        raise InvalidMetrics(f"the metrics are not valid JSON: {error}") from None


def _rows(data: bytes, delimiter: str) -> list[dict[str, Any]]:
    """The rows of a table with a head; a cell that is empty is none."""
    if len(data) > _BYTES:
        raise InvalidMetrics(f"the metrics are longer than {_BYTES} bytes")
    lines = data.decode("utf-8-sig", "replace").splitlines()
    head = lines[0] if lines else ""
    reader = csv.reader(lines, delimiter=delimiter or max(",;\t", key=head.count))
    try:
        names = [name.strip() for name in next(reader, [])]
        return [{k: _cell(v.strip()) for k, v in zip(names, row, strict=False) if v.strip()} for row in reader]
    except csv.Error as error:
        raise InvalidMetrics(f"the metrics are no table: {error}") from None


def _cell(word: str) -> Any:
    match = _PRINTED.fullmatch(word)
    return float(match[1].replace(",", "")) if match and match[2] in (None, "%") else word


def _reached(table: Any, key: str) -> Any:
    """What stands at a dotted key; of a list of objects, the values of all that have it."""
    if isinstance(table, Mapping):
        if key in table:
            return table[key]
        for cut in (i for i, letter in enumerate(key) if letter == "."):
            if (below := table.get(key[:cut], _NOTHING)) is not _NOTHING:
                return _reached(below, key[cut + 1 :])
    if isinstance(table, list):
        first, _, rest = key.partition(".")
        if re.fullmatch(r"-?\d+", first) and -len(table) <= int(first) < len(table):
            return _reached(table[int(first)], rest) if rest else table[int(first)]
        found = [value for row in table if (value := _reached(row, key)) is not _NOTHING]
        return found or _NOTHING
    return _NOTHING


def _taken(value: Any, take: str) -> Any:
    """What is taken of a series of values; anything else is itself."""
    if not isinstance(value, list) or not value:
        return value
    if take == "last":
        return value[-1]
    good = [v for v in value if not _no_number(v)]
    if not good or (take == "mean" and len(good) < len(value)):
        return next((v for v in value if _no_number(v)), value)
    return math.fsum(good) / len(good) if take == "mean" else {"min": min, "max": max}[take](good)


def check(table: Any, needed: Sequence[str], left: Mapping[str, str] | None = None) -> Found:
    """The metrics of a decoded table. left: further names, and why they are none.

    Raises InvalidMetrics where one that is needed is no number; `require` tells of those that are missing.
    """
    if not isinstance(table, Mapping):
        raise InvalidMetrics(f"the metrics must be a table of names and numbers, not {type(table).__name__}")
    found: dict[str, float] = {}
    why = {name: text for name, text in (left or {}).items() if name not in table}
    for name, value in sorted(table.items(), key=lambda item: item[0] not in needed):
        if wrong := _no_name(name) or _no_number(value) or ("" if len(found) < _COUNT else "one too many"):
            why[name] = wrong
        else:
            found[name] = float(value)
    for name in needed:
        if name in why:
            raise InvalidMetrics(f"the metric {name!r} is {why[name]}")
    return found, tuple(_reasons(why))


def from_words(words: Mapping[str, str], needed: Iterable[str], unit: Mapping[str, str] | None = None) -> Found:
    """The metrics of printed lines. A word that is no finite number is none: what is printed is mostly no metric.

    unit: of a metric, as it may stand after its number; another one may be another size of number.
    """
    found, why = {}, dict[str, str]()
    for name, word in words.items():
        match = _PRINTED.fullmatch(word)
        value: object = float(match[1].replace(",", "")) if match else word
        if match and match[2] not in (None, "%", (unit or {}).get(name)):
            value = _Wrong(f"{word!r:.80}, with {match[2]!r:.20} for a unit that the template does not declare")
        if not (wrong := _no_number(value)):
            found[name] = float(value)  # type: ignore[arg-type]
        elif name in needed:
            raise InvalidMetrics(f"the metric {name!r} is {wrong}")
        else:
            why[name] = wrong
    return found, tuple(_reasons(why))


def require(found: Found, names: Iterable[str], source: str, near: Mapping[str, str]) -> None:
    """Raise for the first metric that is missing, with all that was seen. near: lines that may say it."""
    metrics, left = found
    for name in names:
        if name not in metrics:
            there = "; ".join((", ".join(sorted(metrics)) or "none", *left))
            told = f"the metric {name!r} is missing from {source} (found: {there})"
            likely = f"; the likeliest line is {clean(near[name])!r:.200}" if name in near else ""
            raise InvalidMetrics(f"{told}; [objective] or a [[constraint]] names it{likely}")


def _reasons(why: Mapping[str, str]) -> list[str]:
    told = [f"the metric {clean(str(name))!r:.80} is {clean(text)}: left out" for name, text in why.items()]
    return told[:_TOLD] + ([f"and {len(told) - _TOLD} more metrics"] if len(told) > _TOLD else [])


def _no_name(name: object) -> str:
    """Why something is no name for a metric; empty if it is one."""
    good = isinstance(name, str) and name.isascii() and name.isidentifier() and len(name) <= 64
    return "" if good else "no name for a metric: letters, digits and underscores"


def _no_number(value: object) -> str:
    """Why something is no finite number; empty if it is one."""
    if isinstance(value, _Wrong):
        return value.why
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"{value!r:.80}, not a number"
    if isinstance(value, int) and abs(value) > _LARGEST:
        return "too large"
    return "" if math.isfinite(value) and abs(value) <= _LARGEST else f"{value!r}, not a finite number"


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        table |= {name: _Wrong("given twice") for name, n in Counter(name for name, _ in pairs).items() if n > 1}
    return table


def _integer(word: str) -> Any:
    return _Wrong("an integer with more than 300 digits") if len(word) > 300 else int(word)
