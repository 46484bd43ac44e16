"""Working on a study: open it, put the lab together, drive its graph, and close everything again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from langgraph.errors import GraphDrained
from langgraph.runtime import RunControl

from nightlab.agents.assemble import staff
from nightlab.agents.chat.configuration import completed
from nightlab.agents.chat.settings import ROLES, ModelSettings, model_settings, parted
from nightlab.agents.team import Idea, MetaReview
from nightlab.experiments.claim import family
from nightlab.experiments.claim.rivals import refuse_unknown
from nightlab.experiments.errors import NightlabError
from nightlab.experiments.executors.executor import Place, Solver
from nightlab.experiments.executors.local.inside.kernel.tree import remove
from nightlab.experiments.executors.registry import check, runs_at
from nightlab.experiments.ledger.documents.study import Done, Mode
from nightlab.experiments.ledger.events import Ended
from nightlab.experiments.ledger.storage import storage
from nightlab.experiments.loop.draws import Draws
from nightlab.experiments.loop.handles import LedgerHandles
from nightlab.experiments.loop.run_accounts import Stopped
from nightlab.experiments.search.registry import make_policy
from nightlab.experiments.study.fork import edited
from nightlab.experiments.study.fork import fork as fork_study
from nightlab.experiments.study.sessions import Session
from nightlab.experiments.study.settings import Settings, SettingsError, refuse_idle
from nightlab.experiments.study.study import Study, create, read, reopen
from nightlab.experiments.template.loading import find, load
from nightlab.experiments.template.template import Template, TemplateError
from nightlab.graph import drafting, publishing, reviewing
from nightlab.graph.checkpoints import PrunedSaver, checkpoints
from nightlab.graph.experiment import experiment_graph
from nightlab.graph.lab import Lab
from nightlab.graph.pipeline import pipeline_graph
from nightlab.graph.state import ExperimentInput, PipelineState
from nightlab.graph.template.requirements import refuse_lacking
from nightlab.papers.latex.look.venue import VenueHashes, copied, hashed, venue_of
from nightlab.papers.literature.literature import LiteratureError, load_bib

Listener = Callable[[dict[str, Any]], None]
THREAD = "study"  # LangGraph's name for the one line of checkpoints of a study
EVENTS_A_PASS = 1000  # events after which the graph is left and entered again


class GraphPass(RunControl):
    """Drains the graph when the study is to stop, and after so many events: until its stream ends, LangGraph remembers
    something of every superstep, so that a long study would take more and more memory."""

    def __init__(self, study: RunControl | None) -> None:
        super().__init__()
        self._study = study
        self._events = 0

    def heard(self) -> None:
        self._events += 1

    @property
    def stopping(self) -> bool:
        return self._study is not None and self._study.drain_requested

    @property
    def drain_requested(self) -> bool:
        return self.stopping or self._events >= EVENTS_A_PASS

    @property
    def drain_reason(self) -> str | None:
        return "the study was asked to stop" if self.stopping else "the end of a pass"


class Interrupted(Exception):
    """The work was asked to stop and has saved itself; `nightlab resume` goes on."""


def begin(template: str | Path, settings: Settings, out: Path, mode: Mode, models: ModelSettings | None = None) -> Path:
    """Make a study's folder; nothing runs yet. Settings are completed by nightlab.toml of the working directory."""
    settings, models = completed(settings, models or ModelSettings(), Path.cwd())
    loaded = _loaded(find(template))
    refuse_lacking(loaded)
    _check(loaded, settings, models)
    if settings.venue:
        settings = replace(settings, venue=str(Path(settings.venue).resolve()))
    known, key = [models, *_venue(settings)], not models.replay
    return _with_venue(create(loaded, settings, out, mode, known, draw_key=key, vary=not models.edits), settings)


def _venue(settings: Settings) -> list[VenueHashes]:
    return [hashed(Path(settings.venue))] if settings.venue else []


def _with_venue(folder: Path, settings: Settings) -> Path:
    """A new study's folder, with its own copy of the venue that its user named."""
    if settings.venue:
        copied(Path(settings.venue), folder / "venue")
    return folder


