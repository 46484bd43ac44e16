"""Records of a ledger as the rows that every storage keeps and links, and back."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nightlab.experiments.ledger import events as telling
from nightlab.experiments.ledger.calls import Answer, Call
from nightlab.experiments.ledger.events import Event, Told
from nightlab.experiments.ledger.ledger import Run, Settled, Trial, as_json
from nightlab.experiments.records import Change, RunOutcome

_WEIGHED = ("difference", "threshold")
_COUNTS = ("runs", "met", "incumbent", "twin")
_OUTCOME_FIELDS = ("status", "trust", "wall_s", "cpu_s", "memory_mb", "level", "error", "output")
_RUN_FIELDS = ("phase", "subject", "replicate", "seed", "inputs")
_CALL = ("role", "stage", "attempt", "model", "prompt", "version", "hash", "tokens_estimated", "usd_estimated")
_ANSWER = ("outcome", "reason", "text", "tokens_in", "tokens_cached", "tokens_out", "usd", "latency_s")


def document_row(kind: str, key: str, body: Any) -> dict[str, Any]:
    return {"kind": kind, "key": key, "body": as_json(body), "created_at": time.time()}


def event_row(key: str, told: Told) -> dict[str, Any]:
    return {"key": key, "kind": telling.kind(told), "body": as_json(asdict(told)), "told_at": time.time()}


def event(row: Mapping[Any, Any]) -> Event:
    return Event(number=row["number"], at=row["told_at"], told=telling.read(row["kind"], json.loads(row["body"])))


def trial_row(number: int, change: Change) -> dict[str, Any]:
    return {
        "number": number,
        "strategy": change.strategy,
        "hypothesis": change.hypothesis,
        "params": as_json(dict(change.params)),
        "artifact": change.artifact,
        "parent": change.parent,
        "proposer": change.proposer,
        "claimed_at": time.time(),
    }


def verdict_row(number: int, verdict: Settled) -> dict[str, Any]:
    return {
        "trial": number,
        "kind": verdict.kind,
        "cause": verdict.cause,
        "reason": verdict.reason,
        "numbers": as_json(_numbers(verdict)),
        "elapsed_s": verdict.elapsed_s,
        "settled_at": time.time(),
    }


def trial(row: Mapping[Any, Any]) -> Trial:
    """A trial out of its row, with its verdict where the columns of one are there."""
    verdict = None
    if row["kind"] is not None:
        verdict = _settled(row)
    change = Change(
        strategy=row["strategy"],
        hypothesis=row["hypothesis"],
        params=json.loads(row["params"]),
        artifact=row["artifact"],
        parent=row["parent"],
        proposer=row["proposer"],
    )
    return Trial(number=row["number"], change=change, verdict=verdict)


def _numbers(verdict: Settled) -> dict[str, float]:
    """The column `numbers`: what was measured, and the counts and flags beside it."""
    weighed, counts = (
        {name: value for name in names if (value := getattr(verdict, name)) is not None}
        for names in (_WEIGHED, _COUNTS)
    )
    return {**weighed, **verdict.numbers, **counts, **({"suspected": 1} if verdict.suspected else {})}


def _settled(row: Mapping[str, Any]) -> Settled:
    """Earlier versions wrote counts and flags as floats."""
    numbers = json.loads(row["numbers"])
    weighed = {name: numbers.pop(name) for name in _WEIGHED if name in numbers}
    counts = {name: int(numbers.pop(name)) for name in _COUNTS if name in numbers}
    return Settled(
        kind=row["kind"],
        cause=row["cause"],
        reason=row["reason"],
        suspected=bool(numbers.pop("suspected", False)),
        numbers=numbers,
        elapsed_s=row["elapsed_s"],
        **weighed,
        **counts,
    )


def run_row(phase: str, subject: str, replicate: int, seed: int, inputs: str) -> dict[str, Any]:
    return {
        "phase": phase,
        "subject": subject,
        "replicate": replicate,
        "seed": seed,
        "inputs": inputs,
        "claimed_at": time.time(),
    }


def outcome_row(run: int, outcome: RunOutcome) -> dict[str, Any]:
    return {
        "run": run,
        "status": outcome.status,
        "metrics": as_json({split: dict(values) for split, values in outcome.metrics.items()}),
        "trust": outcome.trust,
        "wall_s": outcome.wall_s,
        "cpu_s": outcome.cpu_s,
        "memory_mb": outcome.memory_mb,
        "level": outcome.level,
        "error": outcome.error,
        "output": outcome.output,
        "settled_at": time.time(),
        "notes": as_json(outcome.notes),
        "doubts": as_json(outcome.doubts),
    }


def run(row: Mapping[Any, Any]) -> Run:
    """A run out of its row, with its outcome where the columns of one are there."""
    outcome = None
    if row["status"] is not None:
        outcome = RunOutcome(
            metrics=json.loads(row["metrics"]),
            notes=tuple(json.loads(row["notes"])),
            doubts=tuple(json.loads(row["doubts"])),
            **{name: row[name] for name in _OUTCOME_FIELDS},
        )
    return Run(id=row["id"], outcome=outcome, **{name: row[name] for name in _RUN_FIELDS})


def call_row(call: Call) -> dict[str, Any]:
    return {name: getattr(call, name) for name in _CALL} | {"claimed_at": time.time()}


def answer_row(call: int, answer: Answer) -> dict[str, Any]:
    return {name: getattr(answer, name) for name in _ANSWER} | {"call": call, "settled_at": time.time()}


def call(row: Mapping[Any, Any]) -> Call:
    """A call out of its row, with its answer where the columns of one are there."""
    answer = None if row["outcome"] is None else Answer(**{name: row[name] for name in _ANSWER})
    return Call(id=row["id"], answer=answer, **{name: row[name] for name in _CALL})
