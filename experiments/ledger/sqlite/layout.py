"""How a ledger's tables are laid out, and how one of an older schema is brought to the present one or read as it is."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from nightlab.experiments.ledger.sqlite import chain as sqlite_chain
from nightlab.experiments.ledger.sqlite.schema import documents, metadata

SCHEMA_VERSION = 6
CHAINED = 6  # the first version whose rows are chained

# From a version to the next one. Statements are written out, so that a later change of a table alters no old step.
MIGRATIONS: Mapping[int, tuple[str, ...]] = {
    1: (
        "CREATE TABLE calls (id INTEGER NOT NULL PRIMARY KEY, role TEXT NOT NULL, stage TEXT NOT NULL,"
        " attempt INTEGER NOT NULL, model TEXT NOT NULL, prompt TEXT NOT NULL, version TEXT NOT NULL,"
        " hash TEXT NOT NULL, tokens_estimated INTEGER NOT NULL, usd_estimated FLOAT NOT NULL,"
        " claimed_at FLOAT NOT NULL, UNIQUE (role, stage, attempt))",
        "CREATE TABLE answers (call INTEGER NOT NULL PRIMARY KEY REFERENCES calls (id), outcome TEXT NOT NULL,"
        " reason TEXT NOT NULL, text TEXT NOT NULL, tokens_in INTEGER NOT NULL, tokens_cached INTEGER NOT NULL,"
        " tokens_out INTEGER NOT NULL, usd FLOAT NOT NULL, latency_s FLOAT NOT NULL, settled_at FLOAT NOT NULL)",
    ),
    2: ("CREATE INDEX ix_runs_inputs ON runs (inputs)",),
    3: (
        "ALTER TABLE outcomes ADD COLUMN notes TEXT NOT NULL DEFAULT '[]'",
        "ALTER TABLE outcomes ADD COLUMN doubts TEXT NOT NULL DEFAULT '[]'",
    ),
    4: (
        "CREATE TABLE events (number INTEGER NOT NULL PRIMARY KEY, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,"
        " body TEXT NOT NULL, told_at FLOAT NOT NULL)",
    ),
    5: (
        "CREATE TABLE chain (number INTEGER NOT NULL PRIMARY KEY, of_table TEXT NOT NULL, key TEXT NOT NULL,"
        " hash TEXT NOT NULL)",
    ),
}


def lay_out(db: sa.Connection) -> int:
    """Make the tables of a new ledger, or bring an old one up to date; the version that the ledger then has.

    All in the caller's transaction. A version above SCHEMA_VERSION is left as it is.
    """
    version = _version(db)
    if version > SCHEMA_VERSION:
        return version
    for step in range(version, SCHEMA_VERSION) if version else ():
        for statement in MIGRATIONS[step]:
            db.exec_driver_sql(statement)
        if step + 1 == CHAINED:
            sqlite_chain.begin(db)
        _note(db, f"version {step + 1}", step + 1)
    metadata.create_all(db)
    for table in metadata.tables:
        for verb in ("UPDATE", "DELETE"):
            db.exec_driver_sql(
                f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table}"
                " BEGIN SELECT RAISE(ABORT, 'rows of the ledger are never rewritten'); END"
            )
    if not version:
        _note(db, "version", SCHEMA_VERSION)
    return SCHEMA_VERSION


def looking(file: Path) -> sa.URL:
    """Where SQLite opens a ledger without the right to write. In a folder that nobody can write to, where it could not
    lay the index of a write-ahead log either, it takes the file as one that stays as it is."""
    still = not os.access(file.parent, os.W_OK) and not file.with_name(f"{file.name}-wal").exists()
    query = {"mode": "ro", "uri": "true", **({"immutable": "1"} if still else {})}
    return sa.URL.create("sqlite", database=f"file:{quote(os.fsencode(file.absolute()))}", query=query)


def stand_in(connection: Any) -> None:
    """Let a connection that only reads see an older ledger in the present schema, by views of its own."""
    for name, table in metadata.tables.items():
        there = [row[1] for row in connection.execute(f"PRAGMA main.table_info({name})")]
        lacking = [c for c in table.columns if c.name not in there]
        if there and lacking:
            added = ", ".join(f"{_default(c)} AS {c.name}" for c in lacking)
            connection.execute(f"CREATE TEMP VIEW {name} AS SELECT *, {added} FROM main.{name}")
        elif lacking:
            nothing = ", ".join(f"NULL AS {c.name}" for c in lacking)
            connection.execute(f"CREATE TEMP VIEW {name} AS SELECT {nothing} WHERE 0")


def _default(column: sa.Column[Any]) -> str:
    """What a row has in a column that its table had not yet."""
    assert isinstance(column.server_default, sa.DefaultClause)
    return f"'{column.server_default.arg}'"


def readable(db: sa.Connection) -> int:
    """The version that a ledger is read as: the present one where it is older, since each step only added to it."""
    version = _version(db)
    return SCHEMA_VERSION if 0 < version < SCHEMA_VERSION else version


def _version(db: sa.Connection) -> int:
    """The newest version that the ledger notes; 0 for a new one."""
    if not sa.inspect(db).has_table("documents"):
        return 0
    bodies = db.execute(sa.select(documents.c.body).where(documents.c.kind == "schema")).scalars()
    return max((json.loads(body)["version"] for body in bodies), default=0)


def _note(db: sa.Connection, key: str, version: int) -> None:
    row = {"kind": "schema", "key": key, "body": json.dumps({"version": version}), "created_at": time.time()}
    if version < CHAINED:
        db.execute(sa.insert(documents).prefix_with("OR IGNORE"), row)
    else:
        sqlite_chain.written(db, documents, row)