def _loaded(folder: Path) -> Template:
    """Read a template; one report has what is wrong with it and with its bibliography."""
    template, faults = None, list[str]()
    try:
        template = load(folder)
    except TemplateError as error:
        faults.append(str(error))
    try:
        if (bibliography := folder / "references.bib").is_file():
            load_bib(bibliography)
    except LiteratureError as error:
        faults.append(str(error))
    if template is None or faults:
        raise TemplateError("\n".join(faults))
    for name in template.unnamed:
        told = "%s: [run.command] names other knobs and not {%s}, which only a program that reads $NIGHTLAB_PARAMS gets"
        logging.getLogger(__name__).warning(told, folder / "template.toml", name)
    return template


def _check(template: Template, settings: Settings, models: ModelSettings, *, edited: bool = False) -> None:
    """Refuse what would be refused later before there is a study. edited: by others than the template's author."""
    storage(settings.storage)
    venue_of(template, settings)
    refuse_idle(template, edits=models.edits)
    if template.knobs:
        try:
            make_policy(settings.policy, knobs=template.knobs, strategies=template.strategies, seed=settings.seed)
        except ValueError as error:
            raise SettingsError(f"policy: {error}") from None
    refuse_unknown(template, settings, edits=models.edits)
    check(settings.executor, settings.isolation, own_code=not (edited or models.edits))


def extend(folder: Path, trials: int) -> None:
    """Give a finished study more trials; `work` then goes on with its search."""
    with reopen(folder) as study:
        metas = study.ledger.all(MetaReview).values()
        study.extend(trials, rounds=max((meta.round for meta in metas), default=-1) + 1)


def fork(parent: Path, trial: int, out: Path, *, for_good: bool = True, **changed: Any) -> Path:
    """A new study from a trial of another, with that one's settings but for what is `changed`; nothing runs yet.

    for_good: it is not thrown away again, so that it takes of the parent's level.
    """
    with closing(read(parent)) as study:
        first = study.ledger.get(Settings) or study.settings  # without what extensions gave
        models, (ours, theirs) = model_settings(study.ledger), parted(changed)
        settings = replace(first, **ours)
        if theirs.keys() & {"model", "models", "base_url"}:
            settings, models = _staffed(settings, models, theirs, parent)
        else:
            models = replace(models, **theirs)
        if settings.venue:
            named = settings.venue if "venue" in ours else study.folder / "venue"
            settings = replace(settings, venue=str(Path(named).resolve()))
        _check(study.template, settings, models, edited=edited(study, trial))
        share, recorded = family.take(study, for_good=for_good)
        known, key = [models, *_venue(settings)], not models.replay
        made = fork_study(study, trial, settings, out, known, share, recorded, draw_key=key)
        return _with_venue(made, settings)


def _staffed(
    settings: Settings, first: ModelSettings, changed: Mapping[str, Any], parent: Path
) -> tuple[Settings, ModelSettings]:
    """A fork's settings with other models: a whole team of its own at the same address, or one that differs."""
    anew = replace(first, **changed, replay="")  # no recording knows their answers
    if "model" in changed:
        given = {"models": changed.get("models", {}), "base_url": changed.get("base_url", _address(first))}
        return completed(settings, replace(anew, **given, parameters={}), Path.cwd())
    if "base_url" in changed:
        called = {role: {**row, "base_url": anew.base_url} for role, row in anew.parameters.items()}
        anew = replace(anew, parameters=called)
    return completed(settings, replace(anew, models={**first.models, **anew.models}), parent)


def _address(settings: ModelSettings) -> str:
    """The address that all roles call, or that of those which have none of their own."""
    called = {settings.parameters.get(role, {}).get("base_url", settings.base_url) for role in ROLES}
    return called.pop() if len(called) == 1 else settings.base_url


def work(
    folder: Path, listen: Listener, control: RunControl | None = None, stop: list[Callable[[], None]] | None = None
) -> None:
    """Go on with a study until it is done. `listen` hears every event, as the record that stands in the ledger.

    Raises Interrupted when `control` was asked to drain; `stop` is filled with what ends the work at once.
    """
    with reopen(folder) as study, _session(study) as session:
        study.check_artifacts()
        team = staff(study)
        lab = Lab(
            study,
            team,
            lambda: _runner(study, team.solver),
            session,
            lambda: control is not None and control.drain_requested,
            Draws(study, partial(_runner_on, study, team.solver)) if study.template.draws else None,
        )
        if stop is not None:
            stop.append(lab.close)
        try:
            try:
                _drive(study, lab, listen, control)
            finally:
                study.ledger.heard = lambda event: listen(event.record())  # no node is at work any more
            study.ledger.put(Done(), study.name_now(THREAD), Ended(end="finished"))
        except (GraphDrained, Stopped):
            lab.finish()
            session.tell(Ended(end="interrupted"))
            raise Interrupted from None
        finally:
            lab.close()


