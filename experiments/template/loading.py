"""A template out of its folder: the contract and the files that this names, checked where they enter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from nightlab.experiments.reading import Unreadable, read_toml
from nightlab.experiments.records import Knob
from nightlab.experiments.template import doubts, globbing
from nightlab.experiments.template.contract import Spec
from nightlab.experiments.template.diagnostics import at, between, explained
from nightlab.experiments.template.environment import OLDEST
from nightlab.experiments.template.ideas import HypothesisPart, Ideas, SeedIdea
from nightlab.experiments.template.knobs import rules
from nightlab.experiments.template.knobs.diagnostics import between_knobs
from nightlab.experiments.template.knobs.tables import KnobTable, label
from nightlab.experiments.template.table import Table
from nightlab.experiments.template.template import Template, TemplateError

SHIPPED = Path(__file__).resolve().parents[2] / "templates"
T = TypeVar("T", bound=Table)


def names() -> list[str]:
    """The templates that ship with nightlab."""
    return sorted(p.parent.name for p in SHIPPED.glob("*/template.toml"))


def find(where: str | Path) -> Path:
    """The folder of a template given by its path or, for one that ships with nightlab, by its name; NAME/VARIANT is one
    that lies in another's folder."""
    if (Path(where) / "template.toml").is_file():
        return Path(where).resolve()
    if (SHIPPED / where / "template.toml").is_file():
        return SHIPPED / where
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
    laid_out = (spec.data.prepare, spec.data.second) if spec.data else ()
    entries = (*laid_out, spec.evaluate.entry, spec.evaluate.interactive)
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
            elif part.way and (told := _astray(part, space)):
                faults.append(f"{file}: [idea.{i + 1}.parts]: {told}")
        unknown = sorted(set(idea.strategies) - known)
        if sure and unknown:
            names = f"{unknown} are strategies of no knob; known: {sorted(known)}"
            faults.append(f"{file}: [idea.{i + 1}.strategies]: {names}")
    return ideas.idea if ideas else ()


def _astray(part: HypothesisPart, space: Any) -> str:
    """Why the knob of a part cannot go its way; empty where it can."""
    (name,) = part.names
    if not isinstance(space, dict) or name not in space:
        return f"{part.by!r} names a way, and {name!r} is no knob"
    kind, choices = at(space[name], "type"), at(space[name], "choices")
    values = ["false", "true"] if kind == "bool" else [label(c) for c in choices] if isinstance(choices, list) else []
    known = {*map(str, values)}
    numbers = all(isinstance(value, int | float) for value in values)
    wanted, default = {*part.way.split("|")}, str(label(at(space[name], "default")))
    if wanted == {default}:
        return f"{name} cannot go to {default!r}, where it is by default"
    if wanted <= known or (numbers and part.way in ("up", "down")):
        return ""
    told = ["up", "down"] * numbers + [f"values with | between them: {', '.join(sorted(known))}"] * bool(known)
    return f"{name} cannot go {part.way!r}; give {' or '.join(told)}"
