"""The search policies by name. One from outside the package registers itself in the same way."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Protocol

from nightlab.experiments.records import Knob
from nightlab.experiments.search.archive import Archive
from nightlab.experiments.search.evolution import Evolution
from nightlab.experiments.search.greedy import Greedy
from nightlab.experiments.search.numeric import SAMPLERS, Numeric
from nightlab.experiments.search.policy import Policy
from nightlab.experiments.search.tree import Tree


class MakePolicy(Protocol):
    """Makes the policy of one study: only the knobs of `strategies` move, the others stay at their defaults."""

    def __call__(self, *, knobs: Sequence[Knob], strategies: Sequence[str], seed: int) -> Policy: ...


_POLICIES: dict[str, MakePolicy] = {}


def register(name: str, make: MakePolicy) -> None:
    """Have `make_policy` know a policy. Raises ValueError for a name that is taken."""
    if name in _POLICIES:
        raise ValueError(f"there is a search policy {name!r} already")
    _POLICIES[name] = make


def make_policy(name: str, *, knobs: Sequence[Knob], strategies: Sequence[str], seed: int) -> Policy:
    """The policy called `name`. Raises ValueError where there is none, or for a strategy that no knob has."""
    if name not in _POLICIES:
        raise ValueError(f"no search policy is called {name!r}; there are {', '.join(_POLICIES)}")
    if unknown := set(strategies) - {k.strategy for k in knobs}:
        raise ValueError(
            f"no knob belongs to {sorted(unknown)}; the strategies are {sorted({k.strategy for k in knobs})}"
        )
    return _POLICIES[name](knobs=knobs, strategies=strategies, seed=seed)


register("greedy", Greedy)
register("tree", Tree)
register("evolution", Evolution)
register("archive", Archive)
for _sampler in SAMPLERS:
    register(_sampler, partial(Numeric, _sampler))
