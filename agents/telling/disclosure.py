"""The disclosure: which role a language model took, and how often the offline agent stood in, counted in the ledger.

It names a model on the front page only for what the model did.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nightlab.agents.chat.recording import ANSWERED
from nightlab.agents.chat.settings import QUESTION, ROLES, SOLVER
from nightlab.agents.documents import Fallback, Prose, StoodIn
from nightlab.agents.team import Analysis, RankedIdeas, Review, Team
from nightlab.agents.telling.rendering import environment, flowed
from nightlab.agents.telling.words import listed
from nightlab.experiments.ledger.calls import Call
from nightlab.experiments.ledger.ledger import Ledger, Trial
from nightlab.experiments.loop.overseer import UNUSABLE
from nightlab.experiments.records import Fact
from nightlab.papers.facts.evidence import Evidence, RoleCounts, TeamCounts
from nightlab.papers.facts.facts import Facts
from nightlab.papers.facts.registry import Value, formula
from nightlab.papers.manuscript.manuscript import Manuscript, Section
from nightlab.papers.manuscript.markup import literal

FOLDER = Path(__file__).parent / "sections"
KEY = "team"  # of the section
LEDGER = "the ledger's documents of the team"
DONE = {  # what a role's model did is counted in
    "ideator": "ideas",
    "coder": "trials",
    "analyst": "analyses",
    "writer": "parts of the text",
    "reviewer": "reviews",
    SOLVER: "answers to what the judge asked for an agent",
}


def shown(name: str) -> str:
    """A model's name as the paper has it: of a script no path."""
    kind, _, rest = name.partition(":")
    return f"fake:{Path(rest).stem}" if kind == "fake" else name


def is_model(proposer: str) -> bool:
    """Whether what proposed a change was a language model, and no search method."""
    return ":" in proposer


def counted(ledger: Ledger, team: Team, stage: str) -> TeamCounts:
    """The counts of the moment, for each role with a model.

    stage: the draft whose text is counted.
    """
    done, why = _done(ledger, team.roles, stage), _why(ledger)
    failed = [each.role for each in ledger.all(Fallback).values()]
    draft = ledger.get(Prose, stage) or Prose(parts={})
    return TeamCounts(
        roles={
            role: RoleCounts(model=name, done=done[role], fallbacks=failed.count(role), why=why.get(role, ""))
            for role, name in team.roles.items()
        },
        unusable=sum(map(_unusable, ledger.each_trial())),
        cut=sum(prose.cut for prose in ledger.all(Prose).values()),
        free=draft.free,
        frames=draft.frames,
        stood_in=(ledger.get(StoodIn, stage) or StoodIn()).places,
    )


def _why(ledger: Ledger) -> dict[str, str]:
    """What a server or the way to it said most often where a role's calls brought no answer; without its numbers, which
    are no facts."""
    said: dict[str, Counter[str]] = defaultdict(Counter)
    for call in ledger.calls.all():
        if call.answer and call.answer.outcome not in (*ANSWERED, "parameter", "mode"):
            words = re.sub(r"^status \d+: ", "", call.answer.reason).split()
            said[call.role][" ".join(word for word in words if not any(c.isnumeric() for c in word))] += 1
    return {role: counts.most_common(1)[0][0].rstrip(".") for role, counts in said.items()}


def _done(ledger: Ledger, roles: Mapping[str, str], stage: str) -> dict[str, int]:
    ideas = ledger.get(RankedIdeas) or RankedIdeas(())
    analyses = ledger.all(Analysis).values()
    prose = ledger.get(Prose, stage) or Prose(parts={})
    reviews = ledger.all(Review).values()
    calls = ledger.calls.all() if SOLVER in roles else []
    return {
        "ideator": sum(bool(idea.proposer) for idea in ideas.root),
        "coder": sum(shown(t.change.proposer) == roles.get("coder") and not _unusable(t) for t in ledger.each_trial()),
        "analyst": sum(bool({"view", "picture"} & analysis.conclusions.keys()) for analysis in analyses),
        "writer": sum(bool(text) for text in prose.parts.values()),
        "reviewer": sum(review.by == roles.get("reviewer") for review in reviews),
        SOLVER: sum(call.answer is not None and call.answer.outcome == "ok" for call in calls if _asked(call)),
    }


