"""The tables of a study's ledger, and how a ledger of an older schema is brought to the present one."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

SCHEMA_VERSION = 5

metadata = sa.MetaData()
trials = sa.Table(
    "trials",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("strategy", sa.Text, nullable=False),
    sa.Column("hypothesis", sa.Text, nullable=False),
    sa.Column("params", sa.Text, nullable=False),
    sa.Column("artifact", sa.Text, nullable=False),
    sa.Column("parent", sa.Integer),
    sa.Column("proposer", sa.Text, nullable=False),
    sa.Column("claimed_at", sa.Float, nullable=False),
)
verdicts = sa.Table(
    "verdicts",
    metadata,
    sa.Column("trial", sa.ForeignKey("trials.number"), primary_key=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("numbers", sa.Text, nullable=False),
    sa.Column("elapsed_s", sa.Float, nullable=False),
    sa.Column("settled_at", sa.Float, nullable=False),
)
runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("replicate", sa.Integer, nullable=False),
    sa.Column("seed", sa.Integer, nullable=False),
    sa.Column("inputs", sa.Text, nullable=False, index=True),
    sa.Column("claimed_at", sa.Float, nullable=False),
    sa.UniqueConstraint("phase", "subject", "replicate"),
)
outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("run", sa.ForeignKey("runs.id"), primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("metrics", sa.Text, nullable=False),
    sa.Column("trust", sa.Text, nullable=False),
    sa.Column("wall_s", sa.Float, nullable=False),
    sa.Column("cpu_s", sa.Float, nullable=False),
    sa.Column("memory_mb", sa.Float, nullable=False),
    sa.Column("level", sa.Text, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("output", sa.Text, nullable=False),
    sa.Column("settled_at", sa.Float, nullable=False),
    sa.Column("notes", sa.Text, nullable=False, server_default="[]"),
    sa.Column("doubts", sa.Text, nullable=False, server_default="[]"),
)
documents = sa.Table(  # what there is one of, or one of a kind: study, ideas, preregistration, claim, reviews, ...
    "documents",
    metadata,
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False),
)
calls = sa.Table(  # claimed before a language model is asked; settled in `answers`
    "calls",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("stage", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("prompt", sa.Text, nullable=False),
    sa.Column("version", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
    sa.Column("tokens_estimated", sa.Integer, nullable=False),
    sa.Column("usd_estimated", sa.Float, nullable=False),
    sa.Column("claimed_at", sa.Float, nullable=False),
    sa.UniqueConstraint("role", "stage", "attempt"),
)
answers = sa.Table(
    "answers",
    metadata,
    sa.Column("call", sa.ForeignKey("calls.id"), primary_key=True),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("tokens_in", sa.Integer, nullable=False),
    sa.Column("tokens_cached", sa.Integer, nullable=False),
    sa.Column("tokens_out", sa.Integer, nullable=False),
    sa.Column("usd", sa.Float, nullable=False),
    sa.Column("latency_s", sa.Float, nullable=False),
    sa.Column("settled_at", sa.Float, nullable=False),
)
events = sa.Table(  # what was told on the way, by growing numbers; the key says what must not be told twice
    "events",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("key", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("told_at", sa.Float, nullable=False),
)

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
    row: dict[str, Any] = {"kind": "schema", "key": key, "created_at": time.time()}
    db.execute(sa.insert(documents).prefix_with("OR IGNORE"), row | {"body": json.dumps({"version": version})})
