"""From what a sandbox replies to how a run ended."""

from __future__ import annotations

import base64
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nightlab.experiments.executors.local.conversation import CallFailed
from nightlab.experiments.executors.local.isolation.launch import Limits, RunnerError, claims
from nightlab.experiments.executors.local.reported import metrics
from nightlab.experiments.executors.local.reported.metrics import InvalidMetrics
from nightlab.experiments.executors.local.text import clean
from nightlab.experiments.records import Level, RunOutcome, Split, Status, Trust
from nightlab.experiments.template.table import METRIC, MOST
from nightlab.experiments.template.template import Template

DRAWN_DIGITS = 7  # of the numbers of an array
ITEM_ROUNDING = 1e-9  # by which the mean of a metric's items may differ from it
_OUTPUT = 16_000  # characters
_LIMITS: Mapping[str, tuple[Status, str]] = {
    "timeout": ("timeout", "it ran longer than {wall_s:g} s (run.timeout_s)"),
    "cpu": ("timeout", "it used more than {cpu_s:g} s of processor time"),
    "memory": ("memory", "its processes used more than {memory_mb} MB (run.memory_mb)"),
    "processes": ("crash", "it had more than {processes} processes"),
    "disk": ("crash", "it wrote more than {disk_mb} MB or {inodes} files (run.disk_mb, run.disk_files)"),
    "hidden": ("crash", "a program that it ran is closed to reading, so that what it uses cannot be watched"),
    "stuck": ("crash", "the system could not end its processes"),
}
_EVALUATION = {"timeout": "timeout_s", "memory": "memory_mb"}


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
    return replace(outcome, notes=tuple(f"not collected: {clean(what)}" for what in reply["problems"]))


WRITTEN = 5  # output files that are named where the one with the metrics is missing
Tables = tuple[dict[Split, dict[str, float]], tuple[str, ...]]  # the metrics by split, and what was left out of them


def judged(template: Template, reply: Mapping[str, Any], splits: tuple[Split, ...]) -> Tables:
    """What the evaluator found; InvalidMetrics where it refused the outputs."""
    report = claims(reply)
    if not reply["started"] and reply["ended"] == "exit":
        raise RunnerError(f"the evaluator's sandbox cannot start: {_why(reply)}")
    if failed := report.get("failed"):
        raise CallFailed(failed)
    calls = template.spec.evaluate.interactive
    who, what = ("the judge", "") if calls else ("the evaluator", " on these outputs")
    if reply["ended"] != "exit":
        limit = f" (evaluate.{key})" if (key := _EVALUATION.get(reply["ended"])) else ""
        raise InvalidMetrics(f"{who} hit a limit{what}: {reply['ended']}{limit}")
    if wrong := report.get("wrong"):  # the fault of the evaluator, not of the outputs
        raise InvalidMetrics(clean(str(wrong)))
    if reply["code"] or "metrics" not in report:
        logging.getLogger(__name__).info("the evaluator refused outputs: %s", _why(reply))  # for whoever looks for it
        short = clean(str(report.get("short") or "")) or _ending(reply)
        failed_how = f"failed {clean(str(report.get('after') or ''))}".strip() if calls else "refused the outputs"
        raise InvalidMetrics(f"{who} {failed_how}: {short}")
    tables = report["metrics"]
    if not isinstance(tables, dict) or set(tables) != set(splits):
        raise InvalidMetrics("the evaluator did not score every split")
    found, notes = {}, dict[str, None]()
    for split in splits:
        found[split], left = metrics.check(tables[split], template.counting, _texts(report.get("left"), split))
        metrics.require((found[split], left), template.counting, template.spec.evaluate.judge or "", {})
        notes |= dict.fromkeys(left)
    return found, tuple(notes)


ByItem = dict[Split, dict[str, NDArray[Any]]]  # values by item, by split and metric, and the groups of the items


def by_item(template: Template, reply: Mapping[str, Any], found: Mapping[Split, Mapping[str, float]]) -> ByItem:
    """The values by item that the evaluator gave beside its metrics, as arrays; InvalidMetrics where they are not
    those of which a metric is the mean."""
    said, tables = claims(reply).get("items"), ByItem()
    for split, packed in said.items() if isinstance(said, dict) else ():
        if split in found and isinstance(packed, dict) and packed:
            given = {template.metric if name == "metric" else name: text for name, text in packed.items()}
            groups = _unpacked(given.pop("group", None), "<q")
            tables[split] = {name: _items(name, text, found[split]) for name, text in given.items()}
            for name, values in list(tables[split].items()):
                if groups is not None and len(groups) != len(values):
                    raise InvalidMetrics(f"items: {len(groups)} groups, and {len(values)} values of {name!r}")
                tables[split] |= {} if groups is None else {"group": groups}
    return tables


def arrays(reply: Mapping[str, Any], splits: tuple[Split, ...]) -> dict[str, list[tuple[float, ...]]]:
    """The arrays for figures that the evaluator gave of these splits, as rows, by SPLIT/NAME, but for what is none."""
    said = claims(reply).get("arrays")
    tables = ((split, said.get(split)) for split in splits) if isinstance(said, dict) else ()
    return {
        f"{split}/{name}": rows
        for split, table in tables
        if isinstance(table, dict)
        for name, given in sorted(table.items())
        if re.fullmatch(METRIC, name) and (rows := _rows(given))
    }


