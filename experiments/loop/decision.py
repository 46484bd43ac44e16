"""Verdicts: is a candidate really better than the incumbent, or lucky?"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from scipy import special

from nightlab.experiments.numbers import plural
from nightlab.experiments.records import Rule, VerdictKind

CONFIDENCE = 0.99  # of one verdict; a study passes many, so its best rests on the confirmation, not on this
FUTILITY = 0.05  # no further replicate is spent on a candidate whose chance of being kept is below this


@dataclass(frozen=True, kw_only=True)
class More:
    """Undecided: the candidate needs `replicates` runs in all."""

    replicates: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """`kept` or `reverted`, with a sentence of reason and the numbers in it; the first two as in Settled."""

    kind: VerdictKind
    reason: str
    difference: float
    threshold: float
    numbers: Mapping[str, float] = field(default_factory=dict)


@dataclass
class _Layout:
    """Over the groups of one size: their number, the norm of their centred values, and the sums of these by place."""

    groups: int
    norm: float
    columns: list[float]


@dataclass
class Noise:
    """The standard deviation of one run, pooled over the replicates of all trials, whatever became of them.

    A group holds the scores of one trial on the first search seeds in order. What a seed does to all trials alike
    cancels in a comparison on the same seeds; with enough groups it is taken out, as in a two-way analysis of
    variance. Adding a group takes the same time at any number of groups.
    """

    _layouts: dict[int, _Layout] = field(default_factory=dict)

    ENOUGH = 4  # degrees of freedom for estimating the effect of the seeds beside the noise

    @classmethod
    def of(cls, groups: Iterable[Sequence[float]]) -> Self:
        noise = cls()
        for group in groups:
            noise.add(group)
        return noise

    def add(self, group: Sequence[float]) -> None:
        """Pool one trial's replicates; a single run says nothing and changes nothing."""
        n = len(group)
        if n < 2:
            return
        shifted = [v - group[0] for v in group]  # identical values must have no spread at all, not a rounding error
        mean = math.fsum(shifted) / n
        layout = self._layouts.setdefault(n, _Layout(0, 0.0, [0.0] * n))
        layout.groups += 1
        layout.norm = math.hypot(layout.norm, *(v - mean for v in shifted))  # no square, which may overflow or vanish
        for i, v in enumerate(shifted):
            layout.columns[i] += v - mean

    @property
    def dof(self) -> int:
        paired = sum((e.groups - 1) * (n - 1) for n, e in self._layouts.items())
        return paired if paired >= self.ENOUGH else sum(e.groups * (n - 1) for n, e in self._layouts.items())

    @property
    def sd(self) -> float:
        """0 for a template whose every replicate repeats the first, and as long as nothing is known."""
        whole, seeds = math.hypot(*(e.norm for e in self._layouts.values())), 0.0
        if sum((e.groups - 1) * (n - 1) for n, e in self._layouts.items()) >= self.ENOUGH:
            seeds = math.hypot(*(c / math.sqrt(e.groups) for e in self._layouts.values() for c in e.columns))
        rest = math.sqrt(max(0.0, whole - seeds)) * math.sqrt(whole + seeds)
        return rest / math.sqrt(self.dof) if self.dof else 0.0

    @property
    def deterministic(self) -> bool:
        """Whether there were replicates and none differed from the first of its trial."""
        return self.dof > 0 and self.sd == 0.0


def judge(
    candidate: Sequence[float],
    incumbent: Sequence[float],
    noise: Noise | None,
    *,
    rule: Rule,
    max_replicates: int,
    min_effect: float,
    alongside: bool = False,
) -> Verdict | More:
    """Decide on a candidate whose i-th score is on the same search seed as the incumbent's i-th; larger is better.

    `strict` keeps what is better on the runs there are. `paired` asks for replicates one by one and gives up as soon
    as the chance of being kept, predicted from the difference so far, falls below FUTILITY; it keeps what is, after
    all replicates, better than min_effect with one-sided CONFIDENCE, by the noise of all trials.
    alongside: the incumbent runs anew with each replicate, so that it has no more scores than the candidate.
    Where there is no noise (a deterministic template) or none is known, one run decides.
    """
    shared = min(len(candidate), len(incumbent))
    if not shared:
        raise ValueError("a verdict needs at least one score of the candidate and of the incumbent")
    difference = math.fsum(c - i for c, i in zip(candidate, incumbent, strict=False)) / shared
    numbers = {"replicates": float(shared), "min_effect": min_effect}
    if rule == "strict" or noise is None or not noise.dof or noise.deterministic:
        kept = difference > min_effect
        why = "deterministic" if rule == "paired" and noise and noise.deterministic else "taken at face value"
        return _verdict(kept, difference, min_effect, numbers, f"{plural(shared, 'run')}, {why}")
    final = max_replicates if alongside else min(max_replicates, len(incumbent))
    stderr = noise.sd * math.sqrt(2 / shared)
    numbers |= {"noise_sd": noise.sd, "noise_dof": float(noise.dof), "stderr": stderr}
    if shared < final:
        bar = min_effect + float(special.ndtri(CONFIDENCE)) * noise.sd * math.sqrt(2 / final)
        spread = noise.sd * math.sqrt(2 / shared - 2 / final)
        chance = float(special.ndtr((difference - bar) / spread))
        if chance >= FUTILITY:
            return More(replicates=shared + 1)
        return _verdict(False, difference, bar, numbers | {"chance": chance}, f"{shared} of {plural(final, 'run')}")
    bar = min_effect + float(special.stdtrit(noise.dof, CONFIDENCE)) * stderr
    return _verdict(difference > bar, difference, bar, numbers, plural(shared, "paired run"))


def _verdict(kept: bool, difference: float, threshold: float, numbers: Mapping[str, float], basis: str) -> Verdict:
    noise = f"; noise {numbers['noise_sd']:.4g} a run" if "noise_sd" in numbers else ""
    asked = f"{'above' if kept else 'not above'} the {threshold:.4g} that was asked for"
    reason = f"Better than the incumbent by {difference:.4g}, {asked}"
    if difference <= 0:
        how = f"Worse than the incumbent by {-difference:.4g}" if difference else "Equal to the incumbent"
        reason = f"{how}; a gain above {threshold:.4g} was asked for"
    reason += f" ({basis}{noise})."
    return Verdict(
        kind="kept" if kept else "reverted",
        reason=reason,
        difference=difference,
        threshold=threshold,
        numbers=numbers,
    )
