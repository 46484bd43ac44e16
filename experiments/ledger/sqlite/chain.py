"""The hash chain in SQLite: the table `chain`, whose links are written in the transactions of their rows."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from nightlab.experiments.ledger.chain import KEYS, OLDER, START, Link, Row, following, key_of, of_older, row_bytes
from nightlab.experiments.ledger.sqlite.schema import chain, metadata

_TABLES = {name: metadata.tables[name] for name in KEYS}
_NAMES = {name: tuple(c.name for c in table.columns) for name, table in _TABLES.items()}
_LAST = "(SELECT hash FROM chain ORDER BY number DESC LIMIT 1)"
_WRITTEN = {name: f"SELECT {', '.join(names)}, {_LAST} FROM {name} WHERE rowid = ?" for name, names in _NAMES.items()}


def written(db: sa.Connection, table: sa.Table, row: Row) -> int | None:
    """Write a row and its link, unless there is a row of its key; its number in SQLite where it was written."""
    inserted = db.exec_driver_sql(_insert(table.name, tuple(row)), tuple(row.values()))
    if not inserted.rowcount:
        return None
    *values, before = db.exec_driver_sql(_WRITTEN[table.name], (inserted.lastrowid,)).one()
    # what stands there, so that the hash is one of what a reader gets
    stands = dict(zip(_NAMES[table.name], values, strict=True))
    _link(db, table.name, key_of(table.name, stands), following(before or START, row_bytes(table.name, stands)))
    return int(inserted.lastrowid)


@functools.cache
def _insert(table: str, columns: tuple[str, ...]) -> str:
    return f"INSERT OR IGNORE INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})"


def begin(db: sa.Connection) -> None:
    """Begin the chain of a ledger that has rows without one."""
    there = (row_bytes(name, row) for name in KEYS for row in rows(db, name))
    _link(db, OLDER, "[]", following(START, of_older(there)))


def _link(db: sa.Connection, table: str, key: str, hash: str) -> None:
    db.exec_driver_sql("INSERT INTO chain (of_table, key, hash) VALUES (?, ?, ?)", (table, key, hash))


def rows(db: sa.Connection, table: str) -> Iterator[dict[str, Any]]:
    """The rows of a table in the order of their keys."""
    found = _TABLES[table]
    for row in db.execute(sa.select(found).order_by(*(found.c[name] for name in KEYS[table]))).mappings():
        yield dict(row)


def links(db: sa.Connection, where: sa.ColumnElement[bool], *, last: bool = False) -> Iterator[Link]:
    """The links that are meant, in their order; last: the last of them alone."""
    query = sa.select(chain).where(where)
    query = query.order_by(chain.c.number.desc()).limit(1) if last else query.order_by(chain.c.number)
    for number, table, key, hash in db.execute(query):
        yield Link(number=number, table=table, key=key, hash=hash)


def restore(file: Path, tables: Mapping[str, Iterable[Row]], chained: Iterable[Link]) -> None:
    """Write a ledger out of rows and links as another one had them; whether they hold together `faults` tells."""
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(file)))
    with engine.begin() as db:
        metadata.create_all(db)
        for table, each in tables.items():
            for row in each:
                db.execute(sa.insert(_TABLES[table]), dict(row))
        for link in chained:
            values = {"number": link.number, "of_table": link.table, "key": link.key, "hash": link.hash}
            db.execute(sa.insert(chain), values)
    engine.dispose()
