"""The tables of template.toml, each key with its bounds."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    StrictBool,
    StrictFloat,
    ValidationInfo,
    field_validator,
    model_validator,
)

from nightlab.experiments.records import Direction, ParamValue
from nightlab.experiments.template.diagnostics import TableFault
from nightlab.experiments.template.figures import FigureTable
from nightlab.experiments.template.knobs.tables import FidelityTable, Search, label
from nightlab.experiments.template.table import METRIC, MOST, Entry, Files, Metric, Name, Table, Whole

COUNTED = r"[A-Za-z][A-Za-z -]{0,59}"
ROWS = r"(inputs|private)/([\w-][\w.-]*/)*[\w-][\w.-]*\.(npy|csv|tsv|jsonl|txt)"
EVENTS = "tfevents"  # in the names of TensorBoard's event files
TABLES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv")  # the files that say metrics by key or column; others are text


def is_events(name: str) -> bool:
    """Whether a file, or a pattern of names, is of TensorBoard's event files."""
    return EVENTS in PurePosixPath(name).name


class Head(Table):
    name: Name
    title: Annotated[str, Field(min_length=3, max_length=200, examples=['"A few words"'])]
    domain: str = "general"
    description: Annotated[str, Field(min_length=10, examples=['"What the task is and what a good result means."'])]
    method: str = ""  # what the experiment does before any change, which the paper quotes as its author's
    requires: tuple[str, ...] = ()  # distributions of Python that nightlab does not bring, as pip takes them
    programs: tuple[str, ...] = ()  # found on PATH; of "cc | clang" one is enough
    adopted: str = ""  # the folder beside it of the program that it is about, where kept changes go back to

    @field_validator("requires")
    @classmethod
    def _installable(cls, requires: tuple[str, ...]) -> tuple[str, ...]:
        from packaging.requirements import InvalidRequirement, Requirement

        for text in requires:
            try:
                Requirement(text)
            except InvalidRequirement:
                raise ValueError(f'{text!r} must be a requirement as pip takes it, such as "torch>=2.4"') from None
        return requires


class ArtifactTable(Table):
    editable: Files
    support: tuple[str, ...] = ()  # read-only files that the experiment needs beside it
    most_files: Annotated[Whole, Field(ge=1)] = 1000  # that patterns may take in, together with all others
    most_mb: Annotated[StrictFloat, Field(gt=0)] = 32.0  # likewise
    carry_kb: Annotated[StrictFloat, Field(gt=0)] | None = None  # that a model's edits may add, compressed
    blocks: Annotated[str, Field(pattern=r"^([A-Z][A-Z0-9_-]{0,40})?$")] = (
        ""  # edits stay between NAME-START and NAME-END
    )


class DataTable(Table):
    prepare: Entry
    name: str = ""  # of the data set, as the literature calls it
    cite: str = ""  # its key in references.bib
    sizes: dict[str, str] = Field(
        default_factory=dict
    )  # what is counted once they are laid out -> the file of its rows
    told: tuple[str, ...] = ()  # sentences with the numbers of the data, which the paper quotes as their author's
    redraw: StrictBool = False  # another seed draws or splits the data anew: a claim is then tested over fresh draws
    second: Entry | None = None  # lays out the data of a second task, on which reviewers may ask for the claim's test
    second_name: Annotated[str, Field(max_length=80)] = ""  # of that task
    confined: StrictBool = False  # prepare is foreign code: it runs in a sandbox, with the template's folder alone
    reads: tuple[str, ...] = ()  # with confined: files and folders besides that it may read

    @model_validator(mode="after")
    def _named(self) -> Self:
        if bool(self.second) != bool(self.second_name):
            raise TableFault("second and second_name go together: what lays out the second task, and its name")
        return self

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
    ahead: Entry | None = None  # called once in the process that runs are forked from, to load what is slow
    command: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    python: Annotated[str, Field(min_length=1)] | None = None  # an interpreter other than nightlab's own
    environment: Annotated[str, Field(min_length=1)] | None = None  # or the folder of an environment
    timeout_s: Annotated[StrictFloat, Field(gt=0)] = 60.0
    memory_mb: Annotated[Whole, Field(ge=64)] = 2048
    gpus: Annotated[Whole, Field(ge=0)] = 0
    seconds: Annotated[StrictFloat, Field(gt=0)] | None = None  # about what one takes at the defaults, for a reader
    network: StrictBool = False
    seeded: StrictBool = True  # false: its author knows that it keeps a seed of its own, so that replicates are copies
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
        if command and info.data.get("ahead"):
            raise TableFault(
                "ahead works with entry alone: a command starts a process of its own, for which nothing can be loaded"
            )
        return command


