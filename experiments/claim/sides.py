"""Contenders side by side: on the same fresh seeds or draws of the data, each first in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from nightlab.experiments.loop.run_accounts import Job
from nightlab.experiments.records import BASELINE, Change, Draw, Params, Split
from nightlab.experiments.study.study import Study

OfPair = Callable[[int], Draw | None]  # the draw of the data that a pair is on, by its number; None for the study's own


def splits(claimed: Split) -> tuple[Split, ...]:
    """What is scored of the runs of a test on this split."""
    return ("dev", "holdout") if claimed == "holdout" else ("dev",)


def from_draw(first: int | None) -> OfPair:
    """Pairs on one draw each from this one on, or all on the study's own data where there is none."""
    return lambda pair: None if first is None else Draw(number=first + pair)


def side_by_side(
    phase: str,
    contenders: Sequence[tuple[str, Change]],
    split: Split,
    pairs: range,
    of_pair: OfPair,
    *,
    seeds: str = "",
    items: bool = True,
) -> list[Job]:
    """Jobs of all contenders. seeds: the purpose that theirs are drawn for; by default the phase's own."""
    return [
        Job(
            phase=phase,
            subject=name,
            replicate=i,
            change=change,
            seeds=seeds or phase,
            splits=splits(split),
            items=items,
            draw=of_pair(i),
        )
        for i in pairs
        for name, change in contenders[:: 1 if i % 2 else -1]
    ]


def with_params(study: Study, params: Params) -> Change:
    """The template's own files with other parameters, which no trial of the study proposed."""
    return Change(
        strategy="baseline",
        hypothesis="What another search finds.",
        params=params,
        artifact=study.baseline_artifact,
        parent=BASELINE,
        proposer="baseline",
    )
