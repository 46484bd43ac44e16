"""The five roles as Protocols, what passes between them, and the team that fills them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, RootModel

from nightlab.experiments.executors.executor import Solver
from nightlab.experiments.ledger.kinds import document
from nightlab.experiments.ledger.ledger import Trial
from nightlab.experiments.records import Change, Fact
from nightlab.experiments.search.policy import Tried
from nightlab.experiments.template.ideas import HypothesisPart
from nightlab.experiments.template.template import Template
from nightlab.papers.audit.finding import Finding
from nightlab.papers.audit.reading import checks
from nightlab.papers.audit.reading.document import Document, as_read
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.manuscript import Figure, Manuscript, Table

ACCEPT = 6  # overall score from which a paper is accepted: "weak accept" on the NeurIPS scale
SCORES = (
    "originality",
    "quality",
    "clarity",
    "significance",
    "soundness",
    "presentation",
    "contribution",
    "overall",
    "confidence",
)
Decision = Literal["accept", "reject"]
Score4 = Annotated[int, Field(ge=1, le=4)]
RequestKind = Literal["text", "evidence"]


class Record(BaseModel):
    """A record that is kept in the ledger as JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@document("idea")
class Idea(Record):
    """A research question with its hypothesis and the strategies that its plan may use."""

    key: str
    title: str
    question: str
    hypothesis: str
    strategies: tuple[str, ...]
    parts: tuple[HypothesisPart, ...] = ()  # of the hypothesis; none where nobody has said what answers it
    expected_effect: str = ""
    risks: str = ""
    novelty: float = 0.0  # 0 to 1: one minus the likeness to the nearest retrieved paper
    nearest: str = ""  # that paper's key
    rank_score: float = 0.0
    plan: str = ""
    proposer: str = ""  # a model's name; empty for an idea of the template's


@document("ideas", "ranked")
class RankedIdeas(RootModel[tuple[Idea, ...]]):
    """What the ideator proposed, the best first."""

    model_config = ConfigDict(frozen=True)


class Request(Record):
    """What a reviewer asks for: a change of the text, or an experiment by its name."""

    kind: RequestKind
    action: str  # of `nightlab.agents.actions`, or the part of the text that is meant
    text: str


def decided(overall: float) -> Decision:
    """What an overall score of 1 to 10 comes to, of one review or of a panel's mean."""
    return "accept" if overall >= ACCEPT else "reject"


@document("review")
class Review(Record):
    """The NeurIPS review form, with what the reviewer asks for."""

    reviewer: str
    summary: str
    strengths: tuple[str, ...]
    weaknesses: tuple[str, ...]
    originality: Score4
    quality: Score4
    clarity: Score4
    significance: Score4
    questions: tuple[str, ...]
    limitations: tuple[str, ...]
    ethical_concerns: str
    soundness: Score4
    presentation: Score4
    contribution: Score4
    overall: Annotated[int, Field(ge=1, le=10)]
    confidence: Annotated[int, Field(ge=1, le=5)]
    decision: Decision
    requests: tuple[Request, ...] = ()
    by: str = "offline rubric"  # or the model that filled in the form


class Answer(Record):
    """What the chair makes of a request: a change of the text, an experiment, or nothing, with the reason."""

    request: Request
    kind: Literal["text", "experiment", "decline", "open"]
    asked_by: tuple[str, ...] = ()
    reason: str = ""  # why it is declined, or left open when the study ends


Preference = Literal["first", "second", "neither"]


@document("comparison")
class Comparison(Record):
    """Which version a reviewer prefers, the older one shown first and then the newer one first."""

    reviewer: str
    older_first: Literal["older", "newer", "neither"]
    newer_first: Literal["older", "newer", "neither"]

    @property
    def votes(self) -> int:
        """For the newer version, less those for the older one."""
        return sum({"newer": 1, "older": -1, "neither": 0}[v] for v in (self.older_first, self.newer_first))


@document("meta")
class MetaReview(Record):
    """The area chair's summary of a round: mean scores, decision, and what a revision must do."""

    round: int
    overall: float
    scores: Mapping[str, float]
    decision: Decision
    summary: str
    requests: tuple[Request, ...]
    kept: bool  # whether this version is better than the best one before it
    by_threshold: Decision | None = None  # what the mean overall score comes to; the chair may reject what it accepts
    spread: float = 0.0  # between the reviewers' overall scores: the highest minus the lowest
    agreement: tuple[str, ...] = ()
    disagreement: tuple[str, ...] = ()
    answers: tuple[Answer, ...] = ()  # to the requests, in their order
    errors: int = 0  # findings of the audit that are errors
    compared: tuple[Comparison, ...] = ()  # with the best version before it, blind
    by: str = "offline rubric"  # or the model that weighed the reviews


@dataclass(frozen=True, kw_only=True)
class Questions:
    """How often a role asks its model when every answer passes: once a study, for each trial, for each version of the
    paper, and for each but the first one besides."""

    study: int = 0
    trial: int = 0
    version: int = 0
    revision: int = 0


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What a coder sees when it is asked for the next change."""

    template: Template
    idea: Idea
    trials: Sequence[Tried]
    history: Sequence[Trial]
    number: int


@document("analysis")
@dataclass(frozen=True, kw_only=True)
class Analysis:
    """What the analyst made of the evidence: further facts, figures, tables, conclusions in the manuscript's markup."""

    facts: Mapping[str, Fact]
    figures: tuple[Figure, ...]
    tables: tuple[Table, ...]
    conclusions: Mapping[str, str] = field(default_factory=dict)  # topic -> sentences that cite facts
    requests: tuple[Request, ...] = ()  # experiments that the analyst misses


