"""Knobs for a template that declares none: the constants of its editable code, by a rule that is written down."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from nightlab.experiments.reading import form_of
from nightlab.experiments.template.artifact import blocks
from nightlab.experiments.template.knobs.constants import Constant, NoConstant, constants, one
from nightlab.experiments.template.table import MOST
from nightlab.experiments.template.template import Template

MOST_KNOBS = 16
_UNREADABLE = (SyntaxError, ValueError, MemoryError, RecursionError)


def derived(template: Template) -> dict[str, dict[str, Any]]:
    """The tables of knobs for the constants of the editable Python files, the first `MOST_KNOBS` of them."""
    found: dict[str, dict[str, Any]] = {}
    for file in (name for name in template.spec.artifact.editable if name.endswith(".py")):
        for name, table in _of_file(template.folder / file, template.spec.artifact.blocks):
            if len(found) < MOST_KNOBS:
                key = re.sub(r"\W", "_", name, flags=re.ASCII).strip("_")
                key = key if key.isidentifier() and key not in found else f"{Path(file).stem}_{key}"
                if key.isidentifier() and key not in found:
                    found[key] = {**table, "strategy": "constants", "constant": f"{file}:{name}"}
    return found


def declared(template_toml: Path, tables: dict[str, dict[str, Any]]) -> None:
    """Write the tables at the end of a study's copy of template.toml."""
    text = "\n# The template declares no knobs; these are constants of its code.\n"
    for name, table in tables.items():
        text += f"\n[search.space.{name}]\n"
        text += "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in table.items())
    content = template_toml.read_bytes()
    form = form_of(content)
    template_toml.write_bytes(form.content(form.text(content).rstrip("\n") + "\n" + text))


def _of_file(path: Path, block: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The constants of a file that may vary: those in its blocks, where it has some."""
    source = path.read_bytes()
    with suppress(*_UNREADABLE):
        tree = ast.parse(source)
        text = source.decode(errors="replace")
        inside = blocks.numbers(text, block) if block and f"{block}-START" in text else None
        for constant in constants(source):
            if inside is not None and constant.start[0] not in inside:
                continue
            last = constant.name.rpartition(".")[2]
            if "seed" in last.lower() or last.startswith("__") or " " in constant.name:
                continue  # to choose a seed is to choose luck
            with suppress(NoConstant):
                one(source, constant.name)
                if table := ranged(constant.value) or _chosen(constant, last, tree):
                    yield constant.name, {**table, "default": constant.value}


def ranged(value: Any) -> dict[str, Any]:
    """The range of a number, and both truth values; nothing for what has none by the rule."""
    if isinstance(value, bool):
        return {"type": "bool"}
    if isinstance(value, int) and 1 <= value < 2**31:
        return {"type": "int", "low": max(1, value // 4), "high": 4 * value, "log": True}
    if isinstance(value, float) and abs(value) < MOST / 10:
        if value == 0:
            return {"type": "float", "low": 0.0, "high": 1.0}
        ends = sorted((value / 10, min(1.0, 10 * value) if 0 < value <= 1 else 10 * value))
        return {"type": "float", "low": ends[0], "high": ends[1], "log": value > 0}
    return {}


def _chosen(constant: Constant, name: str, tree: ast.Module) -> dict[str, Any]:
    """The alternatives to a text that the file itself names: what it is compared with, or looked up among."""
    if not isinstance(constant.value, str):
        return {}
    found = dict.fromkeys([constant.value, *_literals(constant.annotation)])
    tables = {
        node.targets[0].id: _keys(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict) and isinstance(node.targets[0], ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare) and _is(node.left, name):
            found |= dict.fromkeys(text for other in node.comparators for text in _texts(other))
        elif isinstance(node, ast.Match) and _is(node.subject, name):
            patterns = (p for case in node.cases for p in ast.walk(case.pattern) if isinstance(p, ast.MatchValue))
            found |= dict.fromkeys(text for p in patterns for text in _texts(p.value))
        elif isinstance(node, ast.Subscript) and _is(node.slice, name):
            table = node.value
            keys = tables.get(table.id, []) if isinstance(table, ast.Name) else _keys(table)
            found |= dict.fromkeys(keys)
    return {"type": "choice", "choices": list(found)} if len(found) > 1 else {}


def _is(node: ast.expr, name: str) -> bool:
    """Whether an expression is the name, an attribute of it, or what stands under it as a key."""
    if isinstance(node, ast.Subscript):
        return isinstance(node.slice, ast.Constant) and node.slice.value == name
    return (isinstance(node, ast.Name) and node.id == name) or (isinstance(node, ast.Attribute) and node.attr == name)


def _texts(node: ast.expr) -> list[str]:
    inner = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    return [n.value for n in inner if isinstance(n, ast.Constant) and isinstance(n.value, str)]


def _keys(node: ast.expr) -> list[str]:
    """The texts among the keys of a dictionary."""
    return [text for key in node.keys if key for text in _texts(key)] if isinstance(node, ast.Dict) else []


def _literals(annotation: ast.expr | None) -> list[str]:
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value).rpartition(".")[2] == "Literal":
        return _texts(annotation.slice)
    return []
