"""The small interface behind which all search policies stand: given what was tried, what to try next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from nightlab.experiments.records import Params, VerdictKind


class Exhausted(Exception):
    """Nothing is left to try."""

    def __init__(self, why: str = "every assignment of the knobs that may move was tried") -> None:
        super().__init__(why)


@dataclass(frozen=True, kw_only=True, slots=True)
class Tried:
    """A trial as the search sees it.

    verdict: None while it runs. score: mean over its replicates, larger is better; None if it failed or runs.
    artifact: content hash of its files. order: of its verdict among all, from 1; 0 while it runs.
    """

    number: int
    parent: int | None
    strategy: str
    params: Params
    verdict: VerdictKind | None
    score: float | None
    replicates: int
    artifact: str = ""
    order: int = 0


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """The next trial: a whole assignment, the kind of change it is, whose change, and by which method."""

    params: Params
    strategy: str
    parent: int
    sampler: str


class Policy(Protocol):
    """A search policy. Its answer depends on seed, trials and number alone, so that a resumed study goes on alike."""

    def propose(self, trials: Sequence[Tried], number: int) -> Proposal:
        """What trial `number` shall be; `trials` starts with the baseline, number 0.

        Raises Exhausted when nothing is left to try.
        """
        ...


def generator(seed: int, number: int) -> np.random.Generator:
    """The randomness of one proposal, the same however often it is asked for."""
    return np.random.default_rng([seed % 2**64, number])


def incumbent(trials: Sequence[Tried]) -> Tried:
    """The trial whose verdict was the last `kept`, or the baseline: it has met the incumbent before it on equal seeds.

    With several workers that need not be the one with the highest number.
    """
    return max((t for t in trials if t.verdict == "kept"), key=lambda t: (t.order, t.number), default=trials[0])
