"""The states of the two graphs: ids and small counters; everything else lives in the study's ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict


@dataclass(kw_only=True)
class ExperimentInput:
    """The idea to work on, by its key."""

    idea: str = ""


@dataclass(kw_only=True)
class ExperimentState(ExperimentInput):
    settled: int = 0  # trials with a verdict
    finished: str = ""  # why the search ended


@dataclass(kw_only=True)
class ExperimentOutput:
    finished: str = ""


@dataclass(kw_only=True)
class PipelineState:
    idea: str = ""
    finished: str = ""
    round: int = 0  # 0 is the first draft, then the revisions
    audited: bool = False  # whether the writer has seen the audit of this round's draft
    decision: str = ""


class ExperimentUpdate(TypedDict, total=False):
    settled: int
    finished: str


class PipelineUpdate(TypedDict, total=False):
    idea: str
    round: int
    audited: bool
    decision: str
