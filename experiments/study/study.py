"""A study: its folder, its settings and what it lays out once."""

from __future__ import annotations

import fcntl
import logging
import secrets
import shlex
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from nightlab.experiments.ledger.documents.claim import Claim
from nightlab.experiments.ledger.documents.search import SEARCHED
from nightlab.experiments.ledger.documents.study import Done, Doubts, Extension, ForkOrigin, Mode, Origin, StudyMode
from nightlab.experiments.ledger.kinds import in_extension
from nightlab.experiments.ledger.ledger import Run, Trial
from nightlab.experiments.ledger.storage import Storage, holding, storage
from nightlab.experiments.study.data.data import StudyData
from nightlab.experiments.study.errors import NoStudy, NoTrial, StudyError
from nightlab.experiments.study.items import ItemStore
from nightlab.experiments.study.seeds import Seeds
from nightlab.experiments.study.series import SeriesStore
from nightlab.experiments.study.settings import Settings, SettingsError
from nightlab.experiments.template.artifact.artifact import ArtifactStore, executables, read_files
from nightlab.experiments.template.copying import copy
from nightlab.experiments.template.knobs.derived import declared, derived
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import Template

FREE_MB = 8  # on the study's disk; with less, a failure says nothing about what failed


class Study:
    """One run of the pipeline on a template. Open it with `create` or `reopen`."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self.ledger = _storage_of(folder).open(folder, read_only=read_only)
        made = self.ledger.get(Origin)
        self.template = load(folder / "template", Path((made and (made.home or made.template)) or folder / "template"))
        asked = self.ledger.get(Settings)
        if asked is None:
            self.ledger.close()
            raise StudyError(f"{folder}: its ledger holds no settings, so it was never started; start a new study")
        self._hours = asked.hours
        extended = self.ledger.all(Extension).values()
        self.extensions = len(extended)
        self.first_round = max((e.round for e in extended), default=0)  # of the paper's versions since then
        trials, hours = sum(e.trials for e in extended), sum(e.hours for e in extended)
        self.settings = replace(asked, trials=asked.trials + trials, hours=asked.hours + hours)
        if self.settings.confirm_seeds:
            budget = self.template.spec.budget.model_copy(update={"confirm_seeds": self.settings.confirm_seeds})
            self.template = replace(self.template, spec=self.template.spec.model_copy(update={"budget": budget}))
        self.mode = (self.ledger.get(StudyMode) or StudyMode()).mode
        self.origin = self.ledger.get(ForkOrigin)
        if self.origin is not None:
            knobs = tuple(replace(k, default=self.origin.params[k.name]) for k in self.template.knobs)
            self.template = replace(self.template, knobs=knobs)
        self._doubt((self.ledger.get(Doubts) or Doubts()).doubts)
        self.seeds = Seeds.of_study(self.settings, self.origin)
        self.data = StudyData(folder, self.ledger, self.template, self.seeds, self.extensions)
        self.items = ItemStore(folder / "items", self.ledger)
        self.series = SeriesStore(folder / "series", self.ledger)
        self.artifacts = ArtifactStore(folder / "artifacts", executables(self.template.folder, self.template.files()))

    @property
    def name(self) -> str:
        return self.folder.name

    def weigh(self, doubts: Sequence[str]) -> None:
        """Write down, once, what the first runs say against the evaluator; the template's trust is what follows."""
        self._doubt(self.ledger.put(Doubts(doubts=tuple(doubts))).doubts)

    def _doubt(self, doubts: Iterable[str]) -> None:
        self.template = replace(self.template, doubts=tuple(dict.fromkeys((*self.template.doubts, *doubts))))

    @property
    def shut(self) -> bool:
        """Whether its holdout had been opened before: for the first claim, or in the study that it was forked from."""
        return bool(self.extensions or (self.origin and self.origin.shut))

    @property
    def finished(self) -> bool:
        """Whether it has come to its end, or that of its last extension."""
        return self.ledger.get(Done, self.name_now("study")) is not None

    def name_now(self, name: str) -> str:
        """The name of something that each extension of the study has anew: a claim, its runs, its seeds."""
        return in_extension(name, self.extensions)

    def names_before(self, name: str) -> tuple[str, ...]:
        """The names that it had before the last extension, in their order."""
        return tuple(in_extension(name, extension) for extension in range(self.extensions))

    def current(self, runs: Sequence[Run], extensions: int | None = None) -> tuple[Run, ...]:
        """Runs under the plain names of their phases, those for a claim before the last extension apart from them.

        extensions: how many of them count, by default all; with fewer the study is told as it stood before the rest.
        """
        last = self.extensions if extensions is None else extensions
        if not last:
            return tuple(runs)
        claimed = {run.phase for run in runs} - set(SEARCHED)
        first = {phase: f"earlier.{phase}" for phase in claimed if not phase.rpartition(" ")[2].isdigit()}
        latest = {phase: phase.removesuffix(f" {last}") for phase in claimed if phase.endswith(f" {last}")}
        names = first | latest
        return tuple(replace(run, phase=names.get(run.phase, run.phase)) for run in runs)

    @property
    def claim(self) -> Claim | None:
        """The study's, or that of its last extension, once there is one."""
        return self.ledger.get(Claim, self.name_now("claim"))

    @property
    def earlier_claims(self) -> tuple[Claim, ...]:
        """Those that were made before the last extension."""
        found = (self.ledger.get(Claim, key) for key in self.names_before("claim"))
        return tuple(claim for claim in found if claim)

    def extend(self, trials: int, rounds: int) -> None:
        """Give a finished study more trials, and the hours that it had; its next claim is preregistered anew.

        rounds: how many versions of a paper it has.
        """
        if isinstance(trials, bool) or not isinstance(trials, int) or trials < 1:
            raise SettingsError(f"trials = {trials!r} must be a whole number, at least 1, of trials to add")
        if not self.finished:
            raise StudyError(f"{self.folder} is not finished; {resuming(self.folder)} without --trials first")
        more = Extension(trials=trials, hours=self._hours, round=rounds)
        self.ledger.put(more, str(self.extensions + 1))

    def trial(self, number: int) -> Trial:
        """One of its trials. Raises NoTrial."""
        trials = self.ledger.trials()
        if not 0 <= number < len(trials):
            there = f"its trials are 0 to {len(trials) - 1}" if trials else "it has none yet"
            raise NoTrial(f"{self.folder} has no trial {number}; {there}")
        return trials[number]

    @property
    def inputs(self) -> Path:
        return self.data.inputs

    @property
    def private(self) -> Path:
        return self.data.private

    @property
    def confirmations(self) -> int:
        """Pairs of runs that a confirmation has."""
        return self.template.confirmations

    @property
    def paper(self) -> Path:
        return self.folder / "paper"

    @cached_property
    def baseline_artifact(self) -> str:
        """The template's own version of the files."""
        return self.artifacts.add(read_files(self.template.folder, self.template.files()))

    def check_artifacts(self) -> None:
        """Make the template's own version again where it is gone. Raises StudyError where another trial's is."""
        lost, known = dict[str, int](), {self.baseline_artifact}
        for trial in self.ledger.each_trial():
            key = trial.change.artifact
            if key not in known and not self.artifacts.whole(key, self.template.files(), self.folder / "strays" / key):
                lost.setdefault(key, trial.number)
            known.add(key)
        if lost:
            key, number = next(iter(lost.items()))
            more = f", and of {len(lost) - 1} more trials" if len(lost) > 1 else ""
            raise StudyError(
                f"{self.artifacts.path(key)}: the files of trial {number}{more} are missing or altered, and nothing"
                f" else has them; restore {self.artifacts.folder} from a copy, or start anew from the baseline with"
                f" `nightlab fork {shlex.quote(str(self.folder))} --trial 0`"
            )

    def check_disk(self) -> None:
        """Raise StudyError where the disk is all but full, before that is taken for the fault of a run or a paper."""
        if shutil.disk_usage(self.folder).free < FREE_MB * 2**20:
            raise StudyError(
                f"{self.folder}: the disk is full; make room (at least {FREE_MB} MB), then"
                f" {resuming(self.folder)} goes on"
            )

    def close(self) -> None:
        self.ledger.close()


