"""The small frozen records that all rooms share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

ParamValue: TypeAlias = int | float | str
Params: TypeAlias = Mapping[str, ParamValue]
Split = Literal["dev", "holdout"]
DOUBT = 0.25  # level at which the best counts as going wrong more often: cautious, since it withholds a claim
BASELINE = 0  # the number of the baseline's trial
Direction = Literal["minimize", "maximize"]
Trust = Literal["verified", "reported"]
Level = Literal["S0", "S1", "S2", "S3"]
Status = Literal["ok", "crash", "timeout", "memory", "invalid", "tampered"]
Rule = Literal["paired", "strict"]  # how a verdict is passed
VerdictKind = Literal["baseline", "kept", "reverted", "failed"]


@dataclass(frozen=True, kw_only=True)
class Knob:
    """One declared parameter of a template. `low`, `high`, `log` hold for float and int, `choices` for choice.

    ordered: whether a choice is nearer to the ones beside it. values: what the choices stand for, where they are no
    numbers and texts themselves. when: the values of other knobs with which this one has an effect. rules: the
    requirements between knobs that name it (`template/rules.py`).
    """

    name: str
    type: Literal["float", "int", "choice"]
    strategy: str
    default: ParamValue
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    choices: tuple[ParamValue, ...] = ()
    ordered: bool = False
    values: tuple[Any, ...] = ()
    when: Mapping[str, tuple[ParamValue, ...]] = field(default_factory=dict)
    rules: tuple[str, ...] = ()

    def meant(self, value: ParamValue) -> Any:
        """What a value of the knob stands for: of a choice named `true`, the truth value."""
        return self.values[self.choices.index(value)] if self.values else value

    def nearest(self, x: float) -> int | float:
        """The value of a float or int knob that is nearest to `x`, never outside its range.

        A float has few digits, as a person would write it, but as many as tell apart the thousandth parts of itself and
        of the range.
        """
        if self.type == "int":
            return round(min(self.high, max(self.low, x)))
        reach = min(abs(x), self.high - self.low)
        digits = 3 - math.floor(math.log10(reach)) if reach else 0
        return min(self.high, max(self.low, round(x, digits)))


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a trial alters, relative to `parent`: parameters, edits to files, or both."""

    strategy: str
    hypothesis: str
    params: Params  # the whole assignment, not only what differs from the parent
    artifact: str  # content hash of the editable files
    parent: int | None  # the trial it starts from; None for the baseline
    proposer: str  # "baseline", "seed idea", a sampler's name, a model's name
    refused: str = ""  # why a proposal holds no change that could be tried; its trial fails without a run

    @property
    def phrase(self) -> str:
        """The hypothesis as it stands in a cell of a table."""
        return self.hypothesis[:1].lower() + self.hypothesis[1:].rstrip(".")


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One of the draws of the data: of the claim, of those that the search goes over beside the study's own, or of the
    second task."""

    number: int
    search: bool = False
    second: bool = False

    def __str__(self) -> str:
        if self.second:
            return f"second {self.number}"
        return f"search {self.number}" if self.search else str(self.number)


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """One execution of an artifact with one seed.

    artifact: folder with the artifact's files; the runner gives each run a fresh copy.
    splits: what the evaluator scores afterwards, on the same outputs.
    cold: in a sandbox that is started for it, which is in nothing that a run can see another than the warm one.
    probe: look whether the evaluator is a judge at all, on both splits; what it finds on the holdout stays untold.
    run: its number in the ledger, under which an executor's handle is kept; 0 where there is none.
    items: values by item are asked for too, where the evaluator has them.
    """

    artifact: Path
    params: Params
    seed: int
    splits: tuple[Split, ...] = ("dev",)
    cold: bool = False
    probe: bool = False
    run: int = 0
    items: bool = False


@dataclass(frozen=True, kw_only=True)
class RunOutcome:
    """How a run ended. `metrics` is complete for every requested split if `status` is ok, else empty."""

    status: Status
    metrics: Mapping[Split, Mapping[str, float]] = field(default_factory=dict)
    trust: Trust = "verified"
    wall_s: float = 0.0  # of the experiment alone, without start-up and evaluation
    cpu_s: float = 0.0
    memory_mb: float = 0.0
    level: Level = "S0"
    feedback: str = ""  # what the evaluator tells whoever proposes changes, in words
    error: str = ""  # what went wrong, cleaned of control characters, at most a few kB
    output: str = ""  # head and tail of what the experiment printed, likewise
    notes: tuple[str, ...] = ()  # what was left out: outputs that were not collected, metrics that are none
    doubts: tuple[str, ...] = ()  # what keeps the metrics from being verified, where the request asked for it
    items: Mapping[Split, Mapping[str, Any]] = field(default_factory=dict)  # arrays by item, where it asked for them
    series: Mapping[str, Any] = field(default_factory=dict)  # name or SPLIT/NAME -> rows, where it asked for items


@dataclass(frozen=True, kw_only=True)
class Part:
    """What can be taken out of the best: knobs of one strategy that differ from the default, or an edit of files.

    trial: the last that set them. artifact: of an edit, the best's files without it. joint: the edits that are taken
    out along with it, because they stand on it.
    """

    key: str
    trial: int
    strategy: str
    knobs: tuple[str, ...] = ()
    artifact: str = ""
    joint: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Effect:
    """How much better the best is than the baseline; positive is an improvement.

    estimand: "mean", or "typical" for a trimmed mean. low, high: two-sided interval. p_value: one-sided, of the
    hypothesis fixed in advance that the best is better; significant: p_value < level. bound: the one-sided lower bound
    that goes with this test, above zero where it is significant. n: pairs; items: groups of items that were sampled
    besides, 0 where only seeds or draws were. dof: of the t distribution. skew: of the estimate, where the test allows
    for that of the items. test: the test's name.
    alike: whether the runs of each side have the same metrics on every seed. runs: the numbers of the runs behind it.
    seeded: whether these are seen to use their seed.
    """

    effect: float
    low: float
    high: float
    p_value: float
    significant: bool
    n: int
    test: str
    bound: float = 0.0
    estimand: str = "mean"
    items: int = 0
    dof: float = 0.0
    skew: float = 0.0
    alike: bool = False
    runs: tuple[int, ...] = ()
    seeded: bool = True


@dataclass(frozen=True, kw_only=True)
class Reliability:
    """How often runs of the best and of the baseline went wrong, and what that leaves open.

    p_value: of no more for the best, given how many went wrong in all. worst: the best's worst run that did not fail.
    not_excluded: a rate of runs gone wrong that the best's runs do not exclude, at one-sided 95 %.
    """

    wrong: int
    runs: int
    failed: int
    baseline_wrong: int
    baseline_runs: int
    p_value: float
    worst: float | None
    not_excluded: float

    @property
    def holds(self) -> bool:
        return self.p_value > DOUBT


class Runner(Protocol):
    """Executes runs in slots. Close it to end everything that it started."""

    @property
    def level(self) -> Level:
        """The isolation that runs get."""
        ...

    @property
    def workers(self) -> int: ...

    def submit(self, request: RunRequest) -> Future[RunOutcome]:
        """Queue a run. The future never raises for what the experiment does: that is a RunOutcome."""
        ...

    def started(self, future: Future[RunOutcome]) -> bool:
        """Whether a submitted run has left the queue."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A number of the evidence: the only way for a number to reach the paper.

    id: dotted, e.g. `best.holdout.mean`. text: as it is printed. formula: the name of the function that computes it
    from the ledger, with its arguments. runs: the numbers of exactly the runs that entered it; none for settings and
    counts.
    """

    id: str
    value: float
    text: str
    unit: str = ""
    formula: str
    arguments: Mapping[str, ParamValue] = field(default_factory=dict)
    runs: tuple[int, ...] = ()
