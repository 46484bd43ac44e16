"""The numeric search next to edits: what it may learn from trials whose files differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nightlab.experiments.search.policy import Tried, incumbent


@dataclass(frozen=True, kw_only=True)
class Branch:
    """The trials of one version of the files, numbered anew from 0.

    numbers: of each the number in the study; an inherited one has that of the trial in the baseline's place.
    """

    trials: Sequence[Tried]
    numbers: Sequence[int]


def branch(trials: Sequence[Tried], *, inherit: bool = True) -> Branch:
    """The trials with the incumbent's files.

    The first of them takes the baseline's place. With `inherit`, the trials of the versions that it was edited from
    come along: their scores are moved by what the edit gained, since the knobs mostly work as before.
    """
    if not edited(trials):
        return Branch(trials=trials, numbers=range(len(trials)))
    chosen = _version(trials, incumbent(trials))
    root = chosen[0]
    shift, found = 0.0, {t.number: t for t in chosen[1:]}
    edit = root
    while inherit and edit.parent is not None and edit.score is not None:
        parent = trials[edit.parent]
        if parent.score is None:
            break
        shift += edit.score - parent.score
        older = _version(trials, parent)
        known = [root.params, *(t.params for t in found.values())]
        found |= {t.number: _shifted(t, shift) for t in older if t.params not in known}
        edit = older[0]
    ordered = [root, *(found[n] for n in sorted(found))]
    place = {t.number: i for i, t in enumerate(ordered)}
    renumbered = [
        replace(t, number=i, parent=place.get(t.parent or 0, 0) if i else None) for i, t in enumerate(ordered)
    ]
    renumbered[0] = replace(renumbered[0], verdict="baseline")
    own = {t.number for t in chosen}
    return Branch(trials=renumbered, numbers=[t.number if t.number in own else root.number for t in ordered])


def edited(trials: Sequence[Tried]) -> bool:
    """Whether the trials are not all of the same files."""
    return any(t.artifact != trials[0].artifact for t in trials)


def _version(trials: Sequence[Tried], one: Tried) -> list[Tried]:
    """The trials with the files of `one`, the kept one that brought them first."""
    same = [t for t in trials if t.artifact == one.artifact]
    root = next(t for t in same if t.verdict in ("baseline", "kept"))
    return [root, *(t for t in same if t is not root)]


def _shifted(t: Tried, by: float) -> Tried:
    verdict = "reverted" if t.verdict in ("baseline", "kept") else t.verdict
    return replace(t, score=None if t.score is None else t.score + by, verdict=verdict)
