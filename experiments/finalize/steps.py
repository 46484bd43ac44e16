"""The changes that a study kept, in their order, each with the files that it makes others and its evidence in words."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from nightlab.experiments.claim.scope import withheld
from nightlab.experiments.claim.statistics.inference import summarize
from nightlab.experiments.executors.local.inside import words as filling
from nightlab.experiments.finalize.options import with_defaults
from nightlab.experiments.ledger.documents.claim import Claim
from nightlab.experiments.ledger.ledger import Trial, by_verdict
from nightlab.experiments.ledger.trial_scores import trial_scores
from nightlab.experiments.numbers import decimals, fixed, plural, written
from nightlab.experiments.records import BASELINE
from nightlab.experiments.study.errors import StudyError
from nightlab.experiments.study.study import Study
from nightlab.experiments.template.artifact.diffs import changed
from nightlab.experiments.template.command import is_argument, pieces, text
from nightlab.experiments.template.knobs.tables import label

LONGEST = 72  # letters of a title, as git shows it
_PLACES = ("seed", "out", "inputs", "params", "tmp")  # names that only a run knows

Files = Mapping[str, bytes]


class NothingKept(StudyError):
    """A study without a change to write."""

    exit_code = 1


@dataclass(frozen=True, kw_only=True)
class Step:
    """A change of files. files: those that are others than in the step before it, None for one that is gone. title,
    text: of its commit. trials: that led to it, those that changed the command alone with the next one of files."""

    trials: tuple[int, ...]
    files: Mapping[str, bytes | None]
    title: str
    text: str
    study: str = ""

    @property
    def message(self) -> str:
        trailers = [f"Nightlab-Study: {self.study}", *(f"Nightlab-Trial: {number}" for number in self.trials)]
        return "\n".join([self.title, "", self.text, "", *trailers, ""])


def before(study: Study) -> dict[str, bytes]:
    """The files of the program as the study began with them."""
    return study.artifacts.read(study.baseline_artifact)


def steps(study: Study) -> list[Step]:
    """The changes on the way to the best, each of some file. Raises NothingKept where there are none."""
    trials, claim = study.ledger.trials(), study.claim
    line = [t for t in by_verdict(trials) if t.verdict and t.verdict.kind == "kept"]
    if claim and claim.best != BASELINE and (not line or line[-1].number != claim.best):
        line.append(trials[claim.best])
    if not line:
        raise NothingKept(f"{study.folder}: it kept no change, so there is nothing to write")
    found, last, files = list[Step](), trials[BASELINE], before(study)
    for trial in line:
        now = _files(study, trial)
        differ = {n: now.get(n) for n in sorted(files.keys() | now.keys()) if files.get(n) != now.get(n)}
        told = [*_evidence(study, trial, last), *(_confirmed(claim) if trial is line[-1] else ())]
        found.append(
            Step(
                trials=(trial.number,),
                files=differ,
                title=_title(trial, last, differ),
                text="\n".join(told),
                study=study.name,
            )
        )
        last, files = trial, now
    if not any(step.files for step in found):
        raise NothingKept(f"{study.folder}: what it kept changes the command alone, and no file: {spelt(study, last)}")
    return _of_files(found)


def _of_files(steps: Sequence[Step]) -> list[Step]:
    """The same, with each that changes no file told in the next one that does, or in the last one."""
    groups, group = list[list[Step]](), list[Step]()
    for step in steps:
        group.append(step)
        if step.files:
            groups.append(group)
            group = []
    groups[-1] += group
    return [_joined(each) for each in groups]


def _joined(steps: Sequence[Step]) -> Step:
    """Steps of which one changes files, as one."""
    (own,) = (step for step in steps if step.files)
    told = [step.text if step is own else f"{step.title}\n{step.text}" for step in steps]
    return replace(own, trials=tuple(n for step in steps for n in step.trials), text="\n\n".join(told))


def _files(study: Study, trial: Trial) -> dict[str, bytes]:
    """The program's files in a trial, with the values of knobs that stand in files and are not the template's own."""
    own, space = study.artifacts.read(trial.change.artifact), study.template.spec.search.space
    moved = {name: v for name, v in trial.change.params.items() if name in space and label(space[name].default) != v}
    given = own | dict(study.template.handed(moved, own).files)
    options = {name: (label(space[name].default), value) for name, value in moved.items()}
    return with_defaults(given, study.template.spec.run.command or (), options)


def _title(trial: Trial, last: Trial, files: Mapping[str, bytes | None]) -> str:
    moved = changed(trial.change.params, last.change.params)
    told = [f"{name} from {_shown(old)} to {_shown(new)}" for name, (old, new) in moved.items()]
    told += [name for name in files if not told]
    title = f"Trial {trial.number}: {', '.join(told) or trial.change.strategy}"
    return title if len(title) <= LONGEST else f"{title[: LONGEST - 3].rstrip(' ,')}..."


def _shown(value: object) -> str:
    return text(value) if isinstance(value, int | float | str) else str(value)


def _evidence(study: Study, trial: Trial, last: Trial) -> Iterator[str]:
    """What the search measured of a change, and how it was decided."""
    label = study.template.fitness_label
    sides = [f"{mean}, {plural(n, 'run')}" for t in (trial, last) for mean, n in _means(study, t)]
    if sides:
        beside = f" (before: {sides[1]})" if len(sides) > 1 else ""
        yield f"{label}: {sides[0]}{beside}"
    verdict = trial.verdict
    if verdict and (reason := _plain(verdict.reason)):
        yield f"Verdict: {verdict.kind}, {reason}"
    if hypothesis := _plain(trial.change.hypothesis):
        yield f"Hypothesis: {hypothesis}"
    yield f"Strategy: {trial.change.strategy}; proposed by: {_plain(trial.change.proposer)}"
    if study.template.trust == "reported":
        yield "The values are reported by the program itself; no evaluator has verified them"
    if command := spelt(study, trial):
        yield f"Run as: {command}"


def _means(study: Study, trial: Trial) -> Iterator[tuple[str, int]]:
    runs = study.ledger.runs("search", str(trial.number))
    if scores := [*trial_scores(study.template, runs, study.settings.seeds).values()]:
        s = summarize(scores)
        spread = f" ± {s.stderr:.2g}" if s.stderr else ""
        yield f"{fixed(s.mean, decimals(s.stderr)) if s.stderr else written(s.mean)}{spread}", s.n


def _confirmed(claim: Claim | None) -> Iterator[str]:
    """What the study claims of the last change over the program that it began with."""
    yield ""
    if claim is None:
        yield "The study has not confirmed it yet: these values come from the search, which chose them for being good"
    elif not claim.tested or claim.best == BASELINE:
        yield "No confirmation tested it: these values come from the search, which chose them for being good"
    else:
        pairs = f"{plural(claim.n, 'pair')} of fresh runs, {claim.split} split"
        span = f"{100 * claim.coverage:g} % interval {claim.low:.4g} to {claim.high:.4g}"
        said = "Confirmed" if claim.significant and not withheld(claim) else "Not confirmed"
        yield f"{said}: better than the baseline by {claim.effect:.4g}, {span}, p = {claim.p_value:.2g} ({pairs})"


def spelt(study: Study, trial: Trial) -> str:
    """The command that runs a trial, with its values; empty where the template has none."""
    template = study.template
    if not template.spec.run.command:
        return ""
    given = template.handed(trial.change.params, _files(study, trial))
    values = {name: value for name, value in given.words.items() if value is not None}
    values |= {name: f"{{{name}}}" for name in _PLACES if name not in values}
    left_out = given.words.keys() - values.keys()
    taken = [pieces(word) for word in template.spec.run.command]
    told = [filling.filled(word, values) for word in taken if not filling.is_only(word, left_out)]
    variables = [f"{name}={shlex.quote(value)}" for name, value in given.env.items()]
    return " ".join([*variables, *_quoted(told)])


def _quoted(words: Sequence[str]) -> Iterator[str]:
    for word in words:
        yield word if word and is_argument(word) else shlex.quote(word)


def _plain(text: str) -> str:
    """A text on one line."""
    return " ".join(text.split()).rstrip(".")
