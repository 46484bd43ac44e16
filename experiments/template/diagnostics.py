"""What is wrong with a template, or another file of the user, in plain words: file, key, fault and what is right."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from nightlab.experiments.reading import Unreadable, read_text
from nightlab.experiments.template.artifact import blocks
from nightlab.experiments.template.command import is_argument, named
from nightlab.experiments.template.environment import NoEnvironment
from nightlab.experiments.template.environment import named as environment_named
from nightlab.experiments.template.globbing import expanded, is_pattern
from nightlab.experiments.template.packages import packaged

TEXT, WHOLE, NUMBER, LIST = "a text in quotes", "a whole number", "a number", "a list in brackets"
WORDS = {  # what would be right, by pydantic's name for the fault
    "string_type": TEXT,
    "int_type": WHOLE,
    "int_parsing": WHOLE,
    "int_parsing_size": "a smaller whole number",
    "int_from_float": WHOLE,
    "float_type": NUMBER,
    "float_parsing": NUMBER,
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "tuple_type": LIST,
    "list_type": LIST,
    "dict_type": "a table",
    "model_type": "a table",
    "literal_error": "{expected}",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "string_too_short": "a text of at least {min_length} letters",
    "string_too_long": "a text of at most {max_length} letters",
    "too_short": "a list of at least {min_length}",
}
PLACES = ("seed", "params", "inputs", "out", "artifact", "tmp", "box")  # what a word of a command may stand for
JUDGES = (("data", "prepare"), ("evaluate", "entry"), ("evaluate", "interactive"))  # keys of what no run may have
ENTRY = r"^[A-Za-z_]\w*:[A-Za-z_]\w*$"
MOST_SHOWN = 60  # letters of a value that is wrong


class TableFault(ValueError):
    """A fault of several keys together: it is told of their table, not of the key at which it was seen."""


def explained(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """`[key]: what is wrong and what would be right` for each fault that pydantic found in a file of this model."""
    faults = error.errors(include_url=False)
    whole = {fault["loc"][:-1] for fault in faults}  # an item that is wrong is missing in its list as well
    return [
        fault_sentence(fault, model) for fault in faults if fault["type"] != "too_short" or fault["loc"] not in whole
    ]


def fault_sentence(fault: Any, model: type[BaseModel]) -> str:
    """One of the faults that pydantic found, its place given from `model` on."""
    loc, kind, context = fault["loc"], fault["type"], fault.get("ctx", {})
    table, field = _table(model, loc[:-1]), _field(model, loc)
    if isinstance(context.get("error"), TableFault):
        return f"{_key(loc[:-1])}: {context['error']}"
    found = "" if isinstance(fault["input"], dict) else f" (found {_short(fault['input'])})"
    match kind:
        case "value_error":
            wrong = f"{context['error']}{found}"
        case "missing":
            wrong = f"is missing; give {_right(loc, field)}"
        case "extra_forbidden":
            wrong = unknown(str(loc[-1]), [field.alias or name for name, field in table.model_fields.items()])
        case "string_pattern_mismatch":
            wrong = f"must be {_said(field, 'description')}{found}"
        case "tuple_type" | "list_type" if isinstance(fault["input"], dict) and field and _inner(field.annotation):
            wrong = f"must be a list of tables; head each with two brackets, [{_key(loc)}]"
        case _:
            wrong = f"must be {WORDS[kind].format(**context)}{found}" if kind in WORDS else f"cannot be used{found}"
    return f"{_key(loc)}: {wrong}"


def _short(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number of thousands of digits, or tables nested as deep
        return "what is too long to be shown"
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}..."


def _key(loc: Sequence[object]) -> str:
    """The key as people find it: of several tables with one name, the first is 1."""
    return f"[{'.'.join(str(part + 1) if isinstance(part, int) else str(part) for part in loc)}]"


def unknown(key: str, known: list[str]) -> str:
    """What is wrong with a key, and which one may have been meant."""
    near = get_close_matches(key, known, n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    return f"is not a known key; {meant}the keys here are {', '.join(known)}"


def _right(loc: Sequence[object], field: FieldInfo | None) -> str:
    """What to write for a key that is missing."""
    if field is not None and (table := _inner(field.annotation)):
        needed = [name for name, inner in table.model_fields.items() if inner.is_required()]
        return f"the table {_key(loc)}" + (f" with {', '.join(needed)}" if needed else "")
    (example,) = _said(field, "examples") or ("...",)
    return f"it, such as {loc[-1]} = {example}"


def _said(annotation: Any, what: Literal["description", "examples"]) -> Any:
    """What the nearest `Field(...)` of an annotation says under this name."""
    if isinstance(annotation, FieldInfo) and (said := getattr(annotation, what)):
        return said
    inner = get_args(annotation.annotation if isinstance(annotation, FieldInfo) else annotation)
    return next((said for a in inner if (said := _said(a, what))), None)


def _table(model: type[BaseModel], loc: Sequence[object]) -> type[BaseModel]:
    """The model of the table at this place of a file."""
    for part in loc:
        field = model.model_fields.get(str(part))
        model = (_inner(field.annotation) if field else None) or model
    return model


def _field(model: type[BaseModel], loc: Sequence[object]) -> FieldInfo | None:
    return _table(model, loc[:-1]).model_fields.get(str(loc[-1])) if loc else None


def _inner(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation holds, such as that of `dict[str, Model]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for a in get_args(annotation) if (found := _inner(a))), None)


def at(data: Any, *keys: str) -> Any:
    """What stands at this place of a file, whatever else is wrong with it; None if nothing does."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data


