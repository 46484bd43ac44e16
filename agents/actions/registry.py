"""The actions by name: those that ship, and those that a program adds by `register`."""

from __future__ import annotations

from collections.abc import Mapping

from nightlab.agents.actions.action import Action
from nightlab.agents.offline.actions.shipped import SHIPPED
from nightlab.agents.team import Request
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.manuscript.manuscript import Manuscript

_ACTIONS: dict[str, Action] = {action.name: action for action in SHIPPED}


def register(action: Action) -> None:
    """Have reviewers know an action. Raises ValueError where its name is taken, or an experiment runs nothing."""
    if action.name in _ACTIONS:
        raise ValueError(f"there is an action {action.name!r} already")
    if (action.run is None) == (action.kind == "evidence"):
        raise ValueError(f"the action {action.name!r}: an experiment runs something, and a change of the text nothing")
    _ACTIONS[action.name] = action


def actions() -> Mapping[str, Action]:
    """All actions by name."""
    return _ACTIONS


def possible(e: Evidence, manuscript: Manuscript | None = None) -> dict[str, Request]:
    """What can still be asked for, by name. manuscript: the paper, whose sections need not be asked for."""
    there = {s.key for s in (*manuscript.sections, *manuscript.appendix)} if manuscript else set()
    return {name: asked for name, a in _ACTIONS.items() if name not in there and (asked := a.request(e))}
