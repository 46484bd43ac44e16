"""What a reviewer may ask for: one registry, so that a new action is one registration.

An action names what it needs, what it runs, which facts come of it and how the paper tells of them. Those that ship are
in `nightlab.agents.offline.actions`; a program adds its own by `register`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nightlab.agents.team import Brief, Request, RequestKind, StudySubmission
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.template.template import Template
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.facts.facts import Facts
from nightlab.papers.manuscript.manuscript import Figure, Manuscript, Section

Side = Literal["soundness", "presentation", "contribution"]


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """One criterion applied: `points` are added to the side's score; positive ones are strengths."""

    side: Side
    points: float
    text: str
    question: str = ""
    request: Request | None = None


@dataclass(frozen=True, kw_only=True)
class Action:
    """Something that can be asked for, done and told: an entry of the registry out of which a panel's requests come.

    name: of requests for it. kind: an experiment, or a change of the text alone. wanted: what is asked for, as a
    sentence; empty where the evidence lacks what it needs, or holds its outcome. run: does the experiment, whose runs
    stand in a phase of the action's name, and says in a few words what was run. cost: runs of it at most. facts: adds
    what came of it. figures: draws it below a folder. section: tells of it, None where there is nothing to tell; of an
    experiment it follows the ablation, of a text it is an appendix. answer: what the response to the reviewers says
    was done, as a clause after "we". criterion: the rubric's on it, which finds what it rewards in the document.
    """

    name: str
    kind: RequestKind
    wanted: Callable[[Evidence], str]
    answer: Callable[[Brief], str]
    run: Callable[[Loop], str] | None = None
    cost: Callable[[Template], int] = lambda _: 0
    facts: Callable[[Facts], None] = lambda _: None
    figures: Callable[[Evidence, Path], Sequence[Figure]] = lambda _, __: ()
    section: Callable[[Brief], Section | None] = lambda _: None
    criterion: Callable[[StudySubmission], Iterator[Judgement]] = lambda _: iter(())


_ACTIONS: dict[str, Action] = {}


def register(action: Action) -> None:
    """Have reviewers know an action. Raises ValueError where its name is taken, or an experiment runs nothing."""
    if action.name in _ACTIONS:
        raise ValueError(f"there is an action {action.name!r} already")
    if (action.run is None) == (action.kind == "evidence"):
        raise ValueError(f"the action {action.name!r}: an experiment runs something, and a change of the text nothing")
    _ACTIONS[action.name] = action


def actions() -> Mapping[str, Action]:
    """All actions by name: those that ship, and those that were registered."""
    import nightlab.agents.offline.actions  # noqa: F401  (it registers its own)

    return _ACTIONS


def possible(e: Evidence, manuscript: Manuscript | None = None) -> dict[str, Request]:
    """What can still be asked for, by name. manuscript: the paper, whose sections need not be asked for."""
    there = {s.key for s in (*manuscript.sections, *manuscript.appendix)} if manuscript else set()
    asked = ((a, a.wanted(e)) for a in actions().values() if a.name not in there)
    return {a.name: Request(kind=a.kind, action=a.name, text=text) for a, text in asked if text}
