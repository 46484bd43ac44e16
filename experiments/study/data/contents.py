"""What files hold, whatever their format: rows of numbers, in which a text stands as a number of its own."""

from __future__ import annotations

import bz2
import csv
import gzip
import hashlib
import json
import lzma
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO, StringIO
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
LARGEST = 1 << 28  # bytes of a file that is read
PACKED = {".gz": gzip.decompress, ".bz2": bz2.decompress, ".xz": lzma.decompress}
DELIMITERS = ("\t", ";", ",")
LONG = 24  # characters of a text that is there twice by no coincidence


@dataclass(frozen=True, kw_only=True)
class Content:
    """An array of a file: (n,) or (n, numbers of a row). texts: the longer ones in it, by their hashes."""

    table: Array
    texts: frozenset[int] = frozenset()


def contents(folder: Path) -> Iterator[tuple[str, Content]]:
    """What all files below a folder hold, by the file's path and the place in it."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and file.stat().st_size <= LARGEST:
            with suppress(OSError, ValueError, EOFError, lzma.LZMAError):
                data, name = file.read_bytes(), file.relative_to(folder)
                if unpacked := PACKED.get(file.suffix):
                    data, name = unpacked(data), name.with_suffix("")
                for key, values in _held(data, name.suffix):
                    if values.ndim and len(values):
                        yield f"{file.relative_to(folder)}{key}", _content(values.reshape(len(values), -1))


def _content(values: NDArray[Any]) -> Content:
    table = _numbers(values)
    if values.dtype.kind in "fiub":
        texts = frozenset[int]()
    else:
        counts = Counter(v for v in values.flat if isinstance(v, str) and len(v) >= LONG)
        # a label is there often, and a key is one word
        texts = frozenset(_hash(v) for v, count in counts.items() if count == 1 and len(v.split()) > 1)
    return Content(table=table[:, 0] if table.shape[1] == 1 else table, texts=texts)


def _held(data: bytes, suffix: str) -> Iterator[tuple[str, Array]]:
    if suffix in (".npy", ".npz"):
        loaded = np.load(BytesIO(data), allow_pickle=False)
        for key, values in [("", loaded)] if isinstance(loaded, np.ndarray) else loaded.items():
            yield f":{key}" if key else "", values
    elif suffix == ".json":
        yield from _walked("", json.loads(data))
    elif suffix in (".jsonl", ".ndjson"):
        yield from _walked("", [json.loads(line) for line in data.splitlines() if line.strip()])
    else:
        yield from _table(data.decode("utf-8"))


def _walked(key: str, value: Any) -> Iterator[tuple[str, Array]]:
    """The lists within a JSON value: of records, of rows, or of values."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _walked(f"{key}:{name}", inner)
        columns = [inner for inner in value.values() if isinstance(inner, list)]
        if len(columns) > 1 and len({len(column) for column in columns}) == 1:
            yield from _walked(key, [list(row) for row in zip(*columns, strict=True)])
    elif isinstance(value, list) and value:
        rows = [list(row.values()) if isinstance(row, dict) else row for row in value]
        widths = {len(row) if isinstance(row, list) else 0 for row in rows}
        if len(widths) == 1:
            yield key, _objects([_flat(row) for row in rows])


def _flat(row: Any) -> Any:
    """A row with one level: what lies deeper counts as a text."""
    return [json.dumps(v) if isinstance(v, list | dict) else v for v in row] if isinstance(row, list) else row


def _table(text: str) -> Iterator[tuple[str, Array]]:
    """The longest run of lines with equally many cells, but for a head of names; and the longer lines, whole."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    mark = next((d for d in DELIMITERS if d in first), "")
    lines = csv.reader(StringIO(text), delimiter=mark) if mark else (line.split() for line in text.splitlines())
    table = max((list(rows) for width, rows in groupby(lines, key=len) if width), key=len, default=[])
    if table and all(_number(cell) is None for cell in table[0]) and len(table) > 1:
        table = table[1:]
    if table:
        yield "", _objects(table)
    if whole := [line for line in text.splitlines() if len(line) >= LONG and _number(line.split()[0]) is None]:
        yield ":lines", _objects(whole)


def _objects(rows: Sequence[Any]) -> NDArray[Any]:
    found = np.empty((len(rows), len(rows[0]) if isinstance(rows[0], list) else 1), dtype=object)
    found[:] = [row if isinstance(row, list) else [row] for row in rows]
    return found


def _numbers(values: NDArray[Any]) -> Array:
    """Numbers as they are, and anything else as a number that its text alone has."""
    if values.dtype.kind in "fiub":
        return values.astype(np.float64)
    flat: Iterable[Any] = values.ravel().tolist()
    return np.array([_valued(v) for v in flat], dtype=np.float64).reshape(values.shape)


def _valued(cell: Any) -> float:
    found = _number(cell)
    if found is not None:
        return found
    return float(_hash(str(cell)))


def _hash(text: str) -> int:
    plain = " ".join(text.casefold().split()).encode(errors="replace")
    return int.from_bytes(hashlib.blake2b(plain, digest_size=6).digest(), "big")


def _number(cell: Any) -> float | None:
    with suppress(ValueError, TypeError, OverflowError):
        found = float(cell)
        return found if np.isfinite(found) else None
    return None


def columns(table: Array) -> Sequence[Array]:
    """Those of a table; an array of single values is one."""
    return [table] if table.ndim == 1 else list(table.T)
