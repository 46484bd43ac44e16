"""The experiment subgraph: baseline, propose, run_trials, decide, confirm, ablate. It also runs alone."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Literal

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime

from nightlab.agents.chat.settings import model_settings
from nightlab.agents.team import Idea, Situation
from nightlab.experiments.claim import confirmation, precedents, rivals
from nightlab.experiments.claim.parts import ablation
from nightlab.experiments.claim.parts.ablation_parts import parts_of_best
from nightlab.experiments.claim.parts.knobs import ablate_knobs
from nightlab.experiments.claim.parts.sensitivity import probe_sensitivity
from nightlab.experiments.claim.selection import choose
from nightlab.experiments.ledger.events import ClaimTested, Note, PartAblated, Stage
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.overseer import UNUSABLE
from nightlab.experiments.numbers import plural
from nightlab.experiments.search.policy import Exhausted
from nightlab.experiments.study.errors import StudyError
from nightlab.graph.lab import Lab
from nightlab.graph.state import ExperimentInput, ExperimentOutput, ExperimentState, ExperimentUpdate


def baseline(state: ExperimentState, runtime: Runtime[Lab]) -> ExperimentUpdate:
    """Fix the claim's test, lay out the data, run the template as it is."""
    lab = runtime.context
    first = next(lab.study.ledger.each_trial(), None)
    new = first is None or first.verdict is None
    if new:
        lab.tell(Stage(stage="baseline"))
    lab.loop.baseline()
    confirmation.preregister(lab.study)  # before the search, and after the first runs have told what the evaluator is
    replayed = model_settings(lab.study.ledger).replay
    if new and (found := precedents.recorded(lab.study, Path(replayed) if replayed else None)).others:
        told = f"{plural(found.others, 'other study')} of this template in the same folder"
        lab.tell(Note(note=f"{told}, {found.claimed} of which claimed an improvement"))
    if new and lab.study.template.redraws:
        n, seconds = lab.study.confirmations, lab.accounts.budget.confirmation_s
        lab.tell(Note(note=f"the claim will be tested on {n} fresh draws of the data: {2 * n} runs, {seconds:.0f} s"))
    if new and (against := lab.study.template.doubts):
        lab.tell(Note(note=f"the metric counts as reported: {'; '.join(against)}"))
    return {"settled": 0}


def propose(state: ExperimentState, runtime: Runtime[Lab]) -> ExperimentUpdate:
    """Fill the free slots with new trials."""
    lab, loop = runtime.context, runtime.context.loop
    idea = the_idea(lab, state.idea)
    while len(loop.open) < loop.accounts.runner.workers:
        if finished := loop.exhausted():
            return _ended(loop, finished, barren=len(loop.entries) > 1)
        number = len(loop.entries)
        situation = Situation(
            template=loop.template,
            idea=_without(idea, loop.overseer.parked()),
            trials=loop.tried(),
            history=loop.history(),
            number=number,
        )
        try:
            change = lab.team.coder.propose(situation)
        except Exhausted as end:
            return _ended(loop, str(end), barren=True)
        if not loop.claim(number, change):
            loop.accounts.heed()  # a model may take long over many of these
    return {}


def _ended(loop: Loop, why: str, *, barren: bool) -> ExperimentUpdate:
    """The search is over. barren: where no trial brought a change that could be tried, there is nothing to go on with.

    Raises StudyError then.
    """
    changes = islice(loop.history(), 1, None)
    if barren and all(t.verdict is not None and t.verdict.cause == UNUSABLE for t in changes):
        raise StudyError(
            f"{loop.study.folder}: nothing could be tried, so there is nothing to tell: {why}. Start again with another"
            " model, or with knobs under [search.space] in the template"
        )
    return {"finished": why}


def run_trials(state: ExperimentState, runtime: Runtime[Lab]) -> ExperimentUpdate:
    """Keep the slots busy until a trial has the replicates that it wants."""
    if runtime.context.loop.open:
        runtime.context.loop.wait()
    return {}


