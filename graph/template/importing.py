"""From another system's folder to a template: read it, run it once by each way that there is, and take the best."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nightlab.experiments.executors.executor import Order, Performed, Place
from nightlab.experiments.executors.local.local import LocalExecutor
from nightlab.experiments.executors.registry import runs_at
from nightlab.experiments.records import Params, RunOutcome, RunRequest, Trust
from nightlab.experiments.study.data.preparation import run_prepare
from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.artifact.artifact import ArtifactStore, executables, read_files
from nightlab.experiments.template.imports import KINDS
from nightlab.experiments.template.imports.draft import Draft, Way, Wish, written
from nightlab.experiments.template.imports.foreign import look
from nightlab.experiments.template.knobs.derived import derived
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import Template, TemplateError
from nightlab.graph.template.adopting import DIRECTIONS, Ask
from nightlab.graph.template.checking import Examination, examine
from nightlab.graph.template.offers import offers, read
from nightlab.papers.latex.engine import find_engine
from nightlab.papers.latex.look import venue as venues
from nightlab.papers.latex.look.document import usable

SEED = 1
NEAR = 1e-6  # by which two ways of running one program may differ, relative
SPREAD = 5.0  # or so many times what two runs of one way differ by
_UNKNOWN = {"metric": "objective", "direction": "minimize"}


@dataclass(kw_only=True)
class Imported:
    """What came of it. examination: of `nightlab check`, if it was made."""

    template: Path
    metric: str
    direction: str
    value: float
    trust: Trust
    knobs: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    examination: Examination | None = None


@dataclass(frozen=True, kw_only=True)
class _Found:
    """One run of the baseline: what it was worth by each name, and what the gates before it gave."""

    metrics: Mapping[str, float]
    stages: tuple[float | None, ...] = ()
    texts: tuple[str, ...] = ()


def bring(
    kind: str,
    wish: Wish,
    out: Path,
    ask: Ask,
    heard: Callable[[str], None] = lambda _: None,
    *,
    check: bool = True,
) -> Imported:
    """Make a template of a folder. Raises AdoptionError where something is missing that must not be guessed."""
    if kind not in KINDS:
        raise AdoptionError(f"{kind!r} is no kind of folder that can be imported; there are:", [*KINDS])
    out = _free(out, wish.folder)
    heard(f"reading the folder as one of {kind}")
    draft = KINDS[kind](look(wish.folder), wish)
    with tempfile.TemporaryDirectory(prefix="nightlab-import-") as place:
        tried = _Tried(draft, Path(place), heard)
        way, found = tried.best()
        metric = _metric(draft, found, ask)
        direction = _direction(draft, metric, found.metrics[metric], ask)
        if way.trust == "verified" and len(draft.ways) > 1:
            way, found = tried.compared(way, found, metric)
        _settle_gates(draft, found)
        staged = Path(place) / "template"
        objective = {"metric": metric, "direction": direction}
        _bound(draft, found, metric)
        written(draft, way, staged, objective, probe=False)
        if draft.venue:
            draft.tables["paper"] = _style(draft, staged / draft.venue)
            written(draft, way, staged, objective, probe=False)
        template = _loaded(staged)
        notes = [*dict.fromkeys([*draft.notes, way.told, *_left(draft, found, metric), *_varied(template)])]
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(staged, out)
    made = Imported(
        template=out,
        metric=metric,
        direction=direction,
        value=found.metrics[metric],
        trust=way.trust,
        knobs=[k.name for k in template.knobs],
        notes=notes,
    )
    if check:
        made.examination = examine(out, heard)
    return made


def _free(out: Path, folder: Path) -> Path:
    out = out.absolute()
    if out.resolve().is_relative_to(folder):
        raise AdoptionError(f"--out {out} lies in the folder itself, of which nothing is changed; give one beside it")
    if out.exists():
        raise AdoptionError(f"{out} is there already; give another one with --out, or remove it")
    return out


class _Tried:
    """The baseline's runs by the ways of a draft."""

    def __init__(self, draft: Draft, place: Path, heard: Callable[[str], None]) -> None:
        self._draft, self._place, self._heard = draft, place, heard
        self._failed: list[str] = []

    def best(self) -> tuple[Way, _Found]:
        """The first way that works. Raises AdoptionError with what they said where none does."""
        for way in self._draft.ways:
            try:
                return way, self._run(way)
            except _Failed as failed:
                self._failed.append(str(failed))
                if way is not self._draft.ways[-1]:
                    self._draft.notes.append(f"its metrics cannot be verified: {str(failed).splitlines()[-1][:300]}")
        told = "It ran on a copy, in a sandbox without network, keys and input"
        raise AdoptionError(f"the program as it is fails: {self._failed[-1]}\n{told}")

    def compared(self, way: Way, found: _Found, metric: str) -> tuple[Way, _Found]:
        """The way, if running the program where its system runs it gives the same; else that."""
        other = self._draft.ways[-1]
        try:
            theirs, again = self._run(other), self._run(other)
        except _Failed:
            return way, found  # it cannot be run there at all
        one, two, ours = (each.metrics.get(metric, math.nan) for each in (theirs, again, found))
        if abs(ours - one) <= max(NEAR * abs(one), SPREAD * abs(one - two)):
            return way, found
        self._draft.notes.append(
            f"its metrics cannot be verified: called from outside the program is given {ours:g}, and {one:g} where its"
            " system runs it"
        )
        return other, theirs

    def _run(self, way: Way) -> _Found:
        self._heard(f"running it once ({way.trust})")
        staged = Path(tempfile.mkdtemp(dir=self._place)) / "template"
        staged.mkdir()
        draft = self._draft
        objective = {"metric": draft.metric, "direction": "minimize"} if draft.judged else _UNKNOWN
        written(draft, way, staged, objective, probe=True)
        template = _loaded(staged)
        if draft.reads:
            return self._said(template, staged.parent)
        outcome = baseline(template, staged.parent)
        if outcome.status != "ok":
            raise _Failed(f"{outcome.status}: {outcome.error.strip()[-1500:]}")
        if draft.judged:
            return _Found(metrics=outcome.metrics["dev"])
        told = json.loads(outcome.feedback)
        return _Found(metrics=told["metrics"], stages=tuple(told["stages"]), texts=tuple(told["texts"]))

    def _said(self, template: Template, place: Path) -> _Found:
        """What a program says of itself, in the file where the format has it, or in print."""
        with laid(template, place) as where:
            performed = performed_once(template, where, stored(template, place), template.defaults)
        if performed.outcome.status != "ok":
            raise _Failed(f"{performed.outcome.status}: {performed.outcome.error.strip()[-1500:]}")
        source = self._draft.reads
        asked = [o for o in [read(performed, source, self._draft.metric)] if o] if self._draft.metric else []
        found = {o.name: o.value for o in (*offers(performed), *asked) if o.source == source}
        means = {name: value for name, value in found.items() if "means" in name.split(".")}
        if not found:
            wrote = ", ".join(performed.outputs) or "no file"
            raise _Failed(f"it gives no number in {source}: it wrote {wrote}")
        return _Found(metrics=(means if source.endswith(".json") else {}) or found)


