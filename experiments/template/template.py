"""A template: its contract and the files that this names, checked where they enter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.reading import Unreadable, read_toml
from nightlab.experiments.records import Knob, Params, Trust
from nightlab.experiments.template import doubts, globbing
from nightlab.experiments.template.command import named
from nightlab.experiments.template.contract import Constraint, ObjectiveTable, Spec
from nightlab.experiments.template.diagnostics import at, between, explained
from nightlab.experiments.template.environment import OLDEST, Environment, NoEnvironment
from nightlab.experiments.template.environment import named as named_environment
from nightlab.experiments.template.ideas import Ideas, SeedIdea
from nightlab.experiments.template.knobs import rules
from nightlab.experiments.template.knobs.faults import between_knobs
from nightlab.experiments.template.knobs.handover import Handed, handed
from nightlab.experiments.template.knobs.tables import KnobTable, label
from nightlab.experiments.template.table import MOST, Table

FEWEST_DRAWS = 10  # of a confirmation: an interval over fewer says little
SHIPPED = Path(__file__).resolve().parents[2] / "templates"


class TemplateError(NightlabError):
    """A template that cannot be used; each line names a file, a key, what is wrong and what would be right."""

    exit_code = 2


T = TypeVar("T", bound=Table)


@dataclass(frozen=True, kw_only=True)
class Template:
    """A research template: a folder and its checked contract.

    home: the folder that it was copied from, where paths begin that lead out of it; its own folder if it is no copy.
    """

    folder: Path
    home: Path
    spec: Spec
    knobs: tuple[Knob, ...]
    ideas: tuple[SeedIdea, ...]
    editable_names: tuple[str, ...] = ()  # as template.toml has them, with patterns; `spec` has the files themselves
    doubts: tuple[str, ...] = ()  # what keeps the evaluator's metrics from being verified, as clauses

    @property
    def name(self) -> str:
        return self.spec.template.name

    @property
    def metric(self) -> str:
        return self.spec.objective.metric

    @property
    def metric_label(self) -> str:
        return self.spec.objective.label or self.spec.objective.words

    @property
    def penalised(self) -> bool:
        """Whether a trial that is kept may pay a penalty, so that its fitness is not the metric itself."""
        return any(c.penalty > 0 and not c.hard for c in self.spec.constraint)

    @property
    def fitness_label(self) -> str:
        """The fitness of what may be kept."""
        return f"penalised {self.metric_label}" if self.penalised else self.metric_label

    @property
    def fined(self) -> bool:
        """Whether the fitness of a trial, kept or not, may hold a penalty."""
        return any(c.penalty > 0 for c in self.spec.constraint)

    @property
    def search_label(self) -> str:
        """The fitness of all trials, those among them that violate a hard constraint."""
        return f"penalised {self.metric_label}" if self.fined else self.metric_label

    @property
    def sign(self) -> float:
        """+1 where larger is better, -1 where smaller is: sign * fitness is to be maximised."""
        return 1.0 if self.spec.objective.direction == "maximize" else -1.0

    @property
    def strategies(self) -> tuple[str, ...]:
        """The strategies of the knobs, in their order of appearance."""
        return tuple(dict.fromkeys(k.strategy for k in self.knobs))

    @property
    def defaults(self) -> Params:
        return {k.name: k.default for k in self.knobs}

    @property
    def reference(self) -> Params:
        """The whole assignment of the reference configuration; the defaults where there is none."""
        given = self.spec.reference.params if self.spec.reference else {}
        typed = {
            k.name: float(given[k.name]) if k.type == "float" else given[k.name] for k in self.knobs if k.name in given
        }
        return rules.settled(self.knobs, {**self.defaults, **typed})

    @property
    def unnamed(self) -> tuple[str, ...]:
        """Knobs that no word of the command names while some name others, and that are handed over by no other way."""
        found = {name for word in self.spec.run.command or () for name in named(word)}
        found |= {name for name, k in self.spec.search.space.items() if k.env or k.key or k.constant}
        return tuple(k.name for k in self.knobs if k.name not in found) if found & self.defaults.keys() else ()

    @cached_property
    def environment(self) -> Environment | None:
        """Where its runs have their interpreter and packages from; None for nightlab's own. Raises TemplateError."""
        run = self.spec.run
        try:
            return named_environment(run.python, run.environment, self.home)
        except NoEnvironment as error:
            key = "python" if run.python else "environment"
            raise TemplateError(f"{self.folder / 'template.toml'}: [run.{key}]: {error}") from None

    @cached_property
    def bound(self) -> dict[str, Path]:
        """What runs read where it lies, by the name under which the template has it."""
        return {name: (self.home / Path(name).expanduser()).resolve() for name in self.spec.run.bind}

    @property
    def interleaved(self) -> bool:
        """Whether runs must not disturb one another and a comparison holds only for runs made back to back."""
        return self.spec.objective.interleaved

    @property
    def redraws(self) -> bool:
        """Whether a claim is tested over fresh draws of the data."""
        return bool(self.spec.data and self.spec.data.redraw)

    @property
    def exact(self) -> bool:
        """Whether a run hands in something whose worth the judge computes exactly, with no sample of data behind it."""
        return self.spec.evaluate.exact

    @property
    def confirmations(self) -> int:
        """Pairs of runs that a confirmation has: each on a draw of its own where the template redraws."""
        asked = self.spec.budget.confirm_seeds
        return max(FEWEST_DRAWS, asked) if self.redraws else asked

    @property
    def uses_seed(self) -> bool:
        """Whether the experiment is seen to use the seed that it is given."""
        return doubts.uses_seed(self.folder, self.spec.run, self.files(), self.spec.evaluate.interactive)

    @property
    def judging_s(self) -> float:
        """Seconds that a judge may take beside the calls of a run; 0 where the evaluator comes after the run."""
        return self.spec.evaluate.timeout_s if self.spec.evaluate.interactive else 0.0

    @property
    def trust(self) -> Trust:
        return "verified" if self.spec.evaluate.judge and not self.doubts else "reported"

    @property
    def has_holdout(self) -> bool:
        """Whether there is a sealed split, which an evaluator that is believed scores."""
        return self.trust == "verified" and self.spec.evaluate.holdout

    def handed(self, params: Params, files: Mapping[str, bytes]) -> Handed:
        """What a run of these files gets of the parameters. Raises NoPlace."""
        by_name = {k.name: k for k in self.knobs}
        meant = {name: by_name[name].meant(value) if name in by_name else value for name, value in params.items()}
        return handed(meant, self.spec.search.space, files)

    def fitness(self, metrics: dict[str, float]) -> float:
        """The objective with the penalties of the constraints, in the objective's own direction; a penalty beyond all
        metrics leaves a number."""
        penalty = sum(c.penalty * c.violation(metrics[c.metric]) for c in self.spec.constraint)
        return max(-MOST, min(MOST, metrics[self.metric] - self.sign * penalty))

    def violated(self, metrics: dict[str, float]) -> tuple[Constraint, ...]:
        """The hard constraints that `metrics` violates."""
        return tuple(c for c in self.spec.constraint if c.hard and c.violation(metrics[c.metric]) > 0)

    @property
    def counting(self) -> tuple[str, ...]:
        """The metrics that decide, which every run owes: the objective and those of the constraints."""
        return (self.metric, *dict.fromkeys(c.metric for c in self.spec.constraint))

    @property
    def spelt(self) -> dict[str, str]:
        """How those of them are called where they are said that have another name there."""
        return {m.metric: m.source for m in self._measures if m.source}

    @property
    def takes(self) -> dict[str, str]:
        """What is taken of several values of one of them, where it is not the last."""
        return {m.metric: m.reduced for m in self._measures if m.reduced != "last"}

    @property
    def _measures(self) -> tuple[ObjectiveTable | Constraint, ...]:
        return (*self.spec.constraint, self.spec.objective)  # which has the last word

    @property
    def constraint_keys(self) -> tuple[str, ...]:
        """A name for each constraint: its metric, and a number where several are on the same one."""
        metrics = [c.metric for c in self.spec.constraint]
        before = [metrics[:i].count(name) for i, name in enumerate(metrics)]
        return tuple(f"{m}.{n + 1}" if n else m for m, n in zip(metrics, before, strict=True))

    def files(self) -> tuple[str, ...]:
        """The editable and support files, relative to the folder: what an experiment may see of the template."""
        return self.spec.artifact.editable + self.spec.artifact.support