def decide(state: ExperimentState, runtime: Runtime[Lab]) -> ExperimentUpdate:
    """Keep or revert every trial that is ready, or ask for more replicates."""
    loop = runtime.context.loop
    for number in loop.ready():
        loop.decide(number)
    return {"settled": len(loop.entries) - len(loop.open)}


def after_decide(state: ExperimentState, runtime: Runtime[Lab]) -> Literal["propose", "run_trials", "confirm"]:
    if runtime.context.loop.open and state.finished:
        return "run_trials"
    return "confirm" if state.finished else "propose"


def confirm(state: ExperimentState, runtime: Runtime[Lab]) -> ExperimentUpdate:
    """Choose the best trial; then fresh seeds and the sealed holdout, for it and the baseline."""
    lab, loop = runtime.context, runtime.context.loop
    best = choose(loop, again=lambda: lab.tell(Stage(stage="select")))
    lab.tell(Note(note=f"trial {best} goes to the confirmation" if best else "no trial leads the baseline"))
    plan = confirmation.preregister(lab.study)
    if names := lab.study.settings.rivals:
        lab.tell(Stage(stage="rivals"))
        rivals.find_rivals(loop, plan, names)
    lab.tell(Stage(stage="confirm" if best else "measure", split=plan.split))
    lab.tell(ClaimTested(claim=confirmation.confirm(loop)))
    rivals.meet(loop)
    return {}


def ablate(state: ExperimentState, runtime: Runtime[Lab]) -> ExperimentUpdate:
    """Take out of the best what was kept, part by part; for a paper, on as many seeds as decide, and move each knob."""
    lab, claim = runtime.context, runtime.context.study.claim
    if parts_of_best(lab.loop):
        lab.tell(Stage(stage="ablate"))
    rows = ablation.ablate(lab.loop)
    told = lab.study.mode == "pipeline" and claim is not None and claim.significant
    if told and ablation.undecided(rows) and lab.study.confirmations > max(row.n for row in rows):
        rows = ablation.ablate(lab.loop, lab.study.confirmations)
    for row in rows:
        lab.tell(PartAblated(ablation=row))
    ablate_knobs(lab.loop)
    if told and lab.study.template.knobs:
        probe_sensitivity(lab.loop)
    lab.study.data.prepare()  # all of it is hashed again: what judged must be what it was at the start
    return {}


def experiment_graph() -> StateGraph[ExperimentState, Lab, ExperimentInput, ExperimentOutput]:
    """The uncompiled subgraph; whoever calls compiles it."""
    return (
        StateGraph(ExperimentState, Lab, input_schema=ExperimentInput, output_schema=ExperimentOutput)
        .add_node(baseline)
        .add_node(propose)
        .add_node(run_trials)
        .add_node(decide)
        .add_node(confirm)
        .add_node(ablate)
        .add_edge(START, "baseline")
        .add_edge("baseline", "propose")
        .add_edge("propose", "run_trials")
        .add_edge("run_trials", "decide")
        .add_conditional_edges("decide", after_decide)
        .add_edge("confirm", "ablate")
    )


def the_idea(lab: Lab, key: str) -> Idea:
    """The idea of that key in the ledger; without one, the template's whole space."""
    idea = lab.study.ledger.get(Idea, key) if key else None
    if idea is not None:
        return idea
    template = lab.study.template
    return Idea(
        key="whole-space",
        title=template.spec.template.title,
        question="Which changes of the declared knobs improve the objective?",
        hypothesis="a better setting of the declared knobs improves the objective",
        strategies=template.strategies,
    )


def _without(idea: Idea, parked: frozenset[str]) -> Idea:
    """The idea without the strategies that rest, unless none would be left."""
    active = tuple(s for s in idea.strategies if s not in parked)
    return idea.model_copy(update={"strategies": active}) if active and parked else idea