@contextmanager
def _session(study: Study) -> Iterator[Session]:
    """A session on a study; who follows it from elsewhere is told of what ends it, which is raised here."""
    with closing(Session(study.ledger)) as session:
        try:
            yield session
        except NightlabError as error:
            study.ledger.heard = lambda _event: None
            with suppress(NightlabError):  # where nothing can be written, that may be the error
                session.tell(Ended(end="failed", reason=str(error)))
            raise


def _runner(study: Study, solver: Solver | None) -> Any:
    scratch = study.folder / "scratch"
    with suppress(OSError):
        remove(scratch)  # what a killed session left there
    return _runner_on(study, solver, study.inputs, study.private)


def _runner_on(study: Study, solver: Solver | None, inputs: Path, private: Path) -> Any:
    settings = study.settings
    place = Place(
        template=study.template,
        inputs=inputs,
        private=private,
        scratch=study.folder / "scratch",
        workers=settings.workers,
        minimum=settings.isolation,
        own_code=not (model_settings(study.ledger).edits or (study.origin and study.origin.edited)),
        solver=solver,
    )
    data = inputs.parent.relative_to(study.folder).as_posix()
    return runs_at(settings.executor, place, LedgerHandles(study.ledger, settings.executor, data))


def _ended(graph: Any, given: Any, config: Any, lab: Lab, listen: Listener, one_pass: GraphPass) -> bool:
    """One pass through the graph; whether it came to the end. Raises GraphDrained when the study is to stop."""
    parts = graph.stream(
        given,
        config,
        context=lab,
        stream_mode="custom",
        subgraphs=True,
        durability="sync",
        control=one_pass,
        version="v2",
    )
    try:
        for part in parts:
            one_pass.heard()
            listen(part["data"])
    except GraphDrained:
        if one_pass.stopping:
            raise
        return False
    return True


def _ahead(saver: PrunedSaver, study: Study) -> bool:
    """Whether the checkpoints tell of what the ledger lacks, as where its -wal file was removed after a kill."""
    ledger = study.ledger
    states = [found.checkpoint["channel_values"] for found in saver.list(None)]
    settled = max((max(1, state["settled"]) for state in states if "settled" in state), default=0)
    ideas = {state["idea"] for state in states if state.get("idea")}
    rounds = max((state.get("round", 0) for state in states), default=0) - study.first_round
    return (
        settled > sum(trial.verdict is not None for trial in ledger.each_trial())
        or not ideas <= ledger.all(Idea).keys()
        or rounds > len(ledger.all(MetaReview))
    )


def _drive(study: Study, lab: Lab, listen: Listener, control: RunControl | None) -> None:
    mode = study.mode
    with checkpoints(study.folder / "graph.db") as saver:
        config: Any = {"configurable": {"thread_id": study.name_now(THREAD)}, "recursion_limit": 10**9}
        if _ahead(saver, study):
            told = "%s tells of more than the ledger has, which lost what it wrote last; what is missing is done again"
            logging.getLogger(__name__).warning(told, study.folder / "graph.db")
            saver.delete_thread(study.name_now(THREAD))
        fresh = saver.get_tuple(config) is None
        given: Any
        if mode == "pipeline":
            drafting.restore(lab)
            reviewing.restore(lab)
            graph: Any = pipeline_graph().compile(checkpointer=saver)
            given = PipelineState(round=study.first_round) if fresh else None
        else:
            graph = experiment_graph().compile(checkpointer=saver)
            given = ExperimentInput() if fresh else None
        while not _ended(graph, given, config, lab, listen, GraphPass(control)):
            given = None  # go on from the last checkpoint
    if mode == "pipeline" and not publishing.published(lab):
        publishing.publish(lab)  # a finished study whose paper had no engine to compile it, or is gone
