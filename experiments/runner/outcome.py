"""From what a sandbox replies to how a run ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from nightlab.experiments.records import Level, RunOutcome, Split, Status, Trust
from nightlab.experiments.runner import metrics
from nightlab.experiments.runner.launch import Limits, RunnerError, claims
from nightlab.experiments.runner.metrics import InvalidMetrics
from nightlab.experiments.runner.text import clean
from nightlab.experiments.template import Template

_OUTPUT = 16_000  # characters
_LIMITS: Mapping[str, tuple[Status, str]] = {
    "timeout": ("timeout", "it ran longer than {wall_s:g} s (run.timeout_s)"),
    "cpu": ("timeout", "it used more than {cpu_s:g} s of processor time"),
    "memory": ("memory", "its processes used more than {memory_mb} MB (run.memory_mb)"),
    "processes": ("crash", "it had more than {processes} processes"),
    "disk": ("crash", "it wrote more than {disk_mb} MB or {inodes} files"),
}


def ended(reply: Mapping[str, Any], limits: Limits, level: Level, trust: Trust) -> RunOutcome:
    """How the experiment itself ended; ok is still without metrics.

    Raises RunnerError where its code was never reached.
    """
    if not reply["started"] and reply["ended"] == "exit":
        raise RunnerError(f"a sandbox at level {level} cannot start an experiment: {_why(reply)}")
    outcome = RunOutcome(
        status="ok",
        trust=trust,
        wall_s=reply["wall_s"],
        cpu_s=reply["cpu_s"],
        memory_mb=reply["memory"] / (1 << 20),
        level=level,
        output=clean("\n".join(filter(None, (reply["stdout"], reply["stderr"]))), _OUTPUT),
    )
    hit = reply["ended"] if reply["ended"] in _LIMITS else "memory" if outcome.memory_mb > limits.memory_mb else ""
    report = claims(reply)
    if hit:
        status, text = _LIMITS[hit]
        return replace(outcome, status=status, error=text.format(**{**vars(limits), "cpu_s": limits.processor_s}))
    if report.get("error") or reply["code"]:
        return replace(outcome, status="memory" if report.get("memory") is True else "crash", error=_why(reply))
    if reply["problems"]:
        return replace(outcome, status="invalid", error=clean("outputs: " + "; ".join(reply["problems"][:5])))
    return outcome


def judged(reply: Mapping[str, Any], splits: tuple[Split, ...]) -> dict[Split, dict[str, float]]:
    """What the evaluator found; InvalidMetrics where it refused the outputs."""
    report = claims(reply)
    if not reply["started"] and reply["ended"] == "exit":
        raise RunnerError(f"the evaluator's sandbox cannot start: {_why(reply)}")
    if reply["ended"] != "exit":
        raise InvalidMetrics(f"the evaluator hit a limit on these outputs: {reply['ended']}")
    if wrong := report.get("wrong"):  # the fault of the evaluator, not of the outputs
        raise InvalidMetrics(str(wrong))
    if reply["code"] or "metrics" not in report:
        raise InvalidMetrics(f"the evaluator refused the outputs: {report.get('short') or _why(reply)}")
    tables = report["metrics"]
    if not isinstance(tables, dict) or set(tables) != set(splits):
        raise InvalidMetrics("the evaluator did not score every split")
    return {split: metrics.check(tables[split]) for split in splits}


def reported(
    template: Template, outputs: Mapping[str, bytes], printed: Mapping[str, str], splits: tuple[Split, ...]
) -> dict[Split, dict[str, float]]:
    """What the experiment says of itself, by lines that it printed or a file that it wrote."""
    source = template.spec.evaluate.parse or ""
    if source == "stdout":
        return dict.fromkeys(splits, metrics.from_words(printed, needed(template)))
    if source not in outputs:
        raise InvalidMetrics(f"the experiment wrote no {source}")
    return dict.fromkeys(splits, metrics.parse_json(outputs[source]))


def needed(template: Template) -> tuple[str, ...]:
    """The metrics that every run owes."""
    return (template.metric, *(constraint.metric for constraint in template.spec.constraint))


def _why(reply: Mapping[str, Any]) -> str:
    report = claims(reply)
    code = reply["code"]
    ending = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return clean(str(report.get("error") or reply["stderr"])) or ending
