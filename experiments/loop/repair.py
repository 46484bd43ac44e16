"""Crashes: which trial may be repaired, how often, and what of a traceback is worth showing.

A change that someone can mend is repaired REPAIRS times at most and then dropped. A change of the numeric search has
no one who could: it is dropped at once, and its score, the worst that there is, keeps the search away from its
neighbourhood (`nightlab.experiments.search.memory`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from nightlab.experiments.ledger.ledger import Trial

REPAIRS = 2
REPAIRABLE = ("crash", "invalid", "timeout", "memory")
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]*)", line \d+')


def to_repair(history: Sequence[Trial], proposer: str, given_up: Collection[int]) -> Trial | None:
    """The oldest failed change of that proposer which may still be repaired.

    A repair is a trial that starts from the failed one. given_up: trials whose repair was asked for already.
    """
    answered = {t.change.parent for t in history} | set(given_up)
    for trial in history:
        mine = trial.change.proposer == proposer and trial.number not in answered
        if mine and _failed(trial) and _repairs(history, trial) < REPAIRS:
            return trial
    return None


def _failed(trial: Trial) -> bool:
    return trial.verdict is not None and trial.verdict.kind == "failed" and trial.verdict.cause in REPAIRABLE


def _repairs(history: Sequence[Trial], trial: Trial) -> int:
    """How many failed trials in a row the trial comes after, each a repair of the one before."""
    count = 0
    while trial.change.parent is not None and _failed(parent := history[trial.change.parent]):
        trial, count = parent, count + 1
    return count


def standing(history: Sequence[Trial], number: int) -> int:
    """The trial itself, or the nearest one that it comes from and that ran: what a repaired change is a change of."""
    while history[number].change.parent is not None and _failed(history[number]):
        number = history[number].change.parent or 0
    return number


def own_part(error: str, files: Sequence[str], limit: int = 1200) -> str:
    """Of a traceback the experiment's own lines and the error itself, its end if it is longer than `limit`."""
    kept: list[str] = []
    foreign = False
    for line in error.splitlines():
        if frame := _FRAME.match(line):
            foreign = not any(frame["file"] == f or frame["file"].endswith(f"/{f}") for f in files)
        elif not line.startswith("    "):
            foreign = False
        if not foreign:
            kept.append(line)
    text = "\n".join(kept).strip("\n")
    return text if len(text) <= limit else f"[...]\n{text[-limit:]}"
