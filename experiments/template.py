"""The template contract: template.toml and the files it names, checked where they enter."""

from __future__ import annotations

import ast
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.records import Direction, Knob, Params, ParamValue, Trust

SHIPPED = Path(__file__).resolve().parent.parent / "templates"


class TemplateError(NightlabError):
    """A template that cannot be used; the message names the file, the key, what is wrong and what would be right."""

    exit_code = 2


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Name = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$")]
Metric = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
Entry = Annotated[str, Field(pattern=r"^[A-Za-z_]\w*:[A-Za-z_]\w*$")]
Files = Annotated[tuple[str, ...], Field(min_length=1)]


class Head(_Table):
    name: Name
    title: Annotated[str, Field(min_length=3, max_length=200)]
    domain: str = "general"
    description: Annotated[str, Field(min_length=10)]


class ArtifactTable(_Table):
    editable: Files
    support: tuple[str, ...] = ()  # read-only files that the experiment needs beside it


class DataTable(_Table):
    prepare: Entry


class RunTable(_Table):
    entry: Entry | None = None
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    timeout_s: Annotated[float, Field(gt=0)] = 60.0
    memory_mb: Annotated[int, Field(ge=64)] = 2048
    gpus: Annotated[int, Field(ge=0)] = 0
    network: bool = False
    hide: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _one_way_to_run(self) -> Self:
        if (self.entry is None) == (self.command is None):
            raise ValueError('give exactly one of entry = "module:function" and command = ["program", ...]')
        return self


class EvaluateTable(_Table):
    entry: Entry | None = None
    parse: str | None = None  # "stdout" or the name of a JSON file among the outputs

    @model_validator(mode="after")
    def _one_judge(self) -> Self:
        if (self.entry is None) == (self.parse is None):
            raise ValueError('give exactly one of entry = "module:function" and parse = "stdout" | "FILE.json"')
        return self


class ObjectiveTable(_Table):
    metric: Metric
    direction: Direction
    min_effect: Annotated[float, Field(ge=0)] = 0.0
    unit: str = ""
    label: str = ""  # how the paper calls the metric; the metric's name by default
    interleaved: bool = False  # a timing: each run of a candidate has a fresh run of the incumbent at its side


class Constraint(_Table):
    metric: Metric
    min: float | None = None
    max: float | None = None
    penalty: Annotated[float, Field(ge=0)] = 0.0
    hard: bool = True  # a change that violates it cannot be kept

    @model_validator(mode="after")
    def _a_bound(self) -> Self:
        if self.min is None and self.max is None:
            raise ValueError("give min, max or both")
        return self

    def violation(self, value: float) -> float:
        """How far `value` lies outside the bounds; 0 inside."""
        over = max(0.0, value - self.max) if self.max is not None else 0.0
        under = max(0.0, self.min - value) if self.min is not None else 0.0
        return over + under


