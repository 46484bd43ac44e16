"""Hands the tasks of the judge to the copy of the search policy; nothing here may change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nightlab.experiments.records import Knob, Params, VerdictKind
from nightlab.experiments.search.evolution import Evolution
from nightlab.experiments.search.policy import Proposal, Tried

SEARCHES: list[Search] = []


def start(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:
    """Nothing is to be made ready: the knobs are constants of the copy, and seeds come from the judge."""


def begin(tasks: list[Any]) -> None:
    """New tasks: of each its knobs, the score of their defaults and a seed."""
    SEARCHES[:] = [Search(*task) for task in tasks]


def propose(scores: list[float | None]) -> list[dict[str, Any]]:
    """The next trial of each task, once the last one has its score; None is one that was refused."""
    return [search.next(score) for search, score in zip(SEARCHES, scores, strict=True)]


class Search:
    """The copy of the policy on one task, with the trials as it sees them."""

    def __init__(self, knobs: list[dict[str, Any]], score: float, seed: int) -> None:
        declared = [Knob(**{**k, "choices": tuple(k.get("choices", ()))}) for k in knobs]
        strategies = list(dict.fromkeys(k.strategy for k in declared))
        self.policy = Evolution(knobs=declared, strategies=strategies, seed=seed)
        self.trials: list[Tried] = []
        self.settle({k.name: k.default for k in declared}, "baseline", None, score)
        self.open: Proposal | None = None

    def next(self, score: float | None) -> dict[str, Any]:
        if last := self.open:
            self.settle(last.params, last.strategy, last.parent, score)
        self.open = self.policy.propose(self.trials, len(self.trials))
        return dict(self.open.params)

    def settle(self, params: Params, strategy: str, parent: int | None, score: float | None) -> None:
        kept = [t.score for t in self.trials if t.verdict in ("baseline", "kept") and t.score is not None]
        verdict: VerdictKind = "failed" if score is None else "kept" if score > max(kept, default=score) else "reverted"
        self.trials.append(
            Tried(
                number=len(self.trials),
                parent=parent,
                strategy=strategy,
                params=params,
                verdict=verdict if self.trials else "baseline",
                score=score,
                replicates=1,
                order=len(self.trials),
            )
        )