class _Failed(Exception):
    """The baseline failed by one way."""


@contextmanager
def laid(template: Template, place: Path) -> Iterator[Place]:
    """Where a template runs, with its data laid out."""
    inputs, private = place / "inputs", place / "private"
    inputs.mkdir()
    private.mkdir(mode=0o700)
    try:
        if template.spec.data:
            run_prepare(template, str(template.folder), [(inputs, private, SEED)])
        yield Place(template=template, inputs=inputs, private=private, scratch=place / "scratch", minimum="S2")
    except TemplateError as error:
        raise _Failed(str(error)) from None


def baseline(template: Template, place: Path) -> RunOutcome:
    """One run of a template as it is, judged. place: a folder for its data."""
    with laid(template, place) as where, runs_at("local", where) as runner:
        artifact = stored(template, place)
        return runner.submit(RunRequest(artifact=artifact, params=template.defaults, seed=SEED)).result()


def stored(template: Template, place: Path) -> Path:
    """The artifact of a template as it is."""
    files = template.files()
    store = ArtifactStore(place / "artifacts", executables(template.folder, files))
    return store.path(store.add(read_files(template.folder, files)))


def performed_once(template: Template, where: Place, artifact: Path, params: Params) -> Performed:
    """One run of a version, judged by nobody."""
    executor = LocalExecutor.at(where)
    try:
        handle = executor.submit(Order(setting="", files=artifact, params=params, seed=SEED))
        while executor.poll(handle, 1.0) in ("queued", "running"):
            pass
        return executor.collect(handle)
    finally:
        executor.close()


