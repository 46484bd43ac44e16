"""What a study tells of itself while it works. Each event is kept in the ledger once, with a number that grows, and who
listens within the process hears that same record."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import TypeAdapter

from nightlab.experiments.ledger.documents.claim import AblatedPart, Claim


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage begins. round: the version of the paper that it works on. split: what a claim is measured on."""

    stage: str
    round: int = 0
    split: str = ""


@dataclass(frozen=True, kw_only=True)
class TrialSettled:
    """A trial has its verdict. of, settled: the trials of the search without the baseline, in all and so far.

    Values are means of the metric on the seeds of the verdicts; the incumbent is the one after the verdict.
    """

    trial: int
    of: int
    settled: int
    strategy: str
    verdict: str
    cause: str
    reason: str
    value: float | None
    runs: int
    difference: float | None
    threshold: float | None
    incumbent: int
    incumbent_value: float | None
    elapsed_s: float


@dataclass(frozen=True, kw_only=True)
class Note:
    """A sentence for whoever reads along."""

    note: str


@dataclass(frozen=True, kw_only=True)
class ClaimTested:
    claim: Claim


@dataclass(frozen=True, kw_only=True)
class PartAblated:
    ablation: AblatedPart


@dataclass(frozen=True, kw_only=True)
class PaperReviewed:
    """review: the area chair's form, a record of the room of the agents, as it stands in the study's folder."""

    review: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How many of a stage's runs are done."""

    done: int
    of: int


@dataclass(frozen=True, kw_only=True)
class Ended:
    """Work on the study ended; one that was interrupted or failed may go on in a later session."""

    end: Literal["finished", "interrupted", "failed"]
    reason: str = ""


Told = Stage | TrialSettled | Note | ClaimTested | PartAblated | PaperReviewed | Progress | Ended
KINDS: Mapping[str, type[Told]] = {
    "stage": Stage,
    "trial": TrialSettled,
    "note": Note,
    "claim": ClaimTested,
    "ablation": PartAblated,
    "review": PaperReviewed,
    "progress": Progress,
    "end": Ended,
}
_NAMES = {shape: name for name, shape in KINDS.items()}
_ADAPTERS: dict[str, TypeAdapter[Told]] = {name: TypeAdapter(shape) for name, shape in KINDS.items()}


@dataclass(frozen=True, kw_only=True)
class Event:
    """What was told, its number in the study, and when: seconds of the wall clock."""

    number: int
    at: float
    told: Told

    def record(self) -> dict[str, Any]:
        """As listeners and `nightlab follow --json` have it."""
        told = json.loads(json.dumps(asdict(self.told)))  # a list where the record has a tuple
        return {"number": self.number, "at": self.at, "kind": kind(self.told), **told}


def kind(told: Told) -> str:
    return _NAMES[type(told)]


def read(kind: str, body: Mapping[str, Any]) -> Told:
    """What was told, out of its row. Raises ValueError where it holds none."""
    return _ADAPTERS[kind].validate_python(body)