def create(
    template: Template,
    settings: Settings,
    out: Path,
    mode: Mode = "pipeline",
    beside: Sequence[Any] = (),
    *,
    draw_key: bool = True,
    vary: bool = False,
) -> Path:
    """Make the folder of a new study, with its own copy of the template, and return it.

    beside: records that are kept with the settings, of rooms above. draw_key: have a key where none was given. vary:
    where the template declares no knobs, move constants of its code.
    """
    name = named(template)
    with laid_out(template, out, name, settings.storage) as folder:
        if vary and not template.knobs and (tables := derived(template)):
            declared(folder / "template" / "template.toml", tables)
            told = "%s declares no knobs, so the study varies constants of its code: %s"
            places = ", ".join(str(table["constant"]) for table in tables.values())
            logging.getLogger(__name__).warning(told, template.folder, places)
        started(folder, template, settings.filled(template, draw_key=draw_key), mode, beside)
    return out / name


def named(template: Template) -> str:
    """A name for a new study."""
    return f"{template.name}-{time.strftime('%Y%m%d')}-{secrets.token_hex(3)}"


@contextmanager
def laid_out(template: Template, out: Path, name: str, kept_in: str) -> Iterator[Path]:
    """A folder with a copy of the template; it gets its name at the end, and what fails before leaves nothing.

    kept_in: the storage of its ledger, by name.
    """
    store, folder = storage(kept_in), out / f".{name}"
    try:
        bound = [template.folder / name for name in template.spec.run.bind]
        copy(template.folder, folder / "template", template.files(), out, lambda path: holding(path) is not None, bound)
        yield folder
        store.move(folder, out / name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def started(folder: Path, template: Template, settings: Settings, mode: Mode, beside: Sequence[Any]) -> None:
    """Write what is known of a study. The settings come last: without them, after a kill, it was never started."""
    with closing(storage(settings.storage).open(folder)) as ledger:
        ledger.put(
            Origin(template=str(template.folder), home=str(template.home), started=time.strftime("%Y-%m-%d %H:%M:%S"))
        )
        ledger.put(StudyMode(mode=mode))
        for record in beside:
            ledger.put(record)
        ledger.put(settings)


def resuming(folder: Path, more: str = "") -> str:
    """The command that goes on with a study, to be copied into a shell."""
    return f"`nightlab resume {' '.join(filter(None, (shlex.quote(str(folder)), more)))}`"


def is_study(folder: Path) -> bool:
    return holding(folder) is not None and (folder / "template" / "template.toml").is_file()


def _storage_of(folder: Path) -> Storage:
    """The storage that holds a study's ledger. Raises NoStudy where none does, or the study has no template."""
    if (found := holding(folder)) is None or not is_study(folder):
        there = found or any((folder / name).exists() for name in ("template", "graph.db", "artifacts"))
        mend = "restore what is missing from a copy" if there else "`nightlab run` makes one"
        raise NoStudy(f"{folder} is no study: it holds no ledger with a template; {mend}")
    return found


@contextmanager
def reopen(folder: Path) -> Iterator[Study]:
    """Open a study for work. Only one process may: a second one is refused."""
    study = Study(folder)
    try:
        with (folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StudyError(f"{folder}: another nightlab works on this study; wait for it or stop it") from None
            study.ledger.check()
            yield study
    finally:
        study.close()


def read(folder: Path) -> Study:
    """Open a study to look at it: nothing of its ledger changes, and nobody who works on it is waited for."""
    return Study(folder, read_only=True)
