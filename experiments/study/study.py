"""A study: its folder, its settings and what it lays out once."""

from __future__ import annotations

import fcntl
import hashlib
import re
import secrets
import shlex
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, get_args

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger.documents import (
    Claim,
    DataSizes,
    Done,
    Doubts,
    DrawHashes,
    Extension,
    FileHashes,
    ForkOrigin,
    Mode,
    Origin,
    RunHandle,
    StudyMode,
    TreeHashes,
    document,
    in_extension,
)
from nightlab.experiments.ledger.ledger import Run, Trial
from nightlab.experiments.ledger.storage import opened, storage
from nightlab.experiments.records import Draw, Level, Rule
from nightlab.experiments.study.data_sizes import measured
from nightlab.experiments.study.items import ItemStore
from nightlab.experiments.study.preparation import run_prepare
from nightlab.experiments.template.artifact import ArtifactStore, executables, read_files
from nightlab.experiments.template.copying import copy
from nightlab.experiments.template.mending import Listing, listing, mended, tree_hash
from nightlab.experiments.template.template import Template, load

ROLES = ("ideator", "coder", "analyst", "writer", "reviewer")
SEARCHED = ("search", "beside", "rung")  # phases of a search that goes on; a claim has all others of its own
SEARCH_DRAWS = 3  # of the data, that the replicates of a search go over: as many as a verdict has by default
FREE_MB = 8  # on the study's disk; with less, a failure says nothing about what failed


class StudyError(NightlabError):
    """A study that cannot go on; the message says what to do."""


class BaselineError(StudyError):
    """A template whose own version does not run: it is at fault, and no resume would help."""

    exit_code = 2


class NoStudy(StudyError):
    """A folder that holds no study."""

    exit_code = 2


class NoTrial(StudyError):
    """A number that no trial of the study has."""

    exit_code = 2


class SettingsError(NightlabError):
    """A study that was asked for something impossible."""

    exit_code = 2


