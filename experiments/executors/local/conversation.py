"""From what a judge says of its calls, and how the processes ended that it called, to how a run ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from nightlab.experiments.executors.executor import Performed
from nightlab.experiments.executors.local.text import clean
from nightlab.experiments.records import RunOutcome, Status

_OUTPUT = 16_000  # characters
_FEEDBACK = 4_000  # likewise, of what an evaluator tells whoever proposes changes
FEEDBACK = "feedback.txt"  # the file with it, where a run says its own metrics


@dataclass
class Heard:
    """What a judge has said of its calls: the seconds that they took, the last one, and how many have failed; and what
    it tells whoever proposes changes, of the development split alone. arrays: for figures, as rows, by SPLIT/NAME."""

    spent: float = 0.0
    last: str = ""
    failures: int = 0
    feedback: str = ""
    arrays: Mapping[str, Sequence[tuple[float, ...]]] = field(default_factory=dict)

    def take(self, report: Mapping[str, Any]) -> None:
        told = report.get("feedback")
        self.feedback = clean(str(told.get("dev", "")), _FEEDBACK) if isinstance(told, Mapping) else ""
        self.spent, self.last = float(report.get("spent", 0.0)), str(report.get("last", ""))
        self.failures = int(report.get("failures", 0))


def feedback_of(outputs: Mapping[str, bytes]) -> str:
    """What a run that says its own metrics tells beside them."""
    return clean(outputs.get(FEEDBACK, b"")[: 4 * _FEEDBACK].decode(errors="replace"), _FEEDBACK)


class CallFailed(Exception):
    """A call of the judge's failed by the candidate's fault; the words say which and why."""

    def __init__(self, failed: Mapping[str, Any]) -> None:
        self.words, self.kind, self.detail = (clean(str(failed.get(key, ""))) for key in ("words", "kind", "detail"))
        super().__init__(self.words)

    @property
    def status(self) -> Status:
        found: Mapping[str, Status] = {"timeout": "timeout", "memory": "memory", "invalid": "invalid"}
        return found.get(self.kind, "crash")


def call_failed(result: RunOutcome, failed: CallFailed, performed: Sequence[Performed]) -> RunOutcome:
    """The outcome of a run in which a call has failed. How its process ended says more than that it did."""
    end = performed[-1].outcome if performed else None
    if failed.kind != "ended" or not end or end.status == "ok":
        return replace(result, status=failed.status, error=_with_frames(failed.words, failed.detail))
    said = _after_frames(end.error)
    return replace(result, status=end.status, error=_with_frames(f"{failed.words}: {said}", end.error))


def _frames(error: str) -> int:
    """How many lines of an error belong to the traceback, before what was raised."""
    lines = error.splitlines()
    return max((n + 1 for n, line in enumerate(lines) if line.startswith("  ")), default=0)


def _with_frames(words: str, error: str) -> str:
    """The words, below the traceback of an error."""
    return "\n".join([*error.splitlines()[: _frames(error)], words])


def _after_frames(error: str) -> str:
    return "\n".join(error.splitlines()[_frames(error) :])


def conversed(result: RunOutcome, heard: Heard, performed: Sequence[Performed]) -> RunOutcome:
    """How a run ended whose candidates a judge has called, by what it says and by how their processes ended."""
    ends = [each.outcome for each in performed]
    result = replace(
        result,
        wall_s=heard.spent,
        cpu_s=sum(end.cpu_s for end in ends),
        memory_mb=max((end.memory_mb for end in ends), default=0.0),
        output=clean("\n".join(filter(None, (end.output for end in ends))), _OUTPUT),
    )
    last = ends[-1] if ends else None
    if not last or last.status == "ok":
        return result
    if result.status == "ok" and not heard.failures and last.status in ("memory", "timeout"):
        error = f"after {heard.last}: {last.error}"
        return replace(result, status=last.status, error=error, metrics={}, items={}, doubts=())
    return result