def _style(draft: Draft, folder: Path) -> dict[str, str]:
    """The table for papers in the style that a folder brings, with a word on what LaTeX here makes of it."""
    try:
        venue = venues.load(folder)
    except venues.VenueError as error:
        draft.notes.append(f"papers are set in nightlab's own style: {str(error).replace(f'{folder.parent}/', '')}")
        return {}
    engine = find_engine()
    with tempfile.TemporaryDirectory(prefix="nightlab-import-") as place:
        lacking = usable(venue, Path(place), engine)[1] if engine else ()
    draft.notes.append(f"papers are set in the style {venue.name} of {folder.name}/")
    draft.notes += [f"but not with the LaTeX that is here: {found.text}" for found in lacking]
    return {"venue": folder.name}


def _loaded(folder: Path) -> Template:
    try:
        return load(folder)
    except TemplateError as error:
        raise AdoptionError(str(error).replace(f"{folder / 'template.toml'}: ", "")) from None


def _metric(draft: Draft, found: _Found, ask: Ask) -> str:
    """The number that was named, the one that the format has for it, or what a person says."""
    choices = [f"--metric {name}   # {value:g}" for name, value in found.metrics.items()]
    if not found.metrics:
        raise AdoptionError("its evaluator gives no finite number, so there is nothing to improve")
    asked = draft.metric or (draft.usual if draft.usual in found.metrics else "")
    if not asked:
        asked = ask("Which number is to be improved?", [*found.metrics])
    if not asked:
        why = f"it gives no {draft.usual}; " if draft.usual else f"{draft.unsaid}; " if draft.unsaid else ""
        raise AdoptionError(f"{why}which number is to be improved:", choices)
    ends = [name for name in found.metrics if name.endswith(f".{asked}")]
    if asked not in found.metrics and len(ends) > 1:
        raise AdoptionError(f"{asked!r} is said of several:", [f"--metric {name}" for name in ends])
    asked = ends[0] if asked not in found.metrics and ends else asked
    if asked not in found.metrics:
        raise AdoptionError(f"its evaluator gives no number {asked!r}; there are:", choices)
    return asked


def _direction(draft: Draft, metric: str, value: float, ask: Ask) -> str:
    """Which way is better: the format says it of its own number alone."""
    direction = draft.direction or ("maximize" if metric == draft.usual else "")
    direction = direction or ask(f"Is {metric} to be made smaller or larger?", DIRECTIONS)
    if direction not in DIRECTIONS:
        told = [f"--direction {name}" for name in DIRECTIONS]
        raise AdoptionError(f"whether {metric} = {value:g} is to be made smaller or larger:", told)
    return direction


def _settle_gates(draft: Draft, found: _Found) -> None:
    """Leave to gates only the thresholds that the program passes as it is: a stage has a scale of its own."""
    for gate, score in zip(draft.configuration.get("stages", ()), found.stages, strict=False):
        if score is None or score < gate["least"]:
            told = "none" if score is None else f"{score:g}"
            draft.notes.append(
                f"{gate['function']} gives the program {told} as it is, below its threshold of {gate['least']:g}, so"
                " it stops what fails alone"
            )
            gate["least"] = None


def _bound(draft: Draft, found: _Found, metric: str) -> None:
    """A soft bound on what should not grow: half as much again costs nothing, twice that one percent of the metric."""
    if value := found.metrics.get(draft.soft):
        most = math.ceil(1.5 * value)
        penalty = abs(found.metrics[metric]) * 0.01 / most
        draft.tables["constraint"] = [{"metric": draft.soft, "max": most, "penalty": penalty, "hard": False}]
        draft.notes.append(f"{draft.soft} beyond {most:g} costs a little: one percent of {metric} for twice as much")


def _left(draft: Draft, found: _Found, metric: str) -> list[str]:
    """What is measured besides, and what goes where."""
    others = [name for name in found.metrics if name != metric]
    told = [f"measured besides, deciding nothing: {', '.join(others[:8])}"] if others else []
    return [*told, *([f"told to the coder: {', '.join(found.texts[:8])}"] if found.texts else [])]


def _varied(template: Template) -> list[str]:
    if template.knobs:
        return []
    if tables := derived(template):
        return [
            f"no knob is named: without a model a study varies {', '.join(str(t['constant']) for t in tables.values())}"
        ]
    return ["nothing of it can be varied without a language model: a study needs --model"]
