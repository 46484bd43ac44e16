"""The documents of a ledger: what there is one of in a study, or one of a kind, each a frozen record.

`kinds.py` lists them all: those below, which the experiments write, and those that a room above registers beside its
own records. A record is written and read by its type; the name of its kind stands at its registration alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from nightlab.experiments.ledger.kinds import document
from nightlab.experiments.records import Direction, Effect, Params, ParamValue, Reliability, Split

Mode = Literal["pipeline", "experiment"]
Concern = Literal["stagnation", "waste", "gaming"]
Action = Literal["widen", "report", "park", "stop", "run again"]
OPENING = "opening"  # the key of the one opening of the holdout
SEARCHED = ("search", "beside", "rung")  # phases of a search that goes on; a claim has all others of its own


# The study


@document("study", "origin")
@dataclass(frozen=True, kw_only=True)
class Origin:
    """The folder of the template, and when the study was begun.

    home: where the template's paths begin that lead out of it; of a fork, not the folder that it was copied from.
    """

    template: str
    started: str = ""
    home: str = ""


@document("study", "mode", older=lambda body: {"mode": body} if isinstance(body, str) else body)
@dataclass(frozen=True, kw_only=True)
class StudyMode:
    """Whether a paper follows the experiment."""

    mode: Mode = "pipeline"


@document("study", "fork")
@dataclass(frozen=True, kw_only=True)
class ForkOrigin:
    """The trial of another study that is the baseline here.

    edited: whether others than the template's author wrote its files. shut: whether the holdout was opened there.
    share: of the level of the claims, what it took along; None in an early version. recorded: whether that study could
    write it down.
    """

    study: str
    trial: int
    params: Params
    artifact: str = ""
    edited: bool = False
    shut: bool = False
    share: float | None = None
    recorded: bool = True


@document("study", "trust")
@dataclass(frozen=True, kw_only=True)
class Doubts:
    """What the first runs say against the evaluator."""

    doubts: tuple[str, ...] = ()


@document("study", "hashes", older=lambda body: body if "of" in body else {"of": body})
@dataclass(frozen=True, kw_only=True)
class TreeHashes:
    """The hash of what the study was begun with, by what it is: template, inputs, private data."""

    of: Mapping[str, str]


@document("study", "bound")
@dataclass(frozen=True, kw_only=True)
class BoundHashes:
    """The hash of the manifest of each file and folder that runs read where it lies."""

    of: Mapping[str, str]


@document("study", "files", older=lambda body: body if "of" in body else {"of": body})
@dataclass(frozen=True, kw_only=True)
class FileHashes:
    """The same file by file: the hash of each by its path."""

    of: Mapping[str, Mapping[str, str]]


@document("study", "sizes")
@dataclass(frozen=True, kw_only=True)
class DataSizes:
    """What the template has counted of the data when they were laid out: what it is -> how many."""

    of: Mapping[str, int]


@document("study", "copies")
@dataclass(frozen=True, kw_only=True)
class Copies:
    """Files of the private data that stand, at least in part, among the inputs as well, and of the holdout's that stand
    in dev; each with the place in it."""

    shared: tuple[str, ...] = ()
    both: tuple[str, ...] = ()


@document("draw")
@dataclass(frozen=True, kw_only=True)
class DrawHashes:
    """The hashes of a draw of the data, by its number."""

    inputs: str
    private: str


@document("fork")
@dataclass(frozen=True, kw_only=True)
class Forked:
    """What a fork of this study, by a number that counts from 1, took of its level. fork: tells two forks apart."""

    level: float
    fork: str = ""


@document("extension")
@dataclass(frozen=True, kw_only=True)
class Extension:
    """What a finished study was given more, by a number that counts from 1. round: the first one of its papers."""

    trials: int
    hours: float
    round: int


@document("done")
@dataclass(frozen=True, kw_only=True)
class Done:
    """The study, or its last extension, came to its end."""


@document("opened")
@dataclass(frozen=True, kw_only=True)
class SessionOpened:
    """When a session began, by the wall clock, and what tells of a start or a lack of memory of the machine."""

    at: float | None = None  # an early version did not say
    boot: str = ""
    out_of_memory: str = ""


@document("session")
@dataclass(frozen=True, kw_only=True)
class SessionClosed:
    """A session that ended in order, and its length."""

    wall_s: float


# The search


@document("interrupted")
@dataclass(frozen=True, kw_only=True)
class RunInterrupted:
    """A run was in progress when its session died: "killed", or "broken" with the machine."""

    death: str = ""


@document("handle")
@dataclass(frozen=True, kw_only=True)
class RunHandle:
    """What an executor calls a run that was submitted to it."""

    executor: str
    handle: str


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


# The claim


@document("items")
@dataclass(frozen=True, kw_only=True)
class ItemHashes:
    """The arrays of a run's values by item: split -> metric, or "group" -> hash. By the run's number."""

    of: Mapping[str, Mapping[str, str]]


@document("series")
@dataclass(frozen=True, kw_only=True)
class SeriesHash:
    """What a run reported step by step. By the run's number."""

    hash: str


