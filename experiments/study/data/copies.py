"""Copies of the private data: rows that stand among the inputs as well, or in both splits, as they are or nearly so.

A row is known by its values and not by its file, so that another name, another format and a part make no difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from nightlab.experiments.ledger.documents.study import Copies
from nightlab.experiments.study.data.contents import Array, Content, columns, contents

NEAR = 0.01  # of the spread of a row, or of its columns: what differs by less is a copy
WIDE = 8  # numbers of a row that has a shape of its own, in whatever unit it is
BITS, FEWEST_BITS = 60, 16  # that a stretch of a column shall hold, and must
LONGEST = 256  # values of it
CHANCE = 3.0  # times as many as would be by chance
MOST, CELLS = 5_000, 10_000_000  # rows that are looked for, and numbers of those among which
BLOCK, BLOCKS, HEAD = 64, 16, 256  # bytes of a piece of a file, pieces, and bytes of a head that any file may have
AXES = 6  # on which rows are projected to find the nearest


def copies(inputs: Path, private: Path) -> Copies:
    """What of the private data stands among the inputs, and what of the holdout in dev."""
    given, secret = dict(contents(inputs)), dict(contents(private))
    pairs = ((name, name.replace("dev", "holdout")) for name in secret if "dev" in name)
    both = tuple(other for name, other in pairs if other in secret and _stands(secret[other], [secret[name]]))
    shared = [name for name, content in secret.items() if _stands(content, list(given.values()))]
    return Copies(shared=tuple(dict.fromkeys([*shared, *_pieces(inputs, private)])), both=both)


def _stands(content: Content, among: Sequence[Content]) -> bool:
    """Whether rows or texts stand in other contents; a narrow table also by stretches of its columns."""
    table, others = content.table, [other.table for other in among]
    if any(content.texts & other.texts for other in among):
        return True
    width = 1 if table.ndim == 1 else table.shape[1]
    alike = [other for other in others if width > 2 and other.ndim > 1 and other.shape[1] == width]
    if any(_found(table, other) for other in alike):
        return True
    told = [column for column in columns(table) if width <= WIDE and not _named(column)]
    pool = [column for other in others for column in columns(other)]
    return bool(told) and bool(pool) and all(_stretched(column, pool) for column in told)


def _named(column: Array) -> bool:
    """Whether a column only names its rows, by whole numbers or texts of which each is there once, or says nothing."""
    there = len(np.unique(column))
    return there == 1 or (there == len(column) and bool((column == column.round()).all()))


def _stretched(column: Array, pool: Sequence[Array]) -> bool:
    """Whether stretches of others stand in a column, at whatever place."""
    bits = min(_entropy(column), _entropy(np.diff(column)))
    length = min(LONGEST, max(WIDE, math.ceil(BITS / bits))) if bits else LONGEST
    pool = [other for other in pool if len(other) >= length]
    if not pool or bits * length < FEWEST_BITS or len(column) < length:
        return False
    windows = np.lib.stride_tricks.sliding_window_view
    own, each = windows(column[: CELLS // length], length), 1 + MOST // len(pool)
    there = _shaped(np.concatenate([_spaced(windows(other, length)[::length], each) for other in pool]))
    own, some = _shaped(own), _shaped(_spaced(own[::length], MOST))
    if not (len(there) and len(some)):
        return False
    return int(_near(there, own, 1).sum()) > CHANCE * float(_near(some, own, 2).mean()) * len(there)


def _entropy(values: Array) -> float:
    """Bits of a value, by how often each is there."""
    _, counts = np.unique(values, return_counts=True)
    share = counts / max(1, counts.sum())
    return float(-(share * np.log2(share)).sum())


def _found(table: Array, among: Array) -> bool:
    """Whether rows of a table are among others, more than chance would have it by what is alike in the table itself."""
    table, among = _spaced(table, MOST), _spaced(among, CELLS // table.shape[1])
    if table.shape[1] >= WIDE:  # whatever the unit
        table, among = _shaped(table), _shaped(among)
    elif len(table):
        spread = np.where((found := table.std(axis=0)) > 0, found, 1.0)
        table, among = table / spread, among / spread
    if not (len(table) and len(among)):
        return False
    alike = _near(table, table, 2)
    return int((_near(table, among, 1) & ~alike).sum()) > CHANCE * float(alike.mean()) * len(among)


def _spaced(table: Array, most: int) -> Array:
    return table[:: -(-len(table) // most)] if len(table) > most else table


def _shaped(table: Array) -> Array:
    """The rows without their means and in units of their spread; those that have none say nothing."""
    spread = table.std(axis=1)
    stay = spread > 1e-9 * np.abs(table).max(axis=1).clip(1e-300)
    return np.asarray((table[stay] - table[stay].mean(axis=1, keepdims=True)) / spread[stay, None])


def _near(table: Array, among: Array, neighbour: int) -> NDArray[np.bool_]:
    """Of each row whether its neighbour of this rank among others is a copy of it."""
    if len(among) < neighbour:
        return np.zeros(len(table), bool)
    width = table.shape[1]
    axes = np.eye(width) if width <= AXES else np.random.default_rng(0).normal(size=(width, AXES)) / math.sqrt(AXES)
    reach = 3 * NEAR * math.sqrt(width)
    distance, place = cKDTree(among @ axes).query(table @ axes, k=[neighbour], distance_upper_bound=reach)
    there = np.isfinite(distance[:, 0])
    near = np.zeros(len(table), bool)
    gaps = table[there] - among[place[there, 0]]
    near[there] = np.sqrt((gaps**2).mean(axis=1)) <= NEAR
    return near


def _pieces(inputs: Path, private: Path) -> list[str]:
    """Private files of which most pieces stand in one file of the inputs, in whatever format."""
    held = [file.read_bytes() for file in inputs.rglob("*") if file.is_file()]
    return [
        str(file.relative_to(private))
        for file in sorted(private.rglob("*"))
        if file.is_file() and _most(_blocks(file.read_bytes()), held)
    ]


def _blocks(data: bytes) -> list[bytes]:
    """Pieces of a file that say something; of a small one, itself."""
    if len(data) < HEAD + 2 * BLOCK:
        return [data] if len(data) >= 100 else []
    places = np.linspace(HEAD, len(data) - BLOCK, BLOCKS).astype(int)
    found = dict.fromkeys(data[place : place + BLOCK] for place in places)
    return [block for block in found if len(set(block)) >= BLOCK // 8]


def _most(blocks: Sequence[bytes], files: Sequence[bytes]) -> bool:
    return any(sum(block in data for block in blocks) > len(blocks) / 2 for data in files)
