"""The tables of a study's ledger in SQLite."""

from __future__ import annotations

import sqlalchemy as sa

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
chain = sa.Table(  # a link for each row of the other tables; `nightlab.experiments.ledger.chain` says what it holds
    "chain",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("of_table", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("hash", sa.Text, nullable=False),
)