def _asked(call: Call) -> bool:
    """Whether a call has a judge's question; the solver's others see whether there is a model at all."""
    return call.role == SOLVER and call.stage.startswith(QUESTION)


@formula("what the model of the {role} did, counted in the ledger", LEDGER)
def done_by_model(e: Evidence, role: str) -> Value:
    return Value(e.team.roles[role].done)


@formula("fallback documents of the {role} in the ledger", LEDGER)
def fallbacks(e: Evidence, role: str) -> Value:
    return Value(e.team.roles[role].fallbacks)


@formula("trials in the ledger whose proposal could not be used", LEDGER)
def unusable_proposals(e: Evidence) -> Value:
    return Value(e.team.unusable)


@formula("sentences cut from the writer's texts: documents of the prose", LEDGER)
def sentences_cut(e: Evidence) -> Value:
    return Value(e.team.cut)


@formula("sentences of the writer that are its own reading: document of the prose", LEDGER)
def free_sentences(e: Evidence) -> Value:
    return Value(e.team.free)


@formula("frames that the writer placed and code filled: document of the prose", LEDGER)
def frames_placed(e: Evidence) -> Value:
    return Value(e.team.frames)


def _unusable(trial: Trial) -> bool:
    return trial.verdict is not None and trial.verdict.cause == UNUSABLE


def facts(e: Evidence) -> dict[str, Fact]:
    """The counts of an evidence's team as facts."""
    found = Facts(e)
    for role in e.team.roles:
        found.count(f"team.{role}.done", "done_by_model", role=role)
        found.count(f"team.{role}.fallbacks", "fallbacks", role=role)
    if "coder" in e.team.roles:
        found.count("team.coder.unusable", "unusable_proposals")
    if "writer" in e.team.roles:
        found.count("team.writer.cut", "sentences_cut")
        found.count("team.writer.free", "free_sentences")
        found.count("team.writer.frames", "frames_placed")
    return dict(found)


def disclosed(manuscript: Manuscript, counts: TeamCounts) -> Manuscript:
    """The manuscript that says who did what, on its front page and in a section in place of an older one."""
    rest = tuple(s for s in manuscript.appendix if s.key != KEY)
    appendix = (*rest, Section(KEY, "Who did what", _body(counts)))
    return dataclasses.replace(manuscript, authors_note=statement(counts), appendix=appendix)


def statement(counts: TeamCounts) -> str:
    """Who took which role up to now, for the front page: a model whose every step fell back took none."""
    took: dict[str, list[str]] = {}
    idle: dict[str, list[str]] = {}
    for role, body in counts.roles.items():
        if body.done:
            if role != SOLVER:  # it makes no part of the study
                took.setdefault(literal(body.model), []).append(role)
        elif body.fallbacks:
            idle.setdefault(literal(body.model), []).append(role)
    readings = any(counts.roles[role].done for role in ("writer", "analyst") if role in counts.roles)
    solver = counts.roles.get(SOLVER)
    solved = literal(solver.model) if solver and solver.done else ""
    return _worded("statement", counts, took=took, idle=idle, readings=readings, by_name=_by_name, solver=solved)


def _by_name(roles: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{name} as {listed(took)}" for name, took in roles.items())


def _body(counts: TeamCounts) -> str:
    return _worded("team", counts, roles=counts.roles, stood_in=counts.stood_in, done=DONE, literal=literal)


def _worded(name: str, counts: TeamCounts, **context: Any) -> str:
    """A section of `sections/`. offline: the roles without a language model."""
    offline = [role for role in ROLES if role not in counts.roles]
    return flowed(environment(FOLDER).get_template(f"{name}.jinja").render(offline=offline, listed=listed, **context))
