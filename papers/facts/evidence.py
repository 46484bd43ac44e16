"""The evidence: what a study's ledger holds of a round of its paper, as it stood when the round was begun."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from nightlab.experiments.claim.caveats import notes
from nightlab.experiments.claim.further import SIDES
from nightlab.experiments.ledger.documents.claim import (
    AblatedKnob,
    AblatedPart,
    Claim,
    FurtherHindered,
    FurtherTest,
    KnobStep,
    Precedents,
    Preregistration,
    Replication,
)
from nightlab.experiments.ledger.documents.rivals import RivalEffect
from nightlab.experiments.ledger.documents.search import Notice
from nightlab.experiments.ledger.documents.study import DataSizes, Extension
from nightlab.experiments.ledger.kinds import document, kind_of
from nightlab.experiments.ledger.ledger import Run, Trial
from nightlab.experiments.ledger.trial_scores import SEARCH, mean, trial_scores
from nightlab.experiments.loop.repair import standing
from nightlab.experiments.records import Fact, Split
from nightlab.experiments.study.errors import StudyError
from nightlab.experiments.study.items import ItemStore
from nightlab.experiments.study.series import SeriesStore
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import Study
from nightlab.experiments.template.artifact.diffs import FileDiff, diffs, unified
from nightlab.experiments.template.template import Template
from nightlab.papers.audit.naming import modest

BASELINE = 0


@dataclass(frozen=True, kw_only=True)
class RoleCounts:
    """What a role's model did, how often the offline agent stood in, and what its failed calls mostly ended with."""

    model: str
    done: int
    fallbacks: int
    why: str = ""


@document("team")
@dataclass(frozen=True, kw_only=True)
class TeamCounts:
    """What the language models had done by then, by role.

    unusable: trials whose proposals could not be used. cut, free, frames: the writer's sentences that were cut, are its
    own reading, or were filled by code. stood_in: where the offline text stands in for what the gate refused.
    """

    roles: Mapping[str, RoleCounts] = field(default_factory=dict)
    unusable: int = 0
    cut: int = 0
    free: int = 0
    frames: int = 0
    stood_in: tuple[str, ...] = ()