class KnobTable(_Table):
    type: Literal["float", "int", "choice"]
    strategy: Name
    default: ParamValue
    low: float | None = None
    high: float | None = None
    log: bool = False
    choices: tuple[ParamValue, ...] = ()

    @field_validator("default", "choices", mode="before")
    @classmethod
    def _no_bool(cls, value: Any) -> Any:
        if isinstance(value, bool) or (isinstance(value, list) and any(isinstance(v, bool) for v in value)):
            raise ValueError('use the choices ["off", "on"] instead of true and false')
        return value

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.type == "choice":
            if len(set(self.choices)) < 2:
                raise ValueError("a choice needs choices = [...] with at least two different values")
            if self.default not in self.choices:
                raise ValueError(f"default {self.default!r} is not among the choices {list(self.choices)}")
            return self
        if self.low is None or self.high is None:
            raise ValueError(f"a {self.type} needs low and high")
        if self.low >= self.high:
            raise ValueError(f"low = {self.low:g} must be smaller than high = {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"log = true needs low > 0, and low is {self.low:g}")
        if isinstance(self.default, str) or not self.low <= self.default <= self.high:
            raise ValueError(f"default {self.default!r} must be a number from {self.low:g} to {self.high:g}")
        if self.type == "int" and any(v != int(v) for v in (self.low, self.high, self.default)):
            raise ValueError("an int needs whole numbers for low, high and default")
        return self


class FidelityTable(_Table):
    """A parameter that makes a run cheaper, such as epochs or a share of the data; in proportion, so the cost says."""

    knob: Name
    low: Annotated[float, Field(gt=0)]
    high: Annotated[float, Field(gt=0)]  # what every run gets that counts
    factor: Annotated[int, Field(ge=2, le=10)] = 3

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.knob.isidentifier():
            raise ValueError(f"{self.knob!r} is no name for a parameter: use letters, digits and underscores")
        if self.low * self.factor > self.high:
            raise ValueError(f"low = {self.low:g} must be at most 1/{self.factor} of high = {self.high:g}")
        return self

    @property
    def levels(self) -> tuple[int | float, ...]:
        """Each `factor` times the one before, at most 1/`factor` of the full one; whole where low and high are."""
        whole = self.low == int(self.low) and self.high == int(self.high)
        found: list[int | float] = []
        level = self.low
        while level * self.factor <= self.high:
            found.append(round(level) if whole else level)
            level *= self.factor
        return tuple(found)

    @property
    def full(self) -> dict[str, ParamValue]:
        """The parameter of a run that counts."""
        return {self.knob: int(self.high) if isinstance(self.levels[0], int) else self.high}


class Search(_Table):
    space: dict[str, KnobTable] = {}

    @field_validator("space")
    @classmethod
    def _names(cls, space: dict[str, KnobTable]) -> dict[str, KnobTable]:
        if bad := [name for name in space if not name.isidentifier()]:
            raise ValueError(f"{bad[0]!r} is no name for a knob: use letters, digits and underscores")
        return space


class BudgetTable(_Table):
    trials: Annotated[int, Field(ge=1)] = 40
    seeds: Annotated[int, Field(ge=1, le=64)] = 3
    confirm_seeds: Annotated[int, Field(ge=2, le=1000)] = 24
    hours: Annotated[float, Field(gt=0, le=1e5)] = 8.0


class Spec(_Table):
    """template.toml, checked."""

    template: Head
    artifact: ArtifactTable
    data: DataTable | None = None
    run: RunTable
    evaluate: EvaluateTable
    objective: ObjectiveTable
    constraint: tuple[Constraint, ...] = ()
    search: Search = Search()
    fidelity: FidelityTable | None = None
    budget: BudgetTable = BudgetTable()

    @model_validator(mode="after")
    def _fidelity_is_no_knob(self) -> Self:
        if self.fidelity and self.fidelity.knob in self.search.space:
            raise ValueError(
                f"[fidelity]: knob = {self.fidelity.knob!r} is also under [search.space]; what makes a run cheaper is"
                " fixed in every run that counts, so take it out of the space"
            )
        return self


class SeedIdea(_Table):
    """A research question that the template's author proposes."""

    key: Name
    title: Annotated[str, Field(min_length=3)]
    question: Annotated[str, Field(min_length=3)]
    hypothesis: Annotated[str, Field(min_length=3)]
    strategies: tuple[str, ...] = ()
    expected_effect: str = ""
    risks: str = ""


class _Ideas(_Table):
    idea: tuple[SeedIdea, ...] = ()


T = TypeVar("T", bound=_Table)


@dataclass(frozen=True, kw_only=True)
class Template:
    """A research template: a folder and its checked contract."""

    folder: Path
    spec: Spec
    knobs: tuple[Knob, ...]
    ideas: tuple[SeedIdea, ...]

    @property
    def name(self) -> str:
        return self.spec.template.name

    @property
    def metric(self) -> str:
        return self.spec.objective.metric

    @property
    def metric_label(self) -> str:
        return self.spec.objective.label or self.metric.replace("_", " ")

    @property
    def penalised(self) -> bool:
        """Whether a trial that is kept may pay a penalty, so that its fitness is not the metric itself."""
        return any(c.penalty > 0 and not c.hard for c in self.spec.constraint)

    @property
    def fitness_label(self) -> str:
        return f"penalised {self.metric_label}" if self.penalised else self.metric_label

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
    def interleaved(self) -> bool:
        """Whether runs must not disturb one another and a comparison holds only for runs made back to back."""
        return self.spec.objective.interleaved

    @property
    def trust(self) -> Trust:
        return "verified" if self.spec.evaluate.entry else "reported"

    def fitness(self, metrics: dict[str, float]) -> float:
        """The objective with the penalties of the constraints, in the objective's own direction."""
        penalty = sum(c.penalty * c.violation(metrics[c.metric]) for c in self.spec.constraint)
        return metrics[self.metric] - self.sign * penalty

    def violated(self, metrics: dict[str, float]) -> tuple[Constraint, ...]:
        """The hard constraints that `metrics` violates."""
        return tuple(c for c in self.spec.constraint if c.hard and c.violation(metrics[c.metric]) > 0)

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


def load(where: str | Path) -> Template:
    """Read and check a template.

    Raises TemplateError for anything that would not run.
    """
    folder = find(where)
    file = folder / "template.toml"
    spec = _checked(Spec, _toml(file), file)
    _check_files(folder, spec)
    knobs = tuple(
        Knob(
            name=name,
            type=k.type,
            strategy=k.strategy,
            default=_typed(k, k.default),
            low=k.low or 0.0,
            high=k.high or 0.0,
            log=k.log,
            choices=k.choices,
        )
        for name, k in spec.search.space.items()
    )
    return Template(folder=folder, spec=spec, knobs=knobs, ideas=_ideas(folder, knobs))


def _typed(knob: KnobTable, value: ParamValue) -> ParamValue:
    if knob.type == "choice":
        return value
    return int(value) if knob.type == "int" else float(value)


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TemplateError(f"{file}: not valid TOML: {error}") from None


def _checked(model: type[T], data: dict[str, Any], file: Path) -> T:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise TemplateError("\n".join(f"{file}: {_explain(e)}" for e in error.errors())) from None


def _explain(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"])
    message = error["msg"].removeprefix("Value error, ")
    if error["type"] == "missing":
        message = "is missing"
    elif error["type"] == "extra_forbidden":
        message = "is not a key of the contract; remove it or correct its spelling"
    else:
        message = f"{message} (found {error['input']!r})" if not isinstance(error["input"], dict) else message
    return f"[{key}]: {message}"


def _check_files(folder: Path, spec: Spec) -> None:
    file = folder / "template.toml"
    for key, paths in (("artifact.editable", spec.artifact.editable), ("artifact.support", spec.artifact.support)):
        for path in paths:
            inside = (folder / path).resolve().is_relative_to(folder.resolve())
            if Path(path).is_absolute() or not inside or not (folder / path).is_file():
                raise TemplateError(f"{file}: [{key}]: {path!r} is no file inside {folder}")
    entries = [
        ("data.prepare", spec.data.prepare if spec.data else None),
        ("run.entry", spec.run.entry),
        ("evaluate.entry", spec.evaluate.entry),
    ]
    for key, entry in entries:
        if entry is None:
            continue
        module, function = entry.split(":")
        source = folder / f"{module}.py"
        if not source.is_file():
            raise TemplateError(f"{file}: [{key}]: {entry!r} needs the file {source}, which does not exist")
        try:
            tree = ast.parse(source.read_bytes())
        except (SyntaxError, ValueError) as error:
            raise TemplateError(f"{source}: [{key}]: is no valid Python: {error}") from None
        if not any(isinstance(node, ast.FunctionDef) and node.name == function for node in tree.body):
            raise TemplateError(f"{source}: [{key}]: defines no function {function}(...)")
        if key != "run.entry" and source.name in spec.artifact.editable + spec.artifact.support:
            raise TemplateError(f"{file}: [{key}]: {source.name} must not be part of the artifact that it judges")
    if spec.run.entry and f"{spec.run.entry.split(':')[0]}.py" not in spec.artifact.editable + spec.artifact.support:
        raise TemplateError(f"{file}: [run.entry]: its file must be listed under artifact.editable or artifact.support")


def _ideas(folder: Path, knobs: tuple[Knob, ...]) -> tuple[SeedIdea, ...]:
    file = folder / "ideas.toml"
    if not file.is_file():
        return ()
    known = {k.strategy for k in knobs}
    ideas = _checked(_Ideas, _toml(file), file).idea
    for i, idea in enumerate(ideas):
        if known and (unknown := set(idea.strategies) - known):
            raise TemplateError(
                f"{file}: [idea.{i}.strategies]: {sorted(unknown)} are strategies of no knob; known: {sorted(known)}"
            )
    return ideas
