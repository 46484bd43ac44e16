"""What somebody may alter in a finished study: a file, or rows of its ledger, past the triggers."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

from nightlab.experiments.ledger.chain import KEYS, START, following, key_of, row_bytes
from nightlab.papers.latex.engine import compile, find_engine

Alteration = Callable[[Path, random.Random], str]
FOLDERS = ("paper", "template", "data", "artifacts", "items", "series", "reviews")
GUARD = "CREATE TRIGGER {0}_no_{1} BEFORE {1} ON {0} BEGIN SELECT RAISE(ABORT, 'never rewritten'); END"


@contextmanager
def unguarded(folder: Path) -> Iterator[sqlite3.Connection]:
    """The ledger without its triggers, which are put back at the end."""
    with closing(sqlite3.connect(folder / "study.db")) as db:
        db.row_factory = sqlite3.Row
        for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {name}")
        yield db
        for table in (*KEYS, "chain"):
            for verb in ("update", "delete"):
                db.execute(GUARD.format(table, verb))
        db.commit()


def relink(db: sqlite3.Connection) -> None:
    """Make the whole chain again, as one does who knows how it is made; a row without a link comes last."""
    rows = {(t, key_of(t, dict(row))): dict(row) for t in KEYS for row in db.execute(f"SELECT * FROM {t}")}
    links = dict.fromkeys(tuple(row) for row in db.execute("SELECT of_table, key FROM chain ORDER BY number"))
    db.execute("DELETE FROM chain")
    before = START
    for number, (table, key) in enumerate([link for link in {**links, **dict.fromkeys(rows)} if link in rows], 1):
        before = following(before, row_bytes(table, rows[table, key]))
        db.execute("INSERT INTO chain VALUES (?, ?, ?, ?)", (number, table, key, before))


def changed(value: Any, rng: random.Random) -> Any:
    """Another value of the same kind: another digit, another letter, another number."""
    if isinstance(value, int):
        return value + rng.randint(1000, 9999)
    if isinstance(value, float):
        return value * 1.001 + 1e-6
    if value is None:
        return 0
    digits = [m.start() for m in re.finditer(r"\d", value)]
    if not digits:
        return f"{value}x"
    at = rng.choice(digits)
    return f"{value[:at]}{(int(value[at]) + rng.randint(1, 9)) % 10}{value[at + 1 :]}"


def a_file(folder: Path, rng: random.Random, pattern: str = "") -> str:
    """One byte of any listed file, a digit where there is one."""
    files = sorted(p for top in FOLDERS for p in (folder / top).rglob("*") if p.is_file() and p.stat().st_size)
    file = rng.choice([p for p in files if p.suffix != ".log" and re.search(pattern, str(p.relative_to(folder)))])
    content = bytearray(file.read_bytes())
    digits = [i for i, byte in enumerate(content) if 48 <= byte <= 57] or range(len(content))
    at = rng.choice(digits)
    content[at] = 48 + (content[at] - 48 + rng.randint(1, 9)) % 10
    file.write_bytes(bytes(content))
    return f"byte {at} of {file.relative_to(folder)}"


def a_lost_file(folder: Path, rng: random.Random) -> str:
    files = sorted(p for top in FOLDERS for p in (folder / top).rglob("*") if p.is_file() and p.suffix != ".log")
    (file := rng.choice(files)).unlink()
    return f"{file.relative_to(folder)} is gone"


def a_row(folder: Path, rng: random.Random, table: str = "", where: str = "1") -> str:
    """One value of any row of any table."""
    with unguarded(folder) as db:
        tables = [t for t in (table,) if t] or [t for t in KEYS if db.execute(f"SELECT 1 FROM {t}").fetchone()]
        table = rng.choice(tables)
        row = rng.choice(db.execute(f"SELECT rowid AS at, * FROM {table} WHERE {where}").fetchall())
        column = rng.choice([name for name in row.keys() if name != "at"])  # noqa: SIM118
        for _ in range(100):
            new = changed(row[column], rng)
            with suppress(sqlite3.IntegrityError):  # another row's key
                db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (new, row["at"]))
                break
    return f"{table}.{column}: {row[column]!r} -> {new!r}"


def a_body(folder: Path, rng: random.Random, kind: str) -> str:
    """A digit of a document."""
    with unguarded(folder) as db:
        key, body = rng.choice(db.execute("SELECT key, body FROM documents WHERE kind = ?", (kind,)).fetchall())
        new = changed(body, rng)
        db.execute("UPDATE documents SET body = ? WHERE kind = ? AND key = ?", (new, kind, key))
    return f"the document {kind} {key}"


def a_lost_row(folder: Path, rng: random.Random, table: str = "", where: str = "1") -> str:
    with unguarded(folder) as db:
        tables = [t for t in (*KEYS, "chain") if db.execute(f"SELECT 1 FROM {t}").fetchone()]
        table = table or rng.choice(tables)
        at = rng.choice(db.execute(f"SELECT rowid FROM {table} WHERE {where}").fetchall())[0]
        db.execute(f"DELETE FROM {table} WHERE rowid = ?", (at,))
    return f"row {at} of {table} is gone"


def a_new_row(folder: Path, rng: random.Random) -> str:
    with unguarded(folder) as db:
        key = f"x{rng.random()}"
        db.execute("INSERT INTO documents VALUES ('notice', ?, '{}', 0)", (key,))
    return f"the document notice {key} is new"


def swapped_runs(folder: Path, rng: random.Random) -> str:
    with unguarded(folder) as db:
        rows = db.execute("SELECT run, metrics FROM outcomes WHERE status = 'ok'").fetchall()
        one = rng.choice(rows)
        other = rng.choice([row for row in rows if row["metrics"] != one["metrics"]])
        for run, metrics in ((one["run"], other["metrics"]), (other["run"], one["metrics"])):
            db.execute("UPDATE outcomes SET metrics = ? WHERE run = ?", (metrics, run))
    return f"the metrics of runs {one['run']} and {other['run']} are swapped"


def a_hash(folder: Path, rng: random.Random) -> str:
    with unguarded(folder) as db:
        number, hash = rng.choice(db.execute("SELECT number, hash FROM chain").fetchall())
        db.execute("UPDATE chain SET hash = ? WHERE number = ?", (changed(hash, rng), number))
    return f"the hash of link {number}"


def forged(folder: Path, rng: random.Random, statement: str) -> str:
    """Rows by a statement, and the chain made again over them."""
    with unguarded(folder) as db:
        assert db.execute(statement).rowcount > 0
        relink(db)
    return f"{statement}, with the chain made again"


def forged_pdf(folder: Path, rng: random.Random) -> str:
    """A PDF that says more than its LaTeX, with its hash in the ledger and the chain made again over that."""
    more = f"In {rng.randint(2, 9)} of ten cases this holds, too."
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "paper"
        shutil.copytree(folder / "paper", place, ignore=shutil.ignore_patterns("rounds"))
        tex = (place / "paper.tex").read_text(encoding="utf-8")
        (place / "paper.tex").write_text(tex.replace(r"\section{", f"{more}\n\n\\section{{", 1), encoding="utf-8")
        made = compile(place, find_engine()).pdf
        assert made
        shutil.copyfile(made, folder / "paper" / "paper.pdf")
    republished(folder, "paper.pdf")
    return "a sentence of the PDF, with its hash and the chain made again"


def republished(folder: Path, name: str, more: str = "") -> None:
    """Write down a file of the paper as it is now, and make the chain again over that. more: a statement, first."""
    with unguarded(folder) as db:
        if more:
            db.execute(more)
        key, body = db.execute("SELECT key, body FROM documents WHERE kind = 'paper'").fetchone()
        of = json.loads(body)["of"] | {name: hashlib.sha256((folder / "paper" / name).read_bytes()).hexdigest()}
        db.execute("UPDATE documents SET body = ? WHERE kind = 'paper' AND key = ?", (json.dumps({"of": of}), key))
        relink(db)


def forged_text(folder: Path, rng: random.Random, name: str, more: str = "") -> str:
    """A digit of a text of the paper after its first page, with its hash and the chain made again."""
    file = folder / "paper" / name
    head, start, text = file.read_text(encoding="utf-8").partition(r"\section{")
    file.write_text(f"{head}{start}{changed(text, rng)}", encoding="utf-8")
    republished(folder, name, more)
    return f"a digit of {name}, with its hash and the chain made again; {more}"


LATER = """INSERT INTO documents SELECT kind, 9, '{"of":{"code":"another"}}', created_at FROM documents
    WHERE kind = 'environment' LIMIT 1"""


def named(alteration: Callable[..., str], *arguments: str) -> Alteration:
    return lambda folder, rng: alteration(folder, rng, *arguments)


ALTERATIONS: dict[str, Alteration] = {
    "a digit of the text": named(a_file, r"^paper/paper\.tex"),
    "a digit of the PDF": named(a_file, r"^paper/paper\.pdf"),
    "a digit of the evidence": named(a_file, r"^paper/evidence\.json"),
    "a digit of a table": named(a_file, r"^paper/(trials\.csv|manuscript\.json)"),
    "a figure": named(a_file, r"^paper/figures/"),
    "a citation": named(a_file, r"^paper/references\.bib"),
    "a constraint": named(a_file, r"^template/template\.toml"),
    "the evaluator": named(a_file, r"^template/evaluate\.py"),
    "labels of the holdout": named(a_file, r"^data/private/"),
    "inputs": named(a_file, r"^data/inputs/"),
    "an artifact": named(a_file, r"^artifacts/"),
    "a series": named(a_file, r"^series/"),
    "values by item": named(a_file, r"^items/"),
    "a review's file": named(a_file, r"^reviews/"),
    "any file": a_file,
    "a file that is gone": a_lost_file,
    "any row": a_row,
    "a row that is gone": a_lost_row,
    "a row that is new": a_new_row,
    "an outcome": named(a_row, "outcomes"),
    "swapped runs": swapped_runs,
    "a verdict": named(a_row, "verdicts"),
    "a verdict that is gone": named(a_lost_row, "verdicts"),
    "a failure that is gone": named(a_lost_row, "outcomes"),
    "the preregistration": named(a_body, "preregistration"),
    "the claim": named(a_body, "claim"),
    "a review": named(a_body, "review"),
    "a recorded answer": named(a_row, "answers"),
    "a hash": a_hash,
    "forged outcomes": named(forged, "UPDATE outcomes SET metrics = replace(metrics, '0.5', '0.4')"),
    "a forged claim": named(forged, "UPDATE documents SET body = replace(body, '0', '1') WHERE kind = 'claim'"),
    "a forged plan": named(
        forged, "UPDATE documents SET body = replace(body, '0.05', '0.5') WHERE kind = 'preregistration'"
    ),
    "a forged PDF": forged_pdf,
    "a forged text": named(forged_text, "paper.tex", LATER),
    "a forged round": named(forged_text, "rounds/0/paper.tex"),
    "a forged review": named(
        forged, "UPDATE documents SET body = replace(body, 'overall', 'whole') WHERE kind = 'review'"
    ),
    "a second opening": named(
        forged, "INSERT INTO documents SELECT kind, 'again', body, created_at FROM documents WHERE kind = 'holdout'"
    ),
    "a claim without a plan": named(
        forged, "INSERT INTO documents SELECT kind, 'claim 7', body, created_at FROM documents WHERE kind = 'claim'"
    ),
    "a plan of no extension": named(
        forged,
        "INSERT INTO documents SELECT kind, 'claim 7', body, created_at FROM documents WHERE kind = 'preregistration'",
    ),
    "forged verdicts": named(forged, "DELETE FROM verdicts WHERE kind = 'reverted'"),
}