def between(folder: Path, data: dict[str, Any] | None) -> Iterator[str]:
    """What is wrong between tables, and between them and the files that they name."""
    file = folder / "template.toml"
    knob = at(data, "fidelity", "knob")
    if isinstance(knob, str) and at(data, "search", "space", knob) is not None:
        yield (
            f"{file}: [fidelity.knob]: {knob!r} is also under [search.space]; what makes a run cheaper is fixed in"
            " every run that counts, so take it out of the space"
        )
    named_files = {key: _texts(data, "artifact", key) for key in ("editable", "support")}
    judges = [at(data, *key) for key in JUDGES]
    besides = [f"{entry.partition(':')[0]}.py" for entry in judges if isinstance(entry, str)]
    besides += _texts(data, "run", "bind")
    found = {key: expanded(folder, names, besides) for key, names in named_files.items()}
    for key, names in named_files.items():
        for path in names:
            if is_pattern(path) and not expanded(folder, [path], besides):
                yield f"{file}: [artifact.{key}]: {path!r} fits no file in {folder}"
            elif not is_pattern(path) and not _holds(folder, path):
                yield f"{file}: [artifact.{key}]: {path!r} is no file inside {folder}; give paths of files in it"
    venue = at(data, "paper", "venue")
    if isinstance(venue, str) and not _has_folder(folder, venue):
        yield f"{file}: [paper.venue]: {venue!r} is no folder inside {folder}; put the venue's files into one there"
    yield from _run_faults(file, data)
    yield from _block_faults(folder, at(data, "artifact", "blocks"), found["editable"])
    for table in ("data", "reference", "published"):
        yield from _cite_faults(folder, table, at(data, table, "cite"))
    for table, key in (
        ("data", "prepare"),
        ("run", "entry"),
        ("run", "ahead"),
        ("evaluate", "entry"),
        ("evaluate", "interactive"),
    ):
        entry = at(data, table, key)
        if isinstance(entry, str) and re.match(ENTRY, entry):
            module, function = entry.split(":")
            yield from _entry_faults(file, f"{table}.{key}", folder / f"{module}.py", function)
            yield from _place_faults(file, f"{table}.{key}", f"{module}.py", found)