@dataclass(frozen=True, kw_only=True)
class Brief:
    """What a writer writes from."""

    evidence: Evidence
    analysis: Analysis
    idea: Idea
    references: Sequence[Reference]
    team: str  # the sentence that says who wrote
    answers: Sequence[Answer] = ()  # what became of the requests of the rounds before
    findings: Sequence[Finding] = ()  # what the audit of the last draft found
    stage: str = "round 0"  # which draft this is
    model: str = ""  # the language model that parts of the text are by
    modelled: bool = False  # whether a language model fills a role

    @property
    def requests(self) -> tuple[Request, ...]:
        """What a revision is to do, of what was asked for."""
        return tuple(a.request for a in self.answers if a.kind in ("text", "experiment"))


Gate = Callable[[Manuscript], Sequence[Finding]]  # what stands in a text that code would not write of its evidence


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What a reviewer sees of any paper. foreign: the document of a paper that is no manuscript of ours. pictures: its
    figures as PNG files, drawn where they are asked for."""

    manuscript: Manuscript | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)  # of the evidence beside it
    references: Sequence[Reference] = ()
    findings: Sequence[Finding] = ()  # what the mechanical audit found
    pages: int = 0
    stage: str = "round 0"
    foreign: Document | None = None
    pictures: Callable[[], tuple[bytes, ...]] = lambda: ()
    gate: Gate | None = None  # finds what code would not write of the evidence, where that is at hand

    @cached_property
    def document(self) -> Document:
        """The paper as its reader has it. Raises ValueError where there is neither manuscript nor document."""
        if self.foreign is not None:
            return self.foreign
        if self.manuscript is None:
            raise ValueError("a submission needs a manuscript or a document")
        return as_read(self.manuscript, self.facts, self.references)

    @cached_property
    def found(self) -> tuple[Finding, ...]:
        """What the audit found, and what reading the document as it is finds."""
        held = self.gate(self.manuscript) if self.gate and self.manuscript else ()
        read = checks.findings(self.document, compared=self.gate is not None)
        return tuple(dict.fromkeys((*self.findings, *read, *held, *self.altered)))

    @property
    def altered(self) -> Sequence[Finding]:
        """Where a number beside the text is not what the evidence comes to."""
        return ()


@dataclass(frozen=True, kw_only=True)
class StudySubmission(Submission):
    """The paper of a study, with what it was written from, which says what can be asked for."""

    evidence: Evidence
    analysis: Analysis
    idea: Idea

    @property
    def altered(self) -> Sequence[Finding]:
        told, known = self.document.facts, self.evidence.facts
        used = [id for id in sorted(self.document.used) if id in known]
        return [
            Finding("altered", "evidence", f"{id} is {_differing(known[id], told.get(id))}")
            for id in used
            if told.get(id) != known[id]
        ]

    @cached_property
    def document(self) -> Document:
        """The paper as its reader has it."""
        assert self.manuscript is not None
        return as_read(self.manuscript, self.facts or self.evidence.facts, self.references)


def _differing(known: Fact, told: Fact | None) -> str:
    """What a fact is and is not told to be."""
    if told is None:
        return f"{known.text}, and it is missing beside the paper"
    names = [f.name for f in fields(Fact) if getattr(known, f.name) != getattr(told, f.name)]
    return "; ".join(f"by its {name} {str(getattr(known, name))!r}, not {str(getattr(told, name))!r}" for name in names)


class Ideator(Protocol):
    def ideate(self, template: Template, references: Sequence[Reference]) -> list[Idea]:
        """Ideas with their novelty judged against the references, best first; at least one."""
        ...


class Coder(Protocol):
    def propose(self, situation: Situation) -> Change:
        """The next change. Raises nightlab.experiments.search.policy.Exhausted if there is none left."""
        ...


class Analyst(Protocol):
    def analyse(self, evidence: Evidence, folder: Path, stage: str) -> Analysis:
        """Facts, tables and figures; the figures' files are written below `folder`. stage: which draft it is for."""
        ...

    def draw(self, evidence: Evidence, folder: Path, stage: str) -> None:
        """Write the figures of a draft that was analysed before once more."""
        ...


class Writer(Protocol):
    def write(self, brief: Brief) -> Manuscript: ...


class Reviewer(Protocol):
    name: str

    def review(self, submission: Submission) -> Review: ...

    def prefer(self, first: Submission, second: Submission) -> Preference:
        """Which of two versions of a paper is the better one, by their texts; nothing tells which one is older."""
        ...


class AreaChair(Protocol):
    def weigh(self, submission: Submission, reviews: Sequence[Review], mean: MetaReview) -> MetaReview:
        """What the reviewers agree and disagree on, and the decision. mean: the same by the mean scores alone, whose
        acceptance may be turned into a rejection, and never the reverse."""
        ...


@dataclass(frozen=True, kw_only=True)
class Team:
    """Who fills the roles. `statement` says on the paper's front page that no language model took part; where one has a
    role, the disclosure says there what came of it."""

    ideator: Ideator
    coder: Coder
    analyst: Analyst
    writer: Writer
    reviewers: tuple[Reviewer, ...]
    chair: AreaChair
    statement: str
    roles: Mapping[str, str] = field(default_factory=dict)  # the roles that a language model takes, with its name
    solver: Solver | None = None  # who answers what the template's judge asks
