"""The whole pipeline: survey, ideate, experiment, analyse, write, audit, review, revise, publish."""

from __future__ import annotations

from typing import Literal

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import Command

from nightlab.agents.team import RankedIdeas
from nightlab.experiments.ledger.events import Note, PaperReviewed, Stage
from nightlab.experiments.numbers import plural
from nightlab.graph import drafting, publishing, reviewing
from nightlab.graph.experiment import experiment_graph
from nightlab.graph.lab import Lab
from nightlab.graph.state import PipelineState, PipelineUpdate
from nightlab.papers.latex.look.document import STYLE
from nightlab.papers.literature.literature import Survey
from nightlab.papers.literature.survey import survey as find_references


def survey(state: PipelineState, runtime: Runtime[Lab]) -> PipelineUpdate:
    """Gather the literature: the template's references, and arXiv's where there is a network."""
    study = runtime.context.study
    if study.ledger.get(Survey) is None:
        runtime.context.tell(Stage(stage="survey"))
        found = study.ledger.put(find_references(study.template))
        runtime.context.tell(Note(note=found.note))
    return {}


def ideate(state: PipelineState, runtime: Runtime[Lab]) -> PipelineUpdate:
    """Propose ideas, judge their novelty against the survey, take the best."""
    lab = runtime.context
    if lab.study.ledger.get(RankedIdeas) is None:
        runtime.context.tell(Stage(stage="ideate"))
    references, ideator = drafting.references(lab), lab.team.ideator
    ideas = lab.once(RankedIdeas, "", lambda: RankedIdeas(tuple(ideator.ideate(lab.study.template, references)))).root
    best = ideas[0]
    lab.study.ledger.put(best, best.key)
    runtime.context.tell(Note(note=f"idea: {best.title} (the best of {len(ideas)})"))
    return {"idea": best.key}


def analyse(state: PipelineState, runtime: Runtime[Lab]) -> PipelineUpdate:
    """From the ledger to facts, tables and figures."""
    runtime.context.tell(Stage(stage="analyse"))
    lab = runtime.context
    drafting.analyse(lab, state.round)
    if gathered := reviewing.gather(lab, drafting.missed(lab, state.round)):
        runtime.context.tell(Note(note=f"new evidence for the analyst: {', '.join(gathered)}"))
        drafting.analyse_again(lab, state.round)
    return {}


def write(state: PipelineState, runtime: Runtime[Lab]) -> PipelineUpdate:
    """The round's manuscript out of the evidence, compiled."""
    runtime.context.tell(Stage(stage="write", round=state.round))
    drafting.write(runtime.context, state.idea, state.round, mend=state.audited)
    return {}


def audit(state: PipelineState, runtime: Runtime[Lab]) -> Command[Literal["write", "review"]]:
    """The mechanical check; what it finds goes to the writer first, once."""
    runtime.context.tell(Stage(stage="audit"))
    findings = drafting.audit(runtime.context, state.idea, state.round, mended=state.audited)
    runtime.context.tell(Note(note=f"audit: {plural(len(findings), 'finding')}"))
    if findings and not state.audited:
        return Command(update={"audited": True}, goto="write")
    return Command(update={"audited": False}, goto="review")


def review(state: PipelineState, runtime: Runtime[Lab]) -> Command[Literal["revise", "publish"]]:
    """The panel and the area chair; their decision routes: what is accepted is published as it is."""
    lab = runtime.context
    runtime.context.tell(Stage(stage="review", round=state.round))
    meta = reviewing.panel(lab, state.idea, state.round)
    lab.tell(PaperReviewed(review=meta.model_dump(mode="json")))
    update: PipelineUpdate = {"decision": meta.decision}
    if (
        meta.decision == "accept"
        or not meta.kept
        or not reviewing.asked(lab, state.round)
        or state.round - lab.study.first_round >= lab.study.settings.rounds
    ):
        return Command(update=update, goto="publish")
    if lab.accounts.budget.left_s <= 0:
        lab.accounts.budget.cut("revision")
        runtime.context.tell(Note(note="the budget of hours is used; the reviewers' requests are left open"))
        return Command(update=update, goto="publish")
    return Command(update=update, goto="revise")


def revise(state: PipelineState, runtime: Runtime[Lab]) -> PipelineUpdate:
    """Do what the panel asks for: run the experiments, then analyse and write again."""
    lab = runtime.context
    runtime.context.tell(Stage(stage="revise", round=state.round + 1))
    for what in reviewing.gather(lab, reviewing.asked(lab, state.round)):
        runtime.context.tell(Note(note=f"new evidence: {what}"))
    return {"round": state.round + 1}


def publish(state: PipelineState, runtime: Runtime[Lab]) -> PipelineUpdate:
    """Put the best version of the paper in its place."""
    runtime.context.tell(Stage(stage="publish"))
    publishing.publish(runtime.context)
    for found in drafting.compiled(runtime.context.study.paper).findings:
        if found.kind == STYLE:
            runtime.context.tell(Note(note=found.text))
    return {}


def pipeline_graph() -> StateGraph[PipelineState, Lab, PipelineState, PipelineState]:
    """The uncompiled graph; whoever calls compiles it."""
    return (
        StateGraph(PipelineState, Lab)
        .add_node(survey)
        .add_node(ideate)
        .add_node("experiment", experiment_graph().compile())
        .add_node(analyse)
        .add_node(write)
        .add_node(audit)
        .add_node(review)
        .add_node(revise)
        .add_node(publish)
        .add_edge(START, "survey")
        .add_edge("survey", "ideate")
        .add_edge("ideate", "experiment")
        .add_edge("experiment", "analyse")
        .add_edge("analyse", "write")
        .add_edge("write", "audit")
        .add_edge("revise", "analyse")
    )
