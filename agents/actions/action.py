"""What a reviewer may ask for: what it needs, what it runs, which facts come of it and how the paper tells of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from nightlab.agents.team import Brief, Request, RequestKind, StudySubmission
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.template.template import Template
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.facts.facts import Facts
from nightlab.papers.manuscript.manuscript import Figure, Section

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
    first_draft: whether the experiment makes it without being asked, so that an estimate counts it in any case.
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
    first_draft: bool = False

    def request(self, e: Evidence) -> Request | None:
        """The request for it, where it is wanted."""
        return Request(kind=self.kind, action=self.name, text=text) if (text := self.wanted(e)) else None

    def judged(
        self,
        s: StudySubmission,
        side: Side,
        *,
        met: bool,
        told: str,
        lacking: str,
        question: str,
        points: float = -0.25,
    ) -> Iterator[Judgement]:
        """The common criterion: a strength where the document has it, a weakness and a request where it is wanted.

        points: of the weakness.
        """
        if met:
            yield Judgement(side=side, points=0.25, text=told)
        elif request := self.request(s.evidence):
            yield Judgement(side=side, points=points, text=lacking, question=question, request=request)
