"""OpenEvolve: initial_program, evaluator.py, config.yaml."""

from __future__ import annotations

import ast
from typing import Any

from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.imports import evolve
from nightlab.experiments.template.imports.draft import Draft, Wish
from nightlab.experiments.template.imports.foreign import Foreign, functions, named

TIMEOUT_S = 300.0  # of their evaluator, where config.yaml does not say
THRESHOLDS = (0.5, 0.75, 0.9)  # of their stages, likewise


def draft(found: Foreign, wish: Wish) -> Draft:
    """The template of a task. Raises AdoptionError where its parts cannot be told."""
    evaluator = _evaluator(found, wish)
    tree = found.tree(evaluator)
    program = evolve.program_of(found, wish, "initial_program", evaluator)
    config = _config(found)
    settings = _table(config, "evaluator")
    final, stages = _stages(found, evaluator, tree, settings)
    found.notes += _ignored(config)
    description = str(_table(config, "prompt").get("system_message") or "")
    timeout = settings.get("timeout")
    return evolve.draft(
        found,
        wish,
        program,
        description if description.strip() not in ("", "system_message") else _readme(found),
        float(timeout) if isinstance(timeout, int | float) and timeout > 0 else TIMEOUT_S,
        {"kind": "openevolve", "evaluator": evaluator, "final": final, "stages": stages},
    )


def _evaluator(found: Foreign, wish: Wish) -> str:
    if wish.evaluator:
        return named(found, wish.evaluator, "--evaluator")
    if "evaluator.py" in found.files:
        return "evaluator.py"
    able = [n for n in found.top(".py") if "def evaluate(" in found.text(n)]
    if len(able) == 1:
        return able[0]
    raise AdoptionError(
        f"{found.root} has no evaluator.py; say which file has evaluate(program_path):",
        [f"--evaluator {name}" for name in able or found.top(".py")],
    )


def _config(found: Foreign) -> dict[str, Any]:
    """config.yaml, or the first of the files that look like it."""
    tables = {n: found.yaml(n) for n in found.top() if n.endswith((".yaml", ".yml"))}
    like = [n for n, table in tables.items() if table.keys() & {"evaluator", "llm", "prompt", "database"}]
    chosen = "config.yaml" if "config.yaml" in tables else next(iter(like), "")
    if chosen and (others := [n for n in like if n != chosen]):
        found.notes.append(f"settings are those of {chosen}; {', '.join(others)} are left aside")
    return tables.get(chosen, {})


def _table(config: dict[str, Any], key: str) -> dict[str, Any]:
    found = config.get(key)
    return found if isinstance(found, dict) else {}


def _ignored(config: dict[str, Any]) -> list[str]:
    told = [f"{key} of config.yaml is left aside" for key in ("llm", "database") if key in config]
    if "random_seed" in config:
        told.append(f"random_seed = {config['random_seed']} seeds their search; a study has a seed of its own")
    return told


def _stages(
    found: Foreign, evaluator: str, tree: ast.Module, settings: dict[str, Any]
) -> tuple[str, list[dict[str, Any]]]:
    """The function whose score counts, and the stages before it, which are gates."""
    there = functions(tree)
    staged = [name for name in ("evaluate_stage1", "evaluate_stage2", "evaluate_stage3") if name in there]
    if "evaluate" not in there and not staged:
        raise AdoptionError(f"{found.root / evaluator} has no function evaluate(program_path)")
    final = "evaluate" if "evaluate" in there else staged[-1]
    if settings.get("cascade_evaluation", True) is False:
        return final, []
    given = settings.get("cascade_thresholds")
    least = [*given, *THRESHOLDS[len(given) :]] if isinstance(given, list) else [*THRESHOLDS]
    gates: list[dict[str, Any]] = [
        {"function": name, "least": float(least[number])}
        for number, name in enumerate(staged)
        if name != final and not _is_whole(there[name])
    ]
    if gates:
        names = ", ".join(str(gate["function"]) for gate in gates)
        found.notes.append(f"{names}: gates before {final}, whose scores count for nothing")
    return final, gates


def _is_whole(stage: ast.AST) -> bool:
    """Whether a stage calls the whole evaluation, so that it would run twice."""
    calls = (node.func for node in ast.walk(stage) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Name) and called.id == "evaluate" for called in calls)


def _readme(found: Foreign) -> str:
    for name in (n for n in found.top() if n.lower().startswith("readme")):
        parts = [part.strip() for part in found.text(name).split("\n\n") if part.strip()[:1] not in ("", "#", "!", "[")]
        if parts:
            return parts[0]
    return ""