class EvaluateTable(Table):
    entry: Entry | None = None
    interactive: Entry | None = None  # a judge that calls functions of the experiment, which run.entry prepares
    exact: StrictBool = False  # what a run hands in is worth what it is, such as a construction: no sample, no holdout
    fresh: StrictBool = False  # with interactive: a process for each call, instead of one for those of a split
    asks: StrictBool = False  # likewise: the judge may put questions to a language model, where a study has one
    holdout: StrictBool = (
        True  # false: what is scored lies open, so that there is one split, and no claim is of another
    )
    network: StrictBool = False  # of the evaluator itself, such as of a judge that asks a model for the candidate
    parse: str | None = None  # "stdout", or the name of a file among the outputs, or a pattern of one, such as *.json
    pattern: str = ""  # of a line of printed text that says the objective, or metrics by the names of its groups
    trust: Literal["reported"] | None = None  # said by the author: the metrics are not to count as verified
    timeout_s: Annotated[StrictFloat, Field(gt=0)] = 120.0  # of one evaluation, all its splits together
    memory_mb: Annotated[Whole, Field(ge=64)] | None = None  # as much as a run has, and 2048 at least

    @property
    def read_by_key(self) -> bool:
        """Whether what is parsed says metrics by key, column or tag, and not in printed lines."""
        return (parse := self.parse or "").endswith(TABLES) or is_events(parse)

    @property
    def judge(self) -> str | None:
        """The function that says what a run is worth, where there is one."""
        return self.entry or self.interactive

    @field_validator("fresh", "asks")
    @classmethod
    def _of_calls(cls, wanted: bool, info: ValidationInfo) -> bool:
        if wanted and info.data.get("interactive", "") is None:
            raise TableFault(f'{info.field_name} = true is of calls, so it needs interactive = "module:function"')
        return wanted

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
        if not (parse := info.data.get("parse", "stdout")) or parse.endswith(TABLES) or is_events(parse):
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


class ReferenceTable(Table):
    """A configuration that others use, to compare with; knobs that it does not name stay at their defaults."""

    name: Annotated[str, Field(min_length=3, max_length=120, examples=['"The defaults of a library"'])]
    cite: str = ""  # its key in references.bib
    params: Annotated[dict[str, ParamValue], Field(min_length=1)]

    @field_validator("params", mode="before")
    @classmethod
    def _labelled(cls, params: Any) -> Any:
        return {name: label(value) for name, value in params.items()} if isinstance(params, dict) else params


class PublishedTable(Table):
    """A value that somebody else measured; the paper tells it as theirs."""

    value: StrictFloat
    metric: Annotated[str, Field(min_length=1, max_length=60, examples=['"log loss"'])]  # how they call it
    cite: str  # where it is published, a key in references.bib


class BudgetTable(Table):
    trials: Annotated[Whole, Field(ge=1)] = 40
    seeds: Annotated[Whole, Field(ge=1, le=64)] = 3
    confirm_seeds: Annotated[Whole, Field(ge=2, le=1000)] = 24
    hours: Annotated[StrictFloat, Field(gt=0, le=1e5)] = 8.0


class PaperTable(Table):
    venue: Annotated[str, Field(min_length=1, examples=['"latex"'])]  # a folder beside template.toml


class Spec(Table):
    """template.toml, checked."""

    template: Head
    artifact: ArtifactTable
    data: DataTable | None = None
    run: RunTable
    evaluate: EvaluateTable

    @field_validator("run")
    @classmethod
    def _own_code_ahead(cls, run: RunTable, info: ValidationInfo) -> RunTable:
        if run.ahead and (data := info.data.get("data")) and data.confined:
            raise ValueError("has ahead, which is called outside of the confinement that data.confined asks for")
        return run

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
    reference: ReferenceTable | None = None
    published: PublishedTable | None = None
    budget: BudgetTable = BudgetTable()
    figure: Annotated[tuple[FigureTable, ...], Field(max_length=6)] = ()
    paper: PaperTable | None = None