def _rows(given: Any) -> list[tuple[float, ...]]:
    """The rows of an array, to as many digits as a figure can show; none where it is no table of finite numbers."""
    if not isinstance(given, list) or not all(isinstance(row, list) and row for row in given):
        return []
    flat = [value for row in given for value in row]
    if len({len(row) for row in given}) != 1 or not all(type(v) in (int, float) and abs(v) <= MOST for v in flat):
        return []
    return [tuple(float(f"{value:.{DRAWN_DIGITS}g}") for value in row) for row in given]


def _items(name: str, text: Any, metrics: Mapping[str, float]) -> NDArray[Any]:
    """The values of one metric, whose mean is that metric."""
    values = _unpacked(text, "<d")
    if name not in metrics or values is None or not len(values) or not np.isfinite(values).all():
        raise InvalidMetrics(f"items: {clean(name)!r:.80} must be a metric, with a finite number for each item")
    if abs(values.mean() - metrics[name]) > ITEM_ROUNDING * max(1.0, abs(metrics[name])):
        raise InvalidMetrics(
            f"items: the mean of {name!r} is {values.mean():.12g} and the metric {metrics[name]:.12g}; give items of"
            " a metric that is their mean, or none"
        )
    return values


def _unpacked(text: Any, kind: str) -> NDArray[Any] | None:
    try:
        return np.frombuffer(base64.b64decode(text, validate=True), kind) if isinstance(text, str) else None
    except ValueError:
        return None


def reported(
    template: Template, outputs: Mapping[str, bytes], said: Mapping[str, Any], output: str, splits: tuple[Split, ...]
) -> Tables:
    """What the experiment says of itself, by lines that it printed or a file that it wrote."""
    source = template.spec.evaluate.parse or ""
    files = {} if source == "stdout" else metrics.meant(source, outputs)
    by_key = template.spec.evaluate.read_by_key or any(data.lstrip()[:1] in (b"{", b"[") for data in files.values())
    if files and by_key:
        found, notes = metrics.parse_file(source, files, template.counting, template.spelt, template.takes)
    elif source == "stdout" or files:
        if not said:
            raise InvalidMetrics("its executor has not read what it printed; give evaluate.entry or a file to parse")
        found, notes = _printed(template, said)
    else:
        there = f"; it wrote {', '.join(clean(name) for name in sorted(outputs)[:WRITTEN])}" if outputs else ""
        raise InvalidMetrics(f"the experiment wrote no {source}{there}")
    place = "what it printed" if source == "stdout" else source
    metrics.require((found, notes), template.counting, place, _near(template, said, output))
    passed = metrics.passed_over(said.get("passed", {}), template.takes) if said else ()
    return dict.fromkeys(splits, found), passed if source == "stdout" else (*notes, *passed)


def within(template: Template, found: Mapping[Split, Mapping[str, float]]) -> None:
    """Raise InvalidMetrics where the objective is what it cannot be."""
    goal = template.spec.objective
    for value in (table[goal.metric] for table in found.values()):
        if goal.lowest is not None and value < goal.lowest:
            raise InvalidMetrics(f"the metric {goal.metric!r} is {value!r}, below {goal.lowest:g} (objective.lowest)")
        if goal.highest is not None and value > goal.highest:
            raise InvalidMetrics(f"the metric {goal.metric!r} is {value!r}, above {goal.highest:g} (objective.highest)")


def _printed(template: Template, said: Mapping[str, Any]) -> metrics.Found:
    if said["slow"]:
        raise InvalidMetrics("evaluate.pattern takes too long on a line; give one that cannot match in many ways")
    for name in template.counting:
        if name in said["unclear"]:
            line = clean(said["unclear"][name])
            raise InvalidMetrics(
                f"which value of {name!r} is the last one cannot be told: it had a line of its own, and later came"
                f" {line!r:.200}; print `{name}: NUMBER` at the very end, or give evaluate.pattern"
            )
    unit = {template.metric: template.spec.objective.unit}
    return metrics.from_words(said["words"], template.counting, unit)


def _near(template: Template, said: Mapping[str, Any], output: str) -> dict[str, str]:
    """A line for each metric that it may have been meant to say: one that names it, else the last one with a digit."""
    if not said:
        return {}
    last = next((line for line in reversed(output.splitlines()) if re.search(r"\d", line)), "")
    return {name: line for name in template.counting if (line := said["near"].get(name, last))}


def _texts(found: Any, split: str) -> dict[str, str]:
    """The texts that a process said of its metrics, which may be hostile."""
    table = found.get(split) if isinstance(found, dict) else None
    return {str(k): str(v)[:200] for k, v in table.items()} if isinstance(table, dict) else {}


def _why(reply: Mapping[str, Any]) -> str:
    return clean(str(claims(reply).get("error") or reply["stderr"])) or _ending(reply)


def _ending(reply: Mapping[str, Any]) -> str:
    code = reply["code"]
    return f"killed by signal {-code}" if code < 0 else f"exit code {code}"