def _place_faults(file: Path, key: str, name: str, listed: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Why the function at this key may not be in the file of that name. listed: the artifact's files, by their keys."""
    editable = name in listed["editable"]
    part = editable or name in listed["support"]
    if key == "run.ahead" and (editable or not part):
        yield f"{file}: [{key}]: its file {name} must be under artifact.support alone, as no change may touch it"
    elif key == "run.entry" and not part:
        yield f"{file}: [{key}]: its file {name} must be listed under artifact.editable or .support"
    elif not key.startswith("run.") and part:
        yield f"{file}: [{key}]: {name} must not be part of the artifact that it judges"


def _block_faults(folder: Path, block: object, editable: Sequence[str]) -> Iterator[str]:
    if not isinstance(block, str) or not block:
        return
    texts = {n: (folder / n).read_text("utf-8", "replace") for n in editable if (folder / n).is_file()}
    having = {name: text for name, text in texts.items() if f"{block}-START" in text or f"{block}-END" in text}
    wrong = [f"{name} {told}" for name, text in having.items() if (told := blocks.fault(text, block))]
    if not having and texts:
        wrong = [f"no editable file has a line with {block}-START"]
    yield from (f"{folder / 'template.toml'}: [artifact.blocks]: {told}" for told in wrong)


def _cite_faults(folder: Path, table: str, key: object) -> Iterator[str]:
    """A citation that the template's bibliography does not hold."""
    if not isinstance(key, str) or not key:
        return
    bib = folder / "references.bib"
    known = re.findall(r"@\w+\s*[{(]\s*([^\s,]+)\s*,", bib.read_text("utf-8", "replace")) if _is_file(bib) else []
    if key not in known:
        near = get_close_matches(key, known, n=1)
        meant = f"; did you mean {near[0]!r}?" if near else "; add its entry there"
        yield f"{folder / 'template.toml'}: [{table}.cite]: {key!r} is no key in {bib}{meant}"


def _run_faults(file: Path, data: dict[str, Any] | None) -> Iterator[str]:
    """What would be taken literally, or hide nothing."""
    command = _texts(data, "run", "command")
    space, cheaper = at(data, "search", "space"), at(data, "fidelity", "knob")
    knobs = [*(space if isinstance(space, dict) else ()), *([cheaper] if isinstance(cheaper, str) else ())]
    for word in command:
        yield from _word_faults(file, word, [*knobs, *PLACES])
    for name in {name for word in command for name in named(word)} & set(knobs) & set(PLACES):
        yield (
            f"{file}: [search.space.{name}]: is a knob, while {{{name}}} in [run.command] stands for something else;"
            " give the knob another name"
        )
    environment = None
    with suppress(NoEnvironment):  # told where the environment itself is looked at
        python, folder = (at(data, "run", key) for key in ("python", "environment"))
        environment = environment_named(
            python if isinstance(python, str) else None, folder if isinstance(folder, str) else None, file.parent
        )
    for path in _texts(data, "run", "hide"):
        if not packaged(path, environment) and not _lacking(data, path):
            yield (
                f"{file}: [run.hide]: {path!r} is in no installed package, so nothing would be hidden; give a path"
                " below site-packages or the standard library, such as sklearn/datasets/data"
            )


def _lacking(data: dict[str, Any] | None, path: str) -> bool:
    """Whether what holds a path may be one of the packages that the template requires and that are not here yet."""
    return bool(_texts(data, "template", "requires")) and find_spec(Path(path).parts[0]) is None


def _word_faults(file: Path, word: str, known: list[str]) -> Iterator[str]:
    """Names in braces that stand for nothing: any in an argument, and in program text what is all but a known one."""
    plain = is_argument(word)
    for name in named(word):
        near = get_close_matches(name, known, n=1, cutoff=0.6 if plain else 0.7)
        if name not in known and (plain or near):
            meant = f"did you mean {{{near[0]}}}? " if near else ""
            there = ", ".join(f"{{{k}}}" for k in known)
            itself = f"; for the text itself, write {{{{{name}}}}}" if plain else ""
            yield f"{file}: [run.command]: {{{name}}} stands for nothing; {meant}there are {there}{itself}"


def _texts(data: dict[str, Any] | None, *keys: str) -> list[str]:
    found = at(data, *keys)
    return [text for text in found if isinstance(text, str)] if isinstance(found, list) else []


def _holds(folder: Path, path: str) -> bool:
    if "\0" in path or Path(path).is_absolute():
        return False
    return _is_file(folder / path) and (folder / path).resolve().is_relative_to(folder.resolve())


def _has_folder(folder: Path, path: str) -> bool:
    if "\0" in path or not (folder / path).is_dir():
        return False
    return (folder / path).resolve().is_relative_to(folder.resolve())


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long
        return False


def _entry_faults(file: Path, key: str, source: Path, function: str) -> Iterator[str]:
    """What keeps `function` of the file `source` from being called."""
    if not _is_file(source):
        yield f"{file}: [{key}]: needs the file {source}, which does not exist"
        return
    try:
        read_text(source, python=True)
        tree = ast.parse(source.read_bytes())
    except Unreadable as error:
        yield f"{source}: [{key}]: {error}"
        return
    except SyntaxError as error:
        line = f"line {error.lineno} " if error.lineno else ""  # what is wrong with a whole file has none
        yield f"{source}: [{key}]: {line}is no valid Python: {error.msg}"
        return
    except ValueError as error:
        yield f"{source}: [{key}]: is no valid Python: {error}"
        return
    except (MemoryError, RecursionError):
        yield f"{source}: [{key}]: is no valid Python: an expression is nested too deep"
        return
    names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    if function not in names:
        there = f"; its functions are {', '.join(names)}" if names else ""
        yield f"{source}: [{key}]: defines no function {function}(...){there}"
