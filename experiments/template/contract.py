"""The tables of template.toml and ideas.toml, each key with its bounds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)

from nightlab.experiments.records import Direction, ParamValue
from nightlab.experiments.template.command import text
from nightlab.experiments.template.diagnostics import ENTRY, TableFault
from nightlab.experiments.template.knobs import rules

COUNTED = r"[A-Za-z][A-Za-z -]{0,59}"
ROWS = r"(inputs|private)/([\w-][\w.-]*/)*[\w-][\w.-]*\.(npy|csv|tsv|jsonl|txt)"
TABLES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv")  # the files that say metrics by key or column; others are text
METRIC = r"^[A-Za-z][A-Za-z0-9_]{0,63}$"
MOST = 1e300  # the largest number of a knob


class Table(BaseModel):
    """A table of a file. What concerns several keys is checked at the last of them, with those of `info.data` that are
    right by themselves: so one report has all faults, where a validator of the whole table would wait for the rest.
    Numbers and truth values are strict, since a text that reads as one is a mistake; 2 and 2.0 are the same number."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


Name = Annotated[
    str,
    Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,63}$",
        description="a name of at most 64 letters, digits, _ and -, with a letter first",
        examples=['"my-name"'],
    ),
]
Metric = Annotated[
    str,
    Field(
        pattern=METRIC,
        description="a name of at most 64 letters, digits and _, with a letter first; give any other as source",
        examples=['"accuracy"'],
    ),
]
Whole = Annotated[
    StrictInt, BeforeValidator(lambda value: int(value) if isinstance(value, float) and value.is_integer() else value)
]
Entry = Annotated[
    str, Field(pattern=ENTRY, description='"module:function", without .py', examples=['"module:function"'])
]
Files = Annotated[tuple[str, ...], Field(min_length=1, examples=['["experiment.py"]'])]
Sentence = Annotated[str, Field(min_length=3, examples=['"A few words."'])]


class Head(Table):
    name: Name
    title: Annotated[str, Field(min_length=3, max_length=200, examples=['"A few words"'])]
    domain: str = "general"
    description: Annotated[str, Field(min_length=10, examples=['"What the task is and what a good result means."'])]
    method: str = ""  # what the experiment does before any change, which the paper quotes as its author's


class ArtifactTable(Table):
    editable: Files
    support: tuple[str, ...] = ()  # read-only files that the experiment needs beside it
    most_files: Annotated[Whole, Field(ge=1)] = 1000  # that patterns may take in, together with all others
    most_mb: Annotated[StrictFloat, Field(gt=0)] = 32.0  # likewise


class DataTable(Table):
    prepare: Entry
    name: str = ""  # of the data set, as the literature calls it
    cite: str = ""  # its key in references.bib
    sizes: dict[str, str] = {}  # what is counted when the data are laid out -> the file whose rows it is
    told: tuple[str, ...] = ()  # sentences with the numbers of the data, which the paper quotes as their author's
    redraw: StrictBool = False  # another seed draws or splits the data anew: a claim is then tested over fresh draws

    @field_validator("sizes")
    @classmethod
    def _countable(cls, sizes: dict[str, str]) -> dict[str, str]:
        for told, name in sizes.items():
            if not re.fullmatch(COUNTED, told):
                raise ValueError(f"{told!r} must say what is counted, in at most 60 letters, blanks and -")
            if not re.fullmatch(ROWS, name):
                raise ValueError(
                    f"{name!r} must be a file that prepare writes, inputs/NAME or private/NAME, of .npy, .csv, .tsv,"
                    " .jsonl or .txt"
                )
        return sizes