@document("study", "settings")
@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a study was asked to do. Zero stands for the template's own number of trials, seeds or hours."""

    seed: int = 0
    trials: int = 0
    seeds: int = 0
    confirm_seeds: int = 0  # fresh seeds for the claim
    hours: float = 0.0
    workers: int = 1
    rounds: int = 2  # revision rounds at most
    policy: str = "greedy"
    rule: str = "paired"
    isolation: Level | None = None  # refuse to run below it
    executor: str = "local"  # where the runs happen, by its name
    model: str = ""  # for every role, e.g. "openai:gpt-4.1-mini"; empty: the offline team
    models: Mapping[str, str] = field(default_factory=dict)  # role -> model, before `model`
    base_url: str = ""  # of a server that speaks OpenAI's protocol
    tokens: int = 0  # limit on tokens in and out together; 0: none
    usd: float = 0.0  # limit on the price of all calls; 0: none
    record: bool = False  # keep every answer and prompt
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # role -> how its model is called
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # USD per million tokens, by model
    replay: str = ""  # a recorded study's folder: its answers instead of a model's
    key: str = ""  # 32 hexadecimal digits that no run may know, for all seeds of runs and data; empty: drawn at random

    def __post_init__(self) -> None:
        for name in ("seed", "trials", "seeds", "confirm_seeds", "workers", "rounds", "tokens", "hours", "usd"):
            value, fraction = getattr(self, name), name in ("hours", "usd")
            if isinstance(value, bool) or not isinstance(value, int | float if fraction else int):
                raise SettingsError(f"{name} = {value!r} must be a {'number' if fraction else 'whole number'}")
        for name in ("seed", "trials", "seeds", "hours", "rounds", "tokens", "usd"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise SettingsError(f"{name} = {getattr(self, name)!r} must not be negative")
        if self.confirm_seeds and not 2 <= self.confirm_seeds <= 1000:
            raise SettingsError(f"confirm_seeds = {self.confirm_seeds!r} must be from 2 to 1000")
        if self.rule not in get_args(Rule):
            raise SettingsError(f"rule = {self.rule!r} is no rule of verdicts; there are {', '.join(get_args(Rule))}")
        if not (isinstance(self.key, str) and re.fullmatch("([0-9a-f]{32})?", self.key)):
            raise SettingsError(f"key = {self.key!r} must be 32 hexadecimal digits, as a study's --json tells its own")
        if self.workers < 1:
            raise SettingsError(f"workers = {self.workers!r} must be at least 1")
        if unknown := set(self.models) - set(ROLES):
            raise SettingsError(f"models: {min(unknown)!r} is no role; the roles are {', '.join(ROLES)}")

    def filled(self, template: Template) -> Settings:
        """The same settings with the template's budget where none was given, and a key of their own."""
        budget = template.spec.budget
        given = asdict(self)
        return Settings(
            **given
            | {
                "trials": self.trials or budget.trials,
                "seeds": self.seeds or budget.seeds,
                "confirm_seeds": self.confirm_seeds or budget.confirm_seeds,
                "hours": self.hours or budget.hours,
                "key": self.key or ("" if self.replay else new_key()),  # a replay has that of its recording
                "workers": 1 if template.interleaved else self.workers,  # a timing wants the machine for itself
            }
        )


def new_key() -> str:
    """A key that nobody can guess."""
    return secrets.token_hex(16)


def refuse_idle(template: Template, settings: Settings) -> None:
    """Raises SettingsError for a study in which nothing could be tried."""
    if not (template.knobs or settings.models.get("coder", settings.model) or settings.replay):
        raise SettingsError(
            f"template {template.name!r} declares no knobs, and without a language model nothing else can be changed;"
            " give --model, or declare knobs under [search.space]"
        )


class Study:
    """One run of the pipeline on a template. Open it with `create` or `reopen`."""

    def __init__(self, folder: Path, *, read_only: bool = False) -> None:
        self.folder = folder
        self.ledger = storage().open(folder, read_only=read_only)
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
        self.items = ItemStore(folder / "items", self.ledger)
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
        return self.folder / "data" / "inputs"

    @property
    def private(self) -> Path:
        return self.folder / "data" / "private"

    @property
    def paper(self) -> Path:
        return self.folder / "paper"

    @cached_property
    def baseline_artifact(self) -> str:
        """The template's own version of the files."""
        return self.artifacts.add(read_files(self.template.folder, self.template.files()))

    def seed_of(self, purpose: str, replicate: int) -> int:
        """The seed of a purpose's n-th replicate: the same for every candidate, and never shared by two purposes.

        It tells nobody without the study's key what it is for.
        """
        origin = f"{self.origin.study}:{self.origin.trial}/" if self.origin else ""
        return int.from_bytes(self._drawn(f"{origin}{purpose}/{replicate}")[:4], "big") >> 1

    @property
    def data_seed(self) -> int:
        """The seed of the preparation, 128 bits that nobody can guess; a fork with seed and key has the same data."""
        return int.from_bytes(self._drawn("prepare")[:16], "big") if self.settings.key else self.settings.seed

    def draw(self, draw: Draw) -> tuple[Path, Path]:
        """The public inputs and the private data of a draw; one for the present claim is laid out with those that the
        claim needs besides where they are not. Raises StudyError where they are not what they were."""
        return self._searched_draw(draw.number) if draw.search else self._claimed_draw(draw.number)

    def search_draw(self, replicate: int) -> Draw | None:
        """The draw that a replicate of the search is on; None for the study's own data.

        All trials go over the same draws in the same order, so that the winner is not the luck of one split.
        """
        number = replicate % self.search_draws
        return Draw(number=number, search=True) if number else None

    @cached_property
    def search_draws(self) -> int:
        """The draws that the search goes over; one in a study of an earlier version."""
        hashes = self.ledger.get(TreeHashes)
        if hashes is None:
            return SEARCH_DRAWS if self.template.redraws else 1
        return 1 + sum(what.startswith("inputs ") for what in hashes.of)

    def _searched_draw(self, number: int) -> tuple[Path, Path]:
        folder = self.folder / "data" / "search" / str(number)
        return folder / "inputs", folder / "private"

    def _claimed_draw(self, number: int) -> tuple[Path, Path]:
        folder = self.folder / "data" / "draws" / self.name_now("draw")
        places = {n: (folder / str(n) / "inputs", folder / str(n) / "private") for n in self._draws_beside(number)}
        if missing := {n: both for n, both in places.items() if not both[1].is_dir()}:
            seeds = [int.from_bytes(self._drawn(f"{self.name_now('draw')}/{n}")[:16], "big") for n in missing]
            self._laid_out([(*both, seed) for both, seed in zip(missing.values(), seeds, strict=True)])
            for n in missing:
                found = _draw_hashes(folder / str(n))
                if self.ledger.put(found, f"{self.name_now('draw')}/{n}") != found:
                    raise StudyError(
                        f"{self.folder}: the template's prepare gives other data than before for the same seed, so the"
                        " confirmation cannot be gone on with; make it draw with its seed alone, and start anew"
                    )
        return places[number]

    def _draws_beside(self, number: int) -> range:
        """Draws that are laid out together, since the preparation's start takes longer than it."""
        size = self.confirmations
        return range(number // size * size, (number // size + 1) * size)

    def forget_draws(self) -> None:
        """Remove the draws' data, which their seeds bring back, but for whole ones on which runs go on alone."""
        folder = self.folder / "data" / "draws"
        handed = {key.partition(".")[0] for key in self.ledger.all(RunHandle)}  # to an executor that outlives sessions
        going_on = [r for r in self.ledger.unsettled_runs() if str(r.id) in handed and r.phase not in SEARCHED]
        used = {folder / self.name_now("draw") / str(run.replicate) for run in going_on}
        for draw in folder.glob("*/*"):
            recorded = self.ledger.get(DrawHashes, f"{draw.parent.name}/{draw.name}")
            if draw not in used or recorded is None or _draw_hashes(draw) != recorded:
                shutil.rmtree(draw, ignore_errors=True)
        if not any(folder.glob("*/*")):
            shutil.rmtree(folder, ignore_errors=True)

    @property
    def confirmations(self) -> int:
        """Pairs of runs that a confirmation has."""
        return self.template.confirmations

    def _drawn(self, words: str) -> bytes:
        text, key = f"{self.settings.seed}/{words}".encode(), bytes.fromhex(self.settings.key)
        # a study of an earlier version has no key, and keeps its seeds
        return hashlib.blake2b(text, key=key).digest() if key else hashlib.sha256(text).digest()

    def prepare(self) -> None:
        """Lay out inputs and private data once; afterwards check that nobody has altered them, and mend what can be."""
        if self.ledger.get(TreeHashes) is None:
            shutil.rmtree(self.folder / "data", ignore_errors=True)
            more = range(1, self.search_draws)
            draws = [(*self._searched_draw(n), self._search_seed(n)) for n in more]
            self._laid_out([(self.inputs, self.private, self.data_seed), *draws])
            sizes = self.template.spec.data.sizes if self.template.spec.data else {}
            self.ledger.put(DataSizes(of=measured(sizes, {"inputs": self.inputs, "private": self.private})))
            self.ledger.put(TreeHashes(of={what: tree_hash(listing(place)) for what, place in self._places().items()}))
        self._mend()

    def _laid_out(self, draws: Sequence[tuple[Path, Path, int]]) -> None:
        """Prepare data in folders for inputs and private data, each by a seed."""
        for inputs, private, _ in draws:
            shutil.rmtree(inputs, ignore_errors=True)
            inputs.mkdir(parents=True)
            private.mkdir(mode=0o700)
        if self.template.spec.data:
            origin = self.ledger.get(Origin)
            begun = origin.template if origin else str(self.template.folder)
            run_prepare(self.template, begun, draws)

    def _search_seed(self, number: int) -> int:
        """That of a draw of the search, which a fork with seed and key shares."""
        return int.from_bytes(self._drawn(f"prepare/{number}")[:16], "big")

    def _places(self) -> dict[str, Path]:
        more = {n: self._searched_draw(n) for n in range(1, self.search_draws)}
        return {
            "template": self.template.folder,
            "inputs": self.inputs,
            "private data": self.private,
            **{f"inputs {n}": inputs for n, (inputs, _) in more.items()},
            **{f"private data {n}": private for n, (_, private) in more.items()},
        }

    def _mend(self) -> None:
        """Put back what is missing and set aside what was added. Raises StudyError where anything still differs."""
        hashes, now = self.ledger.get(TreeHashes), dict[str, Listing]()
        recorded = hashes.of if hashes else {}
        for what, place in self._places().items():
            if place.is_dir() and tree_hash(found := listing(place)) == recorded[what]:
                now[what] = found
        if now.keys() == recorded.keys():
            self.ledger.put(FileHashes(of=now))  # of a study of an earlier version, too
            return
        files = (self.ledger.get(FileHashes) or FileHashes(of={})).of
        again, wrong = self.folder / "data.new", []
        origin = self.ledger.get(Origin)

        def fresh(what: str) -> Path:
            if what == "template":
                return Path(origin.template if origin else "")
            if not again.is_dir():
                more = [(f" {n}", self._search_seed(n)) for n in range(1, self.search_draws)]
                draws = [("", self.data_seed), *more]
                self._laid_out([(again / f"inputs{n}", again / f"private data{n}", seed) for n, seed in draws])
            return again / what

        shutil.rmtree(again, ignore_errors=True)
        for what, place in self._places().items():
            if what in now:
                continue
            place.mkdir(parents=True, exist_ok=True, mode=0o700 if what.startswith("private data") else 0o777)
            aside = self.folder / "strays" / what
            why = mended(place, files[what], partial(fresh, what), aside) if what in files else "by somebody"
            wrong += [f"{what} changed ({why})"] if why else []
        shutil.rmtree(again, ignore_errors=True)
        if wrong:
            raise StudyError(
                f"{self.folder}: {'; '.join(wrong)} since the study began, so old and new trials would not"
                " be comparable; restore the files or start a new study"
            )

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


def create(template: Template, settings: Settings, out: Path, mode: Mode = "pipeline") -> Path:
    """Make the folder of a new study, with its own copy of the template, and return it."""
    name = named(template)
    with laid_out(template, out, name) as folder:
        started(folder, template, settings, mode)
    return out / name


def named(template: Template) -> str:
    """A name for a new study."""
    return f"{template.name}-{time.strftime('%Y%m%d')}-{secrets.token_hex(3)}"


@contextmanager
def laid_out(template: Template, out: Path, name: str) -> Iterator[Path]:
    """A folder with a copy of the template; it gets its name at the end, and what fails before leaves nothing."""
    folder = out / f".{name}"
    try:
        copy(template.folder, folder / "template", template.files(), out)
        yield folder
        folder.rename(out / name)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def started(folder: Path, template: Template, settings: Settings, mode: Mode, forked: ForkOrigin | None = None) -> None:
    """Write what is known of a study. The settings come last: without them, after a kill, it was never started."""
    with opened(folder) as ledger:
        ledger.put(
            Origin(template=str(template.folder), home=str(template.home), started=time.strftime("%Y-%m-%d %H:%M:%S"))
        )
        ledger.put(StudyMode(mode=mode))
        if forked:
            ledger.put(forked)
        ledger.put(settings.filled(template))


def resuming(folder: Path, more: str = "") -> str:
    """The command that goes on with a study, to be copied into a shell."""
    return f"`nightlab resume {' '.join(filter(None, (shlex.quote(str(folder)), more)))}`"


def is_study(folder: Path) -> bool:
    return storage().holds(folder) and (folder / "template" / "template.toml").is_file()


@contextmanager
def reopen(folder: Path) -> Iterator[Study]:
    """Open a study for work. Only one process may: a second one is refused."""
    study = _opened(folder, read_only=False)
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
    return _opened(folder, read_only=True)


def _opened(folder: Path, *, read_only: bool) -> Study:
    if not is_study(folder):
        there = any((folder / name).exists() for name in ("study.db", "graph.db", "artifacts"))
        mend = "restore what is missing from a copy" if there else "`nightlab run` makes one"
        raise NoStudy(f"{folder} is no study: it holds no study.db with a template; {mend}")
    return Study(folder, read_only=read_only)


def _draw_hashes(draw: Path) -> DrawHashes:
    return DrawHashes(inputs=tree_hash(listing(draw / "inputs")), private=tree_hash(listing(draw / "private")))
