"""What a study's ledger says, and what must hold of it however often the study was killed."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from nightlab.experiments.ledger.storage import opened
from nightlab.experiments.study.settings import Settings
from nightlab.graph.session import begin
from tests.conftest import EVALUATE, EXPERIMENT, PREPARE, TOML

TABLES = ("trials", "verdicts", "runs", "outcomes", "documents")
RUN_S = 0.05


def quick_template(folder: Path, noise: float = 0.01) -> Path:
    """The toy template with runs of about 50 ms; without noise a study needs few of them."""
    folder.mkdir(parents=True)
    slow = EXPERIMENT.replace("    noise", f"    import time; time.sleep({RUN_S})\n    noise", 1)
    files = {
        "template.toml": TOML,
        "experiment.py": slow,
        "evaluate.py": EVALUATE,
        "prepare.py": PREPARE.replace("0.01", str(noise)),
    }
    for name, content in files.items():
        (folder / name).write_text(content)
    return folder


def new_study(template: Path, out: Path, *, workers: int, trials: int, mode: str = "pipeline") -> Path:
    settings = Settings(workers=workers, trials=trials, seeds=2, rounds=1, seed=3)
    return begin(template, settings, out, mode)  # type: ignore[arg-type]


def resume(folder: Path, *options: str, **more: Any) -> subprocess.Popen[str]:
    """`nightlab resume` in a process group of its own."""
    command = [sys.executable, "-m", "nightlab.cli", "resume", str(folder), *options]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True, **more)


def kill_group(process: subprocess.Popen[str]) -> bool:
    """kill -9 of the whole group; whether it was still at work."""
    alive = process.poll() is None
    if alive:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return alive


def rows(folder: Path) -> dict[str, set[tuple[Any, ...]]]:
    """Every row of the ledger, by table."""
    with closing(sqlite3.connect(folder / "study.db", timeout=30)) as db:
        return {table: set(db.execute(f"SELECT * FROM {table}")) for table in TABLES}


def lost(before: dict[str, set[tuple[Any, ...]]], after: dict[str, set[tuple[Any, ...]]]) -> int:
    """How many rows were there once and are not any more."""
    return sum(len(before[table] - after[table]) for table in TABLES)


def told(folder: Path) -> dict[str, Any]:
    """Trials, verdicts, runs and claim, without what a clock decides."""
    with opened(folder) as ledger:
        trials = [
            (t.number, dict(t.change.params), t.verdict and (t.verdict.kind, t.verdict.cause, dict(t.verdict.numbers)))
            for t in ledger.trials()
        ]
        runs = {
            (r.phase, r.subject, r.replicate, r.seed): r.outcome and (r.outcome.status, dict(r.outcome.metrics))
            for r in ledger.runs()
        }
        return {"trials": trials, "runs": runs, "claim": ledger.document("claim", "claim")}


def faults(folder: Path, plain: dict[str, Any], *, same: bool) -> list[str]:
    """What is wrong with a study that was disturbed, against the books of one that was not.

    same: whether trials, runs and claim must be equal too, as they are with one worker.
    """
    found, books = [], told(folder)
    if len(books["trials"]) != len(plain["trials"]):
        found.append(f"{len(books['trials'])} trials instead of {len(plain['trials'])}")
    if [number for number, *_ in books["trials"]] != list(range(len(books["trials"]))):
        found.append("a trial's number is missing or doubled")
    if unsettled := sum(verdict is None for *_, verdict in books["trials"]):
        found.append(f"{unsettled} trial(s) without a verdict")
    if unsettled := sum(outcome is None for outcome in books["runs"].values()):
        found.append(f"{unsettled} run(s) without an outcome")
    with closing(sqlite3.connect(folder / "study.db")) as db:
        (count,) = db.execute("SELECT count(*) FROM runs").fetchone()
        (settled,) = db.execute("SELECT count(*) FROM outcomes").fetchone()
        if not count == settled == len(books["runs"]):
            found.append(f"{count} claims and {settled} outcomes of {len(books['runs'])} different runs")
        if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
            found.append("the ledger is corrupt")
    if crashed := sum(outcome is not None and outcome[0] != "ok" for outcome in books["runs"].values()):
        found.append(f"{crashed} run(s) failed")
    if same:
        found += [f"other {what} than without kills" for what in plain if books[what] != plain[what]]
    return found


def has_paper(folder: Path) -> bool:
    pdf = folder / "paper" / "paper.pdf"
    return pdf.is_file() and pdf.read_bytes().startswith(b"%PDF-")