class RunTable(Table):
    entry: Entry | None = None
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    python: Annotated[str, Field(min_length=1)] | None = None  # an interpreter other than nightlab's own
    environment: Annotated[str, Field(min_length=1)] | None = None  # or the folder of an environment
    timeout_s: Annotated[StrictFloat, Field(gt=0)] = 60.0
    memory_mb: Annotated[Whole, Field(ge=64)] = 2048
    gpus: Annotated[Whole, Field(ge=0)] = 0
    network: StrictBool = False
    hide: tuple[str, ...] = ()
    bind: tuple[str, ...] = ()  # large files and folders that runs read where they lie; nothing of them is copied
    disk_mb: Annotated[Whole, Field(ge=1)] = 512  # everything that a run writes, scratch files included
    disk_files: Annotated[Whole, Field(ge=16)] = 4096
    writes: str = ""  # the folder below its own in which a program leaves its outputs, if not in {out}
    outputs: Annotated[Whole, Field(ge=1, le=100_000)] = 256  # files that are collected for the judge
    outputs_mb: Annotated[Whole, Field(ge=1, le=2000)] = 128  # what they may hold together

    @field_validator("environment")
    @classmethod
    def _one_interpreter(cls, environment: str | None, info: ValidationInfo) -> str | None:
        if environment and info.data.get("python"):
            raise TableFault("give python or environment, not both: an environment has its own interpreter")
        return environment

    @field_validator("writes")
    @classmethod
    def _below(cls, writes: str) -> str:
        if Path(writes).is_absolute() or ".." in Path(writes).parts:
            raise ValueError('must be a folder below the one that it runs in, such as "results", or "." for that one')
        return writes

    @field_validator("command")
    @classmethod
    def _one_way_to_run(cls, command: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if "entry" in info.data and (info.data["entry"] is None) == (command is None):
            raise TableFault('give exactly one of entry = "module:function" and command = ["program", ...]')
        return command


class EvaluateTable(Table):
    entry: Entry | None = None
    interactive: Entry | None = None  # a judge that calls functions of the experiment, which run.entry prepares
    fresh: StrictBool = False  # with interactive: a process for each call, instead of one for those of a split
    network: StrictBool = False  # of the evaluator itself, such as of a judge that asks a model for the candidate
    parse: str | None = None  # "stdout" or the name of a file among the outputs
    pattern: str = ""  # of a line of printed text that says the objective, or metrics by the names of its groups
    trust: Literal["reported"] | None = None  # said by the author: the metrics are not to count as verified
    timeout_s: Annotated[StrictFloat, Field(gt=0)] = 120.0  # of one evaluation, all its splits together
    memory_mb: Annotated[Whole, Field(ge=64)] | None = None  # as much as a run has, and 2048 at least

    @property
    def judge(self) -> str | None:
        """The function that says what a run is worth, where there is one."""
        return self.entry or self.interactive

    @field_validator("fresh")
    @classmethod
    def _of_calls(cls, fresh: bool, info: ValidationInfo) -> bool:
        if fresh and info.data.get("interactive", "") is None:
            raise TableFault('fresh = true is of calls, so it needs interactive = "module:function"')
        return fresh

    @field_validator("parse")
    @classmethod
    def _one_judge(cls, parse: str | None, info: ValidationInfo) -> str | None:
        given = [info.data.get("entry"), info.data.get("interactive"), parse]
        if {"entry", "interactive"} <= info.data.keys() and given.count(None) != 2:
            raise TableFault(
                'give exactly one of entry = "module:function", interactive = "module:function" and'
                ' parse = "stdout" | "FILE.json"'
            )
        return parse

    @field_validator("pattern")
    @classmethod
    def _of_printed_lines(cls, pattern: str, info: ValidationInfo) -> str:
        if not pattern:
            return pattern
        if not (parse := info.data.get("parse", "stdout")) or parse.endswith(TABLES):
            raise TableFault('pattern reads what a run prints, so it needs parse = "stdout" or a text file')
        try:
            groups = re.compile(pattern)
        except (re.error, RecursionError, OverflowError) as error:
            raise ValueError(f"is no regular expression: {error}") from None
        if bad := [name for name in groups.groupindex if not re.fullmatch(METRIC, name)]:
            raise ValueError(f"has a group {bad[0]!r}, which is no name for a metric")
        if groups.groups != (len(groups.groupindex) or 1):
            raise ValueError(
                "must have one group, for the objective's number, or a group by name for each metric, such as"
                " (?P<accuracy>...); write (?:...) for what is no number"
            )
        return pattern


class Measure(Table):
    """A metric that counts. One whose name in the output is none for us, such as "SEIR.means.peak", goes by its letters
    and digits, and `source` is what was written."""

    metric: Metric
    source: str = ""  # its name where runs or the evaluator say it, if that is another

    @model_validator(mode="before")
    @classmethod
    def _in_their_words(cls, table: Any) -> Any:
        said = table.get("metric") if isinstance(table, dict) else None
        if not isinstance(said, str) or re.fullmatch(METRIC, said) or "source" in table:
            return table
        from anyascii import anyascii

        short = re.sub(r"[^A-Za-z0-9]+", "_", anyascii(said)).strip("_")[:64].rstrip("_")
        return {**table, "metric": short, "source": said} if re.fullmatch(METRIC, short) else table

    @property
    def words(self) -> str:
        """How its author calls it."""
        return self.source or self.metric.replace("_", " ")

    @property
    def spelt(self) -> str:
        """Its name where it is said."""
        return self.source or self.metric


class ObjectiveTable(Measure):
    direction: Annotated[Direction, Field(examples=['"minimize"'])]
    min_effect: Annotated[StrictFloat, Field(ge=0)] = 0.0
    unit: str = ""
    label: str = ""  # how the paper calls the metric; the metric's name by default
    take: Literal["last", "best", "mean", "min", "max"] = "last"  # of the values that one run says of it
    lowest: StrictFloat | None = None  # what it can be at all; a run that says otherwise is invalid
    highest: StrictFloat | None = None
    interleaved: StrictBool = False  # a timing: each run of a candidate has a fresh run of the incumbent at its side

    @field_validator("highest")
    @classmethod
    def _bounded(cls, highest: float | None, info: ValidationInfo) -> float | None:
        if highest is not None and (info.data.get("lowest") or -MOST) >= highest:
            raise TableFault(f"lowest = {info.data['lowest']:g} must be smaller than highest = {highest:g}")
        return highest

    @property
    def reduced(self) -> str:
        """What is taken of several values: last, mean, min or max."""
        return {"minimize": "min", "maximize": "max"}[self.direction] if self.take == "best" else self.take


class Constraint(Measure):
    take: Literal["last", "mean", "min", "max"] = "last"
    min: StrictFloat | None = None
    max: StrictFloat | None = None
    penalty: Annotated[StrictFloat, Field(ge=0)] = 0.0
    hard: StrictBool = True  # a change that violates it cannot be kept

    @property
    def reduced(self) -> str:
        """What is taken of several values."""
        return self.take

    @field_validator("max")
    @classmethod
    def _a_bound(cls, most: float | None, info: ValidationInfo) -> float | None:
        if most is None and info.data.get("min", 0.0) is None:
            raise TableFault("give min, max or both")
        return most

    def violation(self, value: float) -> float:
        """How far `value` lies outside the bounds; 0 inside."""
        over = max(0.0, value - self.max) if self.max is not None else 0.0
        under = max(0.0, self.min - value) if self.min is not None else 0.0
        return over + under


class KnobTable(Table):
    type: Annotated[Literal["float", "int", "bool", "choice", "ordinal"], Field(examples=['"float"'])]
    strategy: Name
    low: StrictFloat | None = None
    high: StrictFloat | None = None
    log: StrictBool = False
    choices: tuple[Any, ...] = ()
    default: Annotated[Any, Field(examples=["0.1"])]
    texts: tuple[str, ...] = ()  # how the choices stand in a command and the environment; for bool, false comes first
    when: dict[str, Any] = {}  # values of other knobs without which it has no effect
    env: str = ""  # a variable of the environment that has its value
    key: str = ""  # a key of a file of the artifact that has it, as FILE:a.b.c
    constant: str = ""  # a constant of a Python file of the artifact, as FILE:NAME

    @field_validator("default", "choices", mode="before")
    @classmethod
    def _plain(cls, value: Any, info: ValidationInfo) -> Any:
        kind = info.data.get("type", "choice")
        if info.field_name == "default" and kind not in ("choice", "ordinal"):
            if isinstance(value, bool) and kind != "bool":
                raise ValueError(
                    f'must be a number, as the knob is of type "{kind}"; true and false are of type "bool"'
                )
            if isinstance(value, list | dict):
                raise ValueError("must be one number or text in quotes")
        for v in _leaves(value):
            if not isinstance(v, int | float | str):
                raise ValueError("must hold numbers, texts in quotes, true or false, and lists of these only")
            if isinstance(v, int | float) and not abs(v) <= MOST:
                raise ValueError(f"must hold finite numbers of at most {MOST:g} only")
        return value

    @field_validator("high")
    @classmethod
    def _a_range(cls, high: float | None, info: ValidationInfo) -> float | None:
        kind = info.data.get("type", "choice")
        if kind not in ("int", "float") or "low" not in info.data:
            return high
        low = info.data["low"]
        if low is None or high is None:
            raise TableFault(f"{'an' if kind == 'int' else 'a'} {kind} needs low and high")
        if low >= high:
            raise TableFault(f"low = {low:g} must be smaller than high = {high:g}")
        if kind == "int" and not (low.is_integer() and high.is_integer()):
            raise TableFault("an int needs whole numbers for low and high")
        return high

    @field_validator("log")
    @classmethod
    def _above_zero(cls, log: bool, info: ValidationInfo) -> bool:
        low = info.data.get("low")
        if log and low is not None and low <= 0:
            raise TableFault(f"log = true needs low > 0, and low is {low:g}")
        return log

    @field_validator("choices")
    @classmethod
    def _a_choice(cls, choices: tuple[Any, ...], info: ValidationInfo) -> tuple[Any, ...]:
        if (kind := info.data.get("type")) in ("choice", "ordinal"):
            if len(names := {label(choice) for choice in choices}) < 2:
                article = "an" if kind == "ordinal" else "a"
                raise TableFault(f"{article} {kind} needs choices = [...] with at least two different values")
            if len(names) < len(choices) and any(isinstance(c, bool | list | dict) for c in choices):
                raise TableFault("two of the choices cannot be told apart")
        return (False, True) if kind == "bool" else choices

    @field_validator("default")
    @classmethod
    def _within(cls, default: Any, info: ValidationInfo) -> Any:
        kind, low, high = (info.data.get(name) for name in ("type", "low", "high"))
        if kind == "bool" and not isinstance(default, bool):
            raise TableFault(f"default {default!r} must be true or false, as the knob is a bool")
        choices = info.data.get("choices", ())
        if kind in ("choice", "ordinal") and choices and label(default) not in map(label, choices):
            raise TableFault(f"default {default!r} is not among the choices {list(choices)}")
        if kind in ("int", "float") and low is not None and high is not None:
            if not isinstance(default, int | float) or not low <= default <= high:
                raise TableFault(f"default {default!r} must be a number from {low:g} to {high:g}")
            if kind == "int" and default != int(default):
                raise TableFault(f"default {default!r} must be a whole number, as the knob is an int")
        return default

    @field_validator("texts")
    @classmethod
    def _one_each(cls, texts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if texts and len(texts) != len(info.data.get("choices", texts)):
            raise TableFault(f"texts needs one for each of the choices {list(info.data['choices'])}")
        return texts

    @field_validator("env")
    @classmethod
    def _a_variable(cls, env: str) -> str:
        if env and (not env.isidentifier() or env.startswith("NIGHTLAB_")):
            raise ValueError("must be a name of letters, digits and _, and none that begins with NIGHTLAB_")
        return env

    @field_validator("key", "constant")
    @classmethod
    def _in_a_file(cls, place: str, info: ValidationInfo) -> str:
        if place and not re.fullmatch(r"[^:]+:[^:\s]+", place):
            form = "train.py:LEARNING_RATE" if info.field_name == "constant" else "config.yaml:optimizer.lr"
            raise ValueError(f'must be the file and what stands in it, such as "{form}"')
        return place

    @property
    def labels(self) -> tuple[ParamValue, ...]:
        """The choices as they are told: those that are no numbers or texts by their JSON."""
        return tuple(map(label, self.choices))

    def text(self, value: Any) -> str:
        """A value as it stands in a command or a variable."""
        if self.texts:
            return self.texts[self.labels.index(label(value))]
        return text(label(value))


def label(value: Any) -> ParamValue:
    """A choice as a number or a text."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | list | dict | tuple) else value


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner)
    else:
        yield value


class FidelityTable(Table):
    """A parameter that makes a run cheaper, such as epochs or a share of the data; in proportion, so the cost says."""

    knob: Name
    low: Annotated[StrictFloat, Field(gt=0, examples=["1"])]
    high: Annotated[StrictFloat, Field(gt=0, examples=["30"])]  # what every run gets that counts
    factor: Annotated[Whole, Field(ge=2, le=10)] = 3

    @field_validator("knob")
    @classmethod
    def _a_parameter(cls, knob: str) -> str:
        if not knob.isidentifier():
            raise ValueError("is no name for a parameter: use letters, digits and underscores")
        return knob

    @field_validator("factor")
    @classmethod
    def _rising(cls, factor: int, info: ValidationInfo) -> int:
        low, high = info.data.get("low"), info.data.get("high")
        if low and high and low * factor > high:
            raise TableFault(f"low = {low:g} must be at most 1/{factor} of high = {high:g}")
        return factor

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


class Search(Table):
    require: tuple[str, ...] = ()  # comparisons of knobs that each assignment must meet
    space: dict[str, KnobTable] = {}

    @field_validator("require")
    @classmethod
    def _comparisons(cls, require: tuple[str, ...]) -> tuple[str, ...]:
        for rule in require:
            rules.names(rule)
        return require

    @field_validator("space")
    @classmethod
    def _names(cls, space: dict[str, KnobTable]) -> dict[str, KnobTable]:
        if bad := [name for name in space if not name.isidentifier()]:
            raise ValueError(f"{bad[0]!r} is no name for a knob: use letters, digits and underscores")
        return space


class BudgetTable(Table):
    trials: Annotated[Whole, Field(ge=1)] = 40
    seeds: Annotated[Whole, Field(ge=1, le=64)] = 3
    confirm_seeds: Annotated[Whole, Field(ge=2, le=1000)] = 24
    hours: Annotated[StrictFloat, Field(gt=0, le=1e5)] = 8.0


class Spec(Table):
    """template.toml, checked."""

    template: Head
    artifact: ArtifactTable
    data: DataTable | None = None
    run: RunTable
    evaluate: EvaluateTable

    @field_validator("evaluate")
    @classmethod
    def _something_to_call(cls, evaluate: EvaluateTable, info: ValidationInfo) -> EvaluateTable:
        if evaluate.interactive and "run" in info.data and not info.data["run"].entry:
            raise ValueError(
                'has a judge that calls functions, so [run] needs entry = "module:function": the function that prepares'
                " the module in which they are"
            )
        return evaluate

    objective: ObjectiveTable
    constraint: tuple[Constraint, ...] = ()
    search: Search = Search()
    fidelity: FidelityTable | None = None
    budget: BudgetTable = BudgetTable()


class HypothesisPart(Table):
    """A part of a hypothesis, and what answers it: improves, several, helps NAME, more NAME NAME, or nothing."""

    says: Sentence
    by: str = ""

    @field_validator("by")
    @classmethod
    def _answerable(cls, by: str) -> str:
        if by and not re.fullmatch(r"improves|several|helps [\w-]+|more [\w-]+ [\w-]+", by):
            raise ValueError('must be "improves", "several", "helps NAME", "more NAME NAME", or "" where nothing does')
        return by

    @property
    def names(self) -> tuple[str, ...]:
        """The strategies and knobs that it names."""
        return tuple(self.by.split()[1:])


class SeedIdea(Table):
    """A research question that the template's author proposes."""

    key: Name
    title: Sentence
    question: Sentence
    hypothesis: Sentence
    parts: tuple[HypothesisPart, ...] = ()  # of the hypothesis, each with what answers it
    strategies: tuple[str, ...] = ()
    expected_effect: str = ""
    risks: str = ""


class Ideas(Table):
    idea: tuple[SeedIdea, ...] = ()
