"""The hash chain over a ledger's rows: a row that is changed, dropped, moved or added later is found by it.

Every row of every table is a link, numbered in the order of writing over all tables, with its table, its key and

    hash = SHA-256(hash of the link before it, as 64 hexadecimal digits, then the bytes of the row)

in hexadecimal digits, where the first link follows 64 zeros. The bytes of a row are ASCII,

    json.dumps([table, {column: value, ...}], sort_keys=True, separators=(",", ":"))

with the values as the database gives them: whole numbers, floats in the shortest form that reads back as the same
float, texts, and null. The key is the JSON list of the row's primary key. In a ledger that is older than its chain the
first link is of no table: its bytes are those of all rows without a link of their own, sorted and joined by newlines.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]
START = "0" * 64  # what the first link follows
OLDER = ""  # the table of a link that stands for all that was there before the chain
KEYS: Mapping[str, tuple[str, ...]] = {
    "trials": ("number",),
    "verdicts": ("trial",),
    "runs": ("id",),
    "outcomes": ("run",),
    "documents": ("kind", "key"),
    "calls": ("id",),
    "answers": ("call",),
    "events": ("number",),
}


@dataclass(frozen=True, kw_only=True)
class Link:
    """A row in the chain. number: counts from 1. key: of the row in its table."""

    number: int
    table: str
    key: str
    hash: str


def row_bytes(table: str, row: Row) -> bytes:
    return json.dumps([table, dict(row)], sort_keys=True, separators=(",", ":")).encode()


def key_of(table: str, row: Row) -> str:
    return key_text(*(row[name] for name in KEYS[table]))


def key_text(*key: str | int) -> str:
    return json.dumps(key, separators=(",", ":"))


def following(before: str, content: bytes) -> str:
    """The hash of a link: before is that of the link before it, content its row's bytes."""
    return hashlib.sha256(before.encode() + content).hexdigest()


def of_older(rows: Iterable[bytes]) -> bytes:
    """What the link of all that was there before the chain is a hash of."""
    return b"\n".join(sorted(rows))


def faults(head: Link | None, tables: Mapping[str, Iterable[Row]], links: Iterable[Link]) -> Iterator[str]:
    """What is wrong with a chain, a sentence each.

    tables: all rows. head: the last link from before they were read; what was written after it is not looked at;
        None where a ledger is older than its chain, which has nothing to hold its rows against.
    """
    if head is None:
        return
    rows = {(table, key_of(table, row)): row_bytes(table, row) for table, each in tables.items() for row in each}
    chain = list(links)
    linked = {(link.table, link.key) for link in chain}
    apart = {name: content for name, content in rows.items() if name not in linked}
    if chain and chain[0].table == OLDER:
        rows[OLDER, chain[0].key], apart = of_older(apart.values()), {}
    before = START
    for expected, link in enumerate(chain[: head.number], 1):
        content = rows.pop((link.table, link.key), None)
        if link.number != expected:
            yield f"link {expected} of the chain is missing: link {link.number} stands in its place"
        elif content is None:
            yield f"link {link.number}: the row {link.table} {link.key} is gone, or is linked twice"
        elif following(before, content) != link.hash:
            told = f"the row {link.table} {link.key}" if link.table else "what was there before the chain"
            yield f"link {link.number}: {told} is not what was written, or a link before it was changed"
        before = link.hash
    for table, key in apart:
        yield f"the row {table} {key} has no link: it was added past the chain"
