"""Documents of a claim: how it is preregistered, what it comes to, what each part of the best does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from nightlab.experiments.ledger.kinds import document
from nightlab.experiments.records import Direction, Effect, ParamValue, Part, Reliability, Split

OPENING = "opening"  # the key of the one opening of the holdout
REFUSED = "refused for "  # those of the times when it stayed shut begin so
FurtherKind = Literal["again", "stress", "second", "draws"]


@document("items")
@dataclass(frozen=True, kw_only=True)
class ItemHashes:
    """The arrays of a run's values by item: split -> metric, or "group" -> hash. By the run's number."""

    of: Mapping[str, Mapping[str, str]]


@document("feedback")
@dataclass(frozen=True, kw_only=True)
class Feedback:
    """What the evaluator told of a run for whoever proposes changes. By the run's number."""

    text: str


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
    the effect that the test would find with this power. coverage: of the claim's interval. skewed: whether a
    test over items allows for their skewness. search_draws: of the data that the search goes over. An early version
    tested the mean of what ran.
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
    skewed: bool = False
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
    skewed: bool = False
    reliability: Reliability | None = None
    broken: tuple[str, ...] = ()
    withheld: str = ""


@document("ablation")
@dataclass(frozen=True, kw_only=True)
class AblatedPart(Part, Effect):
    """What a part of the best contributes: the effect of the best over itself without the part. p_holm: corrected for
    the number of parts."""

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


@document("replication plan")
@dataclass(frozen=True, kw_only=True)
class ReplicationPlan:
    """How a claim that was tested is tested once more, written down before its runs. pairs: of runs, on further fresh
    seeds or draws; level: of the test."""

    split: Split
    pairs: int
    level: float


@document("further plan")
@dataclass(frozen=True, kw_only=True)
class FurtherPlan:
    """A further test beside the claim, written down before its runs.

    kind: "again" (what a second search finds, against the best), "stress" (the best trial that stays within a tighter
    bound, against the baseline), "second" (the best against the baseline on the second task) or "draws" (the same on
    further draws of the data). trial, metric, bound: of a stress test. params, policy: what the second search found,
    and how it searched.
    """

    kind: FurtherKind
    split: Split
    pairs: int
    level: float
    trial: int = 0
    metric: str = ""
    bound: float = 0.0
    params: Mapping[str, ParamValue] = field(default_factory=dict)
    policy: str = ""


@document("further test")
@dataclass(frozen=True, kw_only=True)
class FurtherTest(Effect):
    """What a further test shows. It stands beside the claim, which it does not change."""

    plan: FurtherPlan


@document("further hindered")
@dataclass(frozen=True, kw_only=True)
class FurtherHindered:
    """What keeps a further test from being made: the preparation of its data failed, gave the study's own data, or
    other data when it was repeated; or less than two pairs of runs came to an end. error: as the preparation told it.
    """

    why: Literal["preparation", "same data", "other data", "runs"]
    error: str = ""


@document("replication")
@dataclass(frozen=True, kw_only=True)
class Replication(Effect):
    """What the further pairs of best and baseline show by the claim's own test. It stands beside the claim, which it
    does not change."""

    split: Split