def names() -> list[str]:
    """The templates that ship with nightlab."""
    return sorted(p.parent.name for p in SHIPPED.glob("*/template.toml"))


def find(where: str | Path) -> Path:
    """The folder of a template given by its path or, for one that ships with nightlab, by its name."""
    if (Path(where) / "template.toml").is_file():
        return Path(where).resolve()
    if str(where) in names():
        return SHIPPED / str(where)
    raise TemplateError(
        f"no template {str(where)!r}: it is neither a folder with a template.toml nor one of those that ship"
        f" with nightlab ({', '.join(names())})"
    )


def load(where: str | Path, home: Path | None = None) -> Template:
    """Read and check a template.

    home: of a copy, the folder that it was made of; what lies out of the copy is then looked for when it is used.
    Raises TemplateError for anything that would not run.
    """
    folder = find(where)
    file, faults = folder / "template.toml", list[str]()
    data = _toml(file, faults)
    spec = _checked(Spec, data, file, faults)
    faults += dict.fromkeys(between(folder, data))  # a file may be named twice
    ideas = _ideas(folder, data, faults)
    if spec is None or faults:
        raise TemplateError("\n".join(faults))
    spec, named_files = _with_files(folder, file, spec)
    knobs = tuple(_knob(name, table, spec.search.require) for name, table in spec.search.space.items())
    if faults := [f"{file}: {fault}" for fault in between_knobs(folder, spec, knobs)]:
        raise TemplateError("\n".join(faults))
    template = Template(
        folder=folder,
        home=home or folder,
        spec=spec,
        knobs=knobs,
        ideas=ideas,
        doubts=_doubts(folder, spec),
        editable_names=named_files,
    )
    if home is None:
        _look_outside(template, file)
    return template


