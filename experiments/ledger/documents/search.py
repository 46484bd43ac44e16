"""Documents of a search: its runs, proposals, notices and allowances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from nightlab.experiments.ledger.kinds import document

Concern = Literal["stagnation", "waste", "gaming"]
Action = Literal["widen", "report", "park", "stop", "run again"]
SEARCHED = ("search", "beside", "rung")  # phases of a search that goes on; a claim has all others of its own


@document("interrupted")
@dataclass(frozen=True, kw_only=True)
class RunInterrupted:
    """A run was in progress when its session died: "killed", or "broken" with the machine."""

    death: str = ""


@document("handle")
@dataclass(frozen=True, kw_only=True)
class RunHandle:
    """What an executor calls a run that was submitted to it. data: the folder of its data in that of the study."""

    executor: str
    handle: str
    data: str = ""


@document("refused")
@dataclass(frozen=True, kw_only=True)
class ProposalRefused:
    """Why the proposal for a trial could not be used."""

    reason: str


@document("notice")
@dataclass(frozen=True, kw_only=True)
class Notice:
    """What the overseer noticed after a trial, and what follows. `key` is unique within the study."""

    key: str
    concern: Concern
    trial: int
    sentence: str
    action: Action
    strategy: str = ""  # the one that is parked


@document("rung")
@dataclass(frozen=True, kw_only=True)
class RungDecision:
    """Whether a trial passed a cheaper level: its rank among all that ran there so far."""

    passed: bool
    rank: int
    of: int
    score: float


@document("budget")
@dataclass(frozen=True, kw_only=True)
class Allowance:
    """How many seeds an optional step wanted and got of the hours, or a note on how the models' budget ended."""

    wanted: int = 0
    seeds: int = 0
    note: str = ""

    @property
    def cut(self) -> bool:
        return self.seeds < self.wanted