@document("selection")
@dataclass(frozen=True, kw_only=True)
class Selection:
    """The trial that was chosen for the confirmation."""

    trial: int


@document("holdout")
@dataclass(frozen=True, kw_only=True)
class HoldoutOpening:
    """The trial for which the holdout was opened, or was asked for and stayed shut."""

    best: int


@document("study", "precedents")
@dataclass(frozen=True, kw_only=True)
class Precedents:
    """The other studies of the template that stood beside this one before its search, how many of them had claimed an
    improvement, and how many families of claims there are with this study's."""

    others: int = 0
    claimed: int = 0
    families: int = 1


@document("preregistration")
@dataclass(frozen=True, kw_only=True)
class Preregistration:
    """The test of a claim, fixed before its search.

    family_level: shared by a study's extensions and forks. trim: share of the pairs set aside at either end. losses:
    whether a failed run of the best is a loss. looks: at the parts. draws: of the data, 0 where there is one. smallest:
    the effect that the test would find with this power. coverage: of the claim's interval. search_draws: of the
    data that the search goes over. An early version tested the mean of what ran.
    """

    hypothesis: str
    metric: str
    direction: Direction
    split: Split
    test: str
    level: float
    seeds: tuple[int, ...]
    min_effect: float
    family_level: float = 0.05
    trim: float = 0.0
    losses: bool = False
    looks: int = 1
    draws: int = 0
    smallest: float | None = None
    power: float = 0.8
    coverage: float = 0.95
    search_draws: int = 1


@document("claim")
@dataclass(frozen=True, kw_only=True)
class Claim(Effect):
    """What the confirmation came to.

    best: the trial that was tested, the baseline where none was; chosen: the one that was to be. tested: whether there
    was a test; without one the effect says nothing. incumbent_failed: whether the search's incumbent failed on further
    seeds. failed_runs: of the confirmation. level to coverage: as preregistered. reliability: how the best's runs went;
    withheld: why there is no claim although the test may find one: "constraint", of those that are `broken`, or
    "reliability".
    """

    best: int
    chosen: int | None = None  # an early version did not say
    split: Split
    tested: bool
    incumbent_failed: bool = False
    failed_runs: int = 0
    level: float = 0.05
    trim: float = 0.0
    losses: bool = False
    looks: int = 1
    draws: int = 0
    coverage: float = 0.95
    reliability: Reliability | None = None
    broken: tuple[str, ...] = ()
    withheld: str = ""


@document("ablation")
@dataclass(frozen=True, kw_only=True)
class AblatedPart(Effect):
    """What a part of the best contributes: the effect of the best over itself without the part.

    knobs: those of one strategy that differ from the default, or none for an edit; artifact: then the best's files
    without it. trial: the last that set them. joint: edits that are taken out along with it. p_holm: corrected for the
    number of parts.
    """

    key: str
    trial: int
    strategy: str
    knobs: tuple[str, ...] = ()
    artifact: str = ""
    joint: tuple[int, ...] = ()
    p_holm: float


@document("knob")
@dataclass(frozen=True, kw_only=True)
class AblatedKnob(Effect):
    """What is lost when one knob of the best is set back to its default, where it shares a part with others."""

    knob: str


@document("sensitivity")
@dataclass(frozen=True, kw_only=True)
class KnobStep(Effect):
    """What is lost when a knob of the best moves one step, to `value`."""

    key: str
    knob: str
    value: ParamValue


@document("rival proposal")
@dataclass(frozen=True, kw_only=True)
class RivalProposal:
    """An assignment that a baseline's search tries, by the baseline's name and a number that counts from 1."""

    params: Params


@document("rival")
@dataclass(frozen=True, kw_only=True)
class Rival:
    """What a baseline at equal budget came to. number: its chosen proposal, 0 for the template's defaults or where it
    did not search; proposed: how many there were."""

    name: str
    params: Params
    number: int = 0
    proposed: int = 0


@document("rivals")
@dataclass(frozen=True, kw_only=True)
class RivalPlan:
    """Which baselines meet the best after the confirmation and how, fixed before that opens the holdout. pairs: of
    runs, with each; level: of the tests together."""

    rivals: tuple[str, ...]
    split: Split
    pairs: int
    level: float
    test: str


@document("rival effect")
@dataclass(frozen=True, kw_only=True)
class RivalEffect(Effect):
    """How much better the best is than a baseline at equal budget. p_holm: corrected for the number of these."""

    rival: Rival
    p_holm: float
