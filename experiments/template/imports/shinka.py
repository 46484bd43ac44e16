"""ShinkaEvolve: initial.py, evaluate.py --program_path P --results_dir R, and settings in YAML or run_evo.py."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.imports import evolve
from nightlab.experiments.template.imports.draft import Draft, Wish
from nightlab.experiments.template.imports.foreign import Foreign, named

TIMEOUT_S = 600.0  # where nothing says another


def draft(found: Foreign, wish: Wish) -> Draft:
    """The template of a task. Raises AdoptionError where its parts cannot be told."""
    evaluator = named(found, wish.evaluator, "--evaluator") if wish.evaluator else "evaluate.py"
    if evaluator not in found.files:
        there = [f"--evaluator {name}" for name in found.top(".py")]
        raise AdoptionError(f"{found.root} has no evaluate.py; say which file evaluates a program:", there)
    found.tree(evaluator)
    program = evolve.program_of(found, wish, "initial", evaluator)
    said = dict(_said(found))
    return evolve.draft(
        found,
        wish,
        program,
        str(said.get("task_sys_msg") or ""),
        _seconds(said.get("time")) or TIMEOUT_S,
        {"kind": "shinka", "evaluator": evaluator, "final": "", "stages": []},
    )


def _said(found: Foreign) -> Iterator[tuple[str, Any]]:
    """The task's words and its time, as the settings have them."""
    for name in (n for n in found.top() if n.endswith((".yaml", ".yml"))):
        yield from _leaves(found.yaml(name))
    for name in found.top(".py"):
        if name.startswith("run_"):
            yield from _constants(found.tree(name))


def _leaves(table: Any) -> Iterator[tuple[str, Any]]:
    for key, value in table.items() if isinstance(table, dict) else ():
        if isinstance(value, dict):
            yield from _leaves(value)
        elif key in ("task_sys_msg", "time"):
            yield key, value


def _constants(tree: ast.Module) -> Iterator[tuple[str, Any]]:
    """What is assigned, or given as a keyword, as a literal or by the name of one."""
    texts = dict[str, Any]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with suppress(ValueError, TypeError):
                texts[node.targets[0].id] = ast.literal_eval(node.value)
    for node in ast.walk(tree):
        for keyword in node.keywords if isinstance(node, ast.Call) else ():
            if keyword.arg in ("task_sys_msg", "time"):
                with suppress(ValueError, TypeError):
                    value = keyword.value
                    yield (
                        keyword.arg,
                        texts[value.id]
                        if isinstance(value, ast.Name) and value.id in texts
                        else (ast.literal_eval(value)),
                    )


def _seconds(text: Any) -> float:
    """What `00:10:00` takes; YAML reads it as one number already."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        return float(text)
    parts = str(text or "")
    if not re.fullmatch(r"\d+(:\d\d){1,2}", parts):
        return 0.0
    seconds = 0
    for part in parts.split(":"):
        seconds = 60 * seconds + int(part)
    return float(seconds)