@document("evidence")
@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """What is written down of a round's evidence, once: rows that come later change nothing of it.

    The trials below `trials` and the runs up to the number `last_run` belong to it; they are never rewritten.
    """

    trials: int
    last_run: int
    extensions: Mapping[str, int]  # trials that each extension up to then had added
    settings: Mapping[str, Any]
    preregistration: Preregistration
    claim: Claim
    earlier: tuple[Claim, ...]
    ablation: tuple[AblatedPart, ...]
    sensitivity: tuple[KnobStep, ...]
    set_back: tuple[AblatedKnob, ...] = ()  # a study of an earlier version has none
    rivals: tuple[RivalEffect, ...] = ()
    replication: Replication | None = None
    further: tuple[FurtherTest, ...] = ()
    hindered: Mapping[str, FurtherHindered] = field(default_factory=dict)
    notices: Mapping[str, Notice]
    notes: Mapping[str, str]
    idea_strategies: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Evidence:
    """A study as its ledger tells it, with the facts. Scores are in the objective's own direction here."""

    study: str
    template: Template
    settings: Settings
    trials: tuple[Trial, ...]
    runs: tuple[Run, ...]
    preregistration: Preregistration
    claim: Claim
    ablation: tuple[AblatedPart, ...]
    sensitivity: tuple[KnobStep, ...]
    set_back: tuple[AblatedKnob, ...] = ()  # knobs of the best that were set to their defaults alone
    rivals: tuple[RivalEffect, ...] = ()  # baselines at equal budget, beside the best
    replication: Replication | None = None  # of the claim, on further pairs
    further: tuple[FurtherTest, ...] = ()  # tests that reviewers asked for, beside the claim
    hindered: Mapping[str, FurtherHindered] = field(default_factory=dict)  # why others of them could not be made
    level: str
    idea_strategies: tuple[str, ...]
    edits: Mapping[int, tuple[FileDiff, ...]]  # trial -> what it changed of the files that it started from
    facts: Mapping[str, Fact]
    changes: Mapping[int, str] = field(default_factory=dict)  # kept trial -> its edit, as a unified diff
    series: SeriesStore | None = None  # of the same runs, step by step
    items: ItemStore | None = None  # values by item, of the runs that the claim rests on
    notices: Mapping[str, Notice] = field(default_factory=dict)  # of the overseer
    notes: Mapping[str, str] = field(default_factory=dict)  # heading -> what a reader must know to read the claim right
    earlier: tuple[Claim, ...] = ()  # the claims that were made before the study was extended
    extensions: Mapping[str, int] = field(default_factory=dict)  # trials that each extension added
    precedents: Precedents = field(default_factory=Precedents)
    sizes: Mapping[str, int] = field(default_factory=dict)  # of the data, as they were counted when they were laid out
    team: TeamCounts = field(default_factory=TeamCounts)  # what the disclosure counted of the language models

    @property
    def best(self) -> Trial:
        return self.trials[self.claim.best]

    @property
    def improved(self) -> bool:
        """Whether the confirmation bears the claim of an improvement."""
        return self.claim.significant

    @property
    def fresh_data(self) -> bool:
        """Whether the claim is on data that the search had not seen, as far as the runs and the data tell."""
        return self.claim.split == "holdout" and not self.notes.keys() & {"Holdout", "Shared data", "Both splits"}

    @property
    def grain(self) -> float:
        """The share of a value without spread, as one in so many, that its last digits tell."""
        return 1e6 if self.template.exact else 100

    def test(self, kind: str) -> FurtherTest | None:
        """The further test of that kind, if there is one."""
        return next((t for t in self.further if t.plan.kind == kind), None)

    @property
    def first(self) -> Evidence | None:
        """The same study with its first claim for the present one; None if there is no other."""
        return replace(self, claim=self.earlier[0], earlier=()) if self.earlier else None

    def fitness(self, run: Run, split: Split = "dev") -> float | None:
        """The fitness of a run, None if it failed."""
        if run.outcome is None or run.outcome.status != "ok":
            return None
        return self.template.fitness(dict(run.outcome.metrics[split]))

    def measured(self, subject: str, split: Split) -> list[str]:
        """The metrics that all confirmation runs of a subject have, by name."""
        tables = [set(r.outcome.metrics[split]) for r in confirmed(self, subject) if r.outcome]
        return sorted(set.intersection(*tables)) if tables else []

    @cached_property
    def _by_subject(self) -> Mapping[tuple[str, str], list[Run]]:
        found = defaultdict[tuple[str, str], list[Run]](list)
        for run in self.runs:
            found[run.phase, run.subject].append(run)
        return found

    def runs_of(self, phase: str, subject: str) -> list[Run]:
        return self._by_subject.get((phase, subject), [])

    def search_scores(self, trial: int) -> list[tuple[int, float]]:
        """(run number, fitness) of the runs that a trial's mean is made of."""
        runs = self.runs_of(SEARCH, str(trial))
        return list(trial_scores(self.template, runs, self.settings.seeds).items())

    def mean(self, trial: int) -> float | None:
        """A trial's mean fitness in the search; None where no run of it counts."""
        return mean(value for _, value in self.search_scores(trial))


def snapshot(study: Study, strategies: tuple[str, ...] | None = None) -> Snapshot:
    """What a study's ledger holds now.

    strategies: those of the study's idea; without one, it may use all that the template declares.
    Raises StudyError if it holds no claim yet.
    """
    ledger = study.ledger
    claim, plan = study.claim, ledger.get(Preregistration, study.name_now("claim"))
    if claim is None or plan is None:
        raise StudyError(
            f"{study.folder}: the experiment has not been confirmed yet; `nightlab resume` goes on with it"
        )
    return Snapshot(
        trials=sum(1 for _ in ledger.each_trial()),
        last_run=max((run.id for run in ledger.each_run()), default=0),
        extensions={key: more.trials for key, more in ledger.all(Extension).items()},
        settings=asdict(study.settings),
        preregistration=plan,
        claim=claim,
        earlier=study.earlier_claims,
        ablation=_latest(ledger.all(AblatedPart, extension=study.extensions)),
        sensitivity=tuple(ledger.all(KnobStep, extension=study.extensions).values()),
        set_back=tuple(ledger.all(AblatedKnob, extension=study.extensions).values()),
        rivals=tuple(ledger.all(RivalEffect, extension=study.extensions).values()),
        replication=ledger.get(Replication, study.name_now("replication")),
        further=tuple(test for kind in SIDES if (test := ledger.get(FurtherTest, study.name_now(kind)))),
        hindered={kind: why for kind in SIDES if (why := ledger.get(FurtherHindered, study.name_now(kind)))},
        notices=ledger.all(Notice),
        notes=notes(study),
        idea_strategies=study.template.strategies if strategies is None else strategies,
    )