def _look_outside(template: Template, file: Path) -> None:
    """Refuse now, not at the first run, what lies outside and cannot be used. Raises TemplateError."""
    spec, environment = template.spec, template.environment
    if spec.evaluate.interactive and environment and not environment.warm:
        raise TemplateError(
            f"{file}: [evaluate.interactive]: needs Python {OLDEST[0]}.{OLDEST[1]} or newer, and that of"
            f" {'[run.python]' if spec.run.python else '[run.environment]'} is older"
        )
    if lost := [name for name, path in template.bound.items() if not path.exists()]:
        raise TemplateError(f"{file}: [run.bind]: {lost[0]!r} is not there; give files and folders that runs read")


def _doubts(folder: Path, spec: Spec) -> tuple[str, ...]:
    """What is known before the first run against the evaluator."""
    if not (judge := spec.evaluate.judge):
        return ()
    blind = doubts.of_evaluator(folder, judge) if spec.evaluate.holdout else ()
    return (*((doubts.SAID,) if spec.evaluate.trust else ()), *blind)


def _with_files(folder: Path, file: Path, spec: Spec) -> tuple[Spec, tuple[str, ...]]:
    """The contract with files in place of patterns, and the editable ones as they were named. Raises TemplateError."""
    table = spec.artifact
    entries = (spec.data.prepare if spec.data else None, spec.evaluate.entry, spec.evaluate.interactive)
    judges = [f"{entry.partition(':')[0]}.py" for entry in entries if entry]
    besides = {*judges, *spec.run.bind}
    editable = globbing.expanded(folder, table.editable, besides)
    support = globbing.expanded(folder, table.support, {*besides, *editable})
    if any(map(globbing.is_pattern, (*table.editable, *table.support))):
        size = sum((folder / name).stat().st_size for name in (*editable, *support)) / 1e6
        if (count := len(editable) + len(support)) > table.most_files:
            raise TemplateError(f"{file}: [artifact.most_files]: its patterns take in {count} files; name fewer")
        if size > table.most_mb:
            raise TemplateError(f"{file}: [artifact.most_mb]: its files hold {size:.0f} MB; name what runs need alone")
    table = table.model_copy(update={"editable": editable, "support": support})
    return spec.model_copy(update={"artifact": table}), spec.artifact.editable


def _knob(name: str, table: KnobTable, requirements: Sequence[str]) -> Knob:
    number = table.type in ("int", "float")
    default = label(table.default)
    told = not number and table.labels != table.choices
    return Knob(
        name=name,
        type="int" if table.type == "int" else "float" if table.type == "float" else "choice",
        strategy=table.strategy,
        default=(int if table.type == "int" else float)(default) if number else default,
        low=table.low or 0.0,
        high=table.high or 0.0,
        log=table.log,
        choices=table.labels,
        ordered=table.type == "ordinal",
        values=table.choices if told else (),
        when={other: tuple(map(label, v if isinstance(v, list) else [v])) for other, v in table.when.items()},
        rules=tuple(text for text in requirements if name in rules.names(text)),
    )


def _toml(file: Path, faults: list[str]) -> dict[str, Any] | None:
    try:
        return read_toml(file)
    except Unreadable as error:
        faults.append(f"{file}: {error}")
    return None


def _checked(model: type[T], data: dict[str, Any] | None, file: Path, faults: list[str]) -> T | None:
    try:
        return None if data is None else model.model_validate(data)
    except ValidationError as error:
        faults += [f"{file}: {told}" for told in explained(error, model)]
        return None


def _ideas(folder: Path, data: dict[str, Any] | None, faults: list[str]) -> tuple[SeedIdea, ...]:
    file = folder / "ideas.toml"
    if not file.is_file():
        return ()
    ideas = _checked(Ideas, _toml(file, faults), file, faults)
    space = at(data, "search", "space")
    named = [at(knob, "strategy") for knob in space.values()] if isinstance(space, dict) else []
    known = {name for name in named if isinstance(name, str)}
    sure = known and all(isinstance(name, str) for name in named)  # a knob that lacks its own may be the one meant
    for i, idea in enumerate(ideas.idea if ideas else ()):
        wanted = {name for part in idea.parts for name in part.names} - {*space} if isinstance(space, dict) else set()
        for part in idea.parts if sure else ():
            if strange := sorted(set(part.names) & wanted - known):
                told = f"{strange[0]!r} is no knob and no strategy; known: {sorted({*known, *space})}"
                faults.append(f"{file}: [idea.{i + 1}.parts]: {told}")
        unknown = sorted(set(idea.strategies) - known)
        if sure and unknown:
            names = f"{unknown} are strategies of no knob; known: {sorted(known)}"
            faults.append(f"{file}: [idea.{i + 1}.strategies]: {names}")
    return ideas.idea if ideas else ()
