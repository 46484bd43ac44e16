"""The way back: a version of an imported template as a folder of the system that it is from."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

from nightlab.experiments.records import Params
from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.imports.draft import CONFIGURATION
from nightlab.experiments.template.template import Template

_OURS = {"nightlab_home.py", "nightlab_prepare.py", CONFIGURATION, "template.toml", "ideas.toml", "references.bib"}


def kind_of(template: Template) -> str:
    """The system that a template was imported from; empty where it was not."""
    file = template.folder / CONFIGURATION
    return str(json.loads(file.read_text(encoding="utf-8")).get("kind", "")) if file.is_file() else ""


def files(template: Template, kind: str, artifact: Mapping[str, bytes], params: Params) -> dict[str, bytes]:
    """The folder, by path. Raises AdoptionError where the template is from elsewhere."""
    if (was := kind_of(template)) != kind:
        told = f"it was imported from {was}" if was else "it was not imported"
        raise AdoptionError(f"{template.name} cannot be given back as a folder of {kind}: {told}")
    settled = {**artifact, **template.handed(params, artifact).files}
    if kind == "openevolve":
        own = {name: settled[name] for name in template.spec.artifact.editable}
        return {**_below(template.folder / "judging" / "theirs"), **own}
    if kind == "ai-scientist":
        program = template.spec.artifact.editable[0]
        settled[program] = with_defaults(settled[program], template.spec.run.command or (), params)
    found = {**_below(template.folder), **settled}
    return {name: data for name, data in found.items() if name not in _OURS}


def with_defaults(source: bytes, command: tuple[str, ...], params: Params) -> bytes:
    """A program whose options have the values of params, as the words of its command name them."""
    for before, word in pairwise(command):
        name = word[1:-1]
        if name not in params:
            continue
        flag = before if before.startswith("--") else _flag(source, name)
        if place := _default(source, flag):
            start, end, lead = place
            value = params[name]
            meant = value == "true" if value in ("true", "false") else value
            source = source[:start] + f"{lead}{meant!r}".encode() + source[end:]
    return source


def _calls(source: bytes) -> list[tuple[list[str], ast.Call]]:
    """The options of a program, each with its flags."""
    nodes = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call)]
    named = [([a.value for a in n.args if isinstance(a, ast.Constant) and isinstance(a.value, str)], n) for n in nodes]
    return [(flags, node) for flags, node in named if flags and flags[0].startswith("-")]


def _flag(source: bytes, name: str) -> str:
    """The flag of an option without a value, which a word of its name stands for."""
    every = [flag for flags, _ in _calls(source) for flag in flags]
    return next((flag for flag in every if flag.lstrip("-").replace("-", "_") == name), "")


def _default(source: bytes, flag: str) -> tuple[int, int, str] | None:
    """Where an option's default stands, from byte to byte, and what has to come before it."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def at(line: int | None, column: int | None) -> int:
        return starts[(line or 1) - 1] + (column or 0)

    for flags, call in _calls(source):
        if flag in flags:
            for keyword in call.keywords:
                if keyword.arg == "default":
                    value = keyword.value
                    return at(value.lineno, value.col_offset), at(value.end_lineno, value.end_col_offset), ""
            end = at(call.end_lineno, call.end_col_offset) - 1
            return end, end, ", default="
    return None


def _below(folder: Path) -> dict[str, bytes]:
    names = (
        p for p in sorted(folder.rglob("*")) if p.is_file() and not p.is_symlink() and "__pycache__" not in p.parts
    )
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in names}


def again(template: Template, kind: str) -> list[str]:
    """The options with which the folder is imported to the same template."""
    objective: Any = template.spec.objective
    return ["nightlab", "import", kind, "FOLDER", "--metric", objective.spelt, "--direction", objective.direction]