def restored(study: Study, taken: Snapshot) -> Evidence:
    """The evidence that a snapshot tells of, from the rows that the ledger had then; without facts."""
    trials = tuple(study.ledger.trials())[: taken.trials]
    rows = [run for run in study.ledger.each_run() if run.id <= taken.last_run]
    runs = study.current(rows, len(taken.extensions))
    return Evidence(
        study=study.name,
        template=modest(study.template),
        settings=kind_of(Settings).read(taken.settings),
        trials=trials,
        runs=runs,
        preregistration=taken.preregistration,
        claim=taken.claim,
        ablation=taken.ablation,
        sensitivity=taken.sensitivity,
        set_back=taken.set_back,
        rivals=taken.rivals,
        replication=taken.replication,
        further=taken.further,
        hindered=taken.hindered,
        level=min((r.outcome.level for r in runs if r.outcome), default="S0"),
        idea_strategies=taken.idea_strategies,
        edits=_edits(study, trials),
        changes=_changes(study, trials),
        notices=taken.notices,
        notes=taken.notes,
        earlier=taken.earlier,
        extensions=taken.extensions,
        items=study.items,
        precedents=study.ledger.get(Precedents) or Precedents(),
        series=study.series,
        sizes=sizes.of if (sizes := study.ledger.get(DataSizes)) else {},
        facts={},
    )


def _edits(study: Study, trials: Sequence[Trial]) -> dict[int, tuple[FileDiff, ...]]:
    """The edits of all trials, relative to the last version before them that ran."""
    found = {}
    for trial in trials[1:]:
        before = _before(trials, trial)
        if trial.change.artifact != before:
            found[trial.number] = tuple(
                diffs(study.artifacts.read(before), study.artifacts.read(trial.change.artifact))
            )
    return found


def _changes(study: Study, trials: Sequence[Trial]) -> dict[int, str]:
    """The edits of the trials that were kept, in the usual notation."""
    found = {}
    for trial in trials[1:]:
        before, kept = _before(trials, trial), trial.verdict and trial.verdict.kind == "kept"
        if kept and trial.change.artifact != before:
            found[trial.number] = unified(study.artifacts.read(before), study.artifacts.read(trial.change.artifact))
    return found


def _before(trials: Sequence[Trial], trial: Trial) -> str:
    """The artifact that a trial's edits are edits of."""
    return trials[standing(trials, trial.change.parent or BASELINE)].change.artifact


def _latest(parts: Mapping[str, AblatedPart]) -> tuple[AblatedPart, ...]:
    """Of each ablated component the version with the most seeds."""
    latest: dict[str, AblatedPart] = {}
    for key, part in parts.items():
        name = key.rsplit("/", 1)[0]
        if name not in latest or part.n >= latest[name].n:
            latest[name] = part
    return tuple(latest.values())


def confirmed(e: Evidence, subject: str) -> list[Run]:
    """Confirmation runs of baseline or best on the seeds on which all that was confirmed succeeded."""
    subjects = ("baseline",) if e.best.number == BASELINE else ("baseline", "best")
    good = {s: {r.seed: r for r in e.runs_of("confirm", s) if e.fitness(r) is not None} for s in subjects}
    common = set.intersection(*(set(runs) for runs in good.values()))
    return [run for seed, run in good.get(subject, {}).items() if seed in common]


def save_trials(e: Evidence, file: Path) -> None:
    """Write every trial of the search with its parameters and its mean fitness as a CSV file."""
    knobs = list(dict.fromkeys(name for t in e.trials for name in t.change.params))
    with file.open("w", newline="", encoding="utf-8") as out:
        rows = csv.writer(out, lineterminator="\n")
        rows.writerow(["trial", "parent", "strategy", "proposer", "verdict", "cause", "fitness", "runs", *knobs])
        for t in e.trials:
            fitness = e.mean(t.number)
            rows.writerow(
                [
                    t.number,
                    "" if t.change.parent is None else t.change.parent,
                    t.change.strategy,
                    t.change.proposer,
                    t.verdict.kind if t.verdict else "open",
                    t.verdict.cause if t.verdict else "",
                    "" if fitness is None else fitness,
                    len(e.search_scores(t.number)),
                    *(t.change.params.get(name, "") for name in knobs),
                ]
            )


def save_edits(e: Evidence, folder: Path) -> None:
    """Write each kept edit as a unified diff."""
    for number, text in e.changes.items():
        folder.mkdir(exist_ok=True)
        (folder / f"trial-{number}.diff").write_text(text, "utf-8", "surrogateescape")
