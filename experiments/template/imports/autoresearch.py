"""karpathy/autoresearch: train.py changes, prepare.py does not; program.md, results.tsv, and data below HOME."""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.imports.draft import Draft, Tables, Way, Wish, head, runtime, size_mb
from nightlab.experiments.template.imports.foreign import Foreign, functions, named

METRIC, MEMORY = "val_bpb", "peak_vram_mb"
BUDGET_S = 300.0  # where TIME_BUDGET says nothing
COPIED_MB = 1000  # of data that a study has a copy of; more are read where they lie
TOLD = 25  # rows of results.tsv that are told
_SEEDED = re.compile(r"\b(?:manual_seed(?:_all)?|set_seed|seed_everything|random\.seed|default_rng)\(\s*\d+\s*\)")


def draft(found: Foreign, wish: Wish) -> Draft:
    """The template of a task. Raises AdoptionError where its parts or its data are not there."""
    program = named(found, wish.program, "--program") if wish.program else "train.py"
    if lost := [name for name in (program, "prepare.py") if name not in found.files]:
        raise AdoptionError(f"{found.root} has no {lost[0]}; there are:", found.top()[:20])
    trees = [found.tree(program), found.tree("prepare.py")]
    budget = next((float(b) for t in trees if isinstance(b := _constant(t, "TIME_BUDGET"), int | float)), BUDGET_S)
    cache = _cache(trees[1])
    data, size = _data(wish, cache)
    bound = size > COPIED_MB
    if bound:
        found.notes.append(f"its data ({size:.0f} MB) are read where they lie, {data}, and not copied")
    if seed := _SEEDED.search(found.text(program)):
        found.notes.append(f"{program} fixes its seed, {seed[0]}, so replicates are copies and show no noise")
    inputs = {n: found.data(n) for n in found.files if n != "results.tsv"}
    gpus = wish.gpus if wish.gpus is not None else int("cuda" in found.text(program))
    prepared: Tables = {"prepare": "nightlab_prepare:prepare", "confined": True, "reads": [str(data)]}
    support = ["nightlab_home.py", "imported.json", *(n for n in inputs if n != program)]
    return Draft(
        tables={
            "template": head(found, _description(found)),
            "artifact": {"editable": [program], "support": support, **size_mb(inputs)},
            **({} if bound else {"data": prepared}),
            "run": {
                "command": ["python", "nightlab_home.py", program],
                "seeded": False,
                "timeout_s": max(3 * budget, budget + 600),
                "memory_mb": 65_536 if gpus else 8192,
                **({"gpus": gpus} if gpus else {}),
                **({"bind": [str(data)]} if bound else {}),
                **({"python": wish.python} if wish.python else {}),
            },
        },
        files={**inputs, **runtime("nightlab_home", "nightlab_prepare")},
        ways=(
            Way(
                trust="reported",
                tables={"evaluate": {"parse": "stdout"}},
                told=f"{program} evaluates itself, so metrics count as reported",
            ),
        ),
        notes=found.notes,
        configuration={"kind": "autoresearch", "cache": cache, "data": str(data), "bound": str(data) if bound else ""},
        metric=wish.metric or METRIC,
        direction=wish.direction or ("" if wish.metric not in ("", METRIC) else "minimize"),
        reads="stdout",
        soft=MEMORY,
    )


def _constant(tree: ast.Module, name: str) -> Any:
    node = functions(tree).get(name)
    if isinstance(node, ast.Assign):
        with suppress(ValueError, TypeError):
            return eval_number(node.value)
    return None


def eval_number(node: ast.expr) -> float | None:
    """A number, or a product of numbers."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        one, other = eval_number(node.left), eval_number(node.right)
        return None if one is None or other is None else one * other
    value = ast.literal_eval(node)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _cache(tree: ast.Module) -> str:
    """The folder below HOME in which prepare.py has its data: the parts that it joins to HOME."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            text = ast.unparse(node.value)
            if "expanduser" in text or "home()" in text:
                parts = [c.value for c in ast.walk(node.value) if isinstance(c, ast.Constant)]
                names = [p.removeprefix("~").strip("/") for p in parts if isinstance(p, str)]
                told = "/".join(_in_order(node.value, [n for n in names if n and n != "~"]))
                if told and ".." not in Path(told).parts:
                    return told
    return ".cache/autoresearch"


def _in_order(node: ast.expr, names: list[str]) -> list[str]:
    """Texts as they stand in the source."""
    text = ast.unparse(node)
    return sorted(dict.fromkeys(names), key=text.index)


def _data(wish: Wish, cache: str) -> tuple[Path, float]:
    """Where the data lie, and how many megabytes they are."""
    data = wish.data or Path.home() / cache
    if not data.is_dir() or not any(data.iterdir()):
        raise AdoptionError(
            f"its data are not in {data}; prepare.py is foreign code that needs the network, and an import gives none:"
            " run it yourself, then import again, or say where the data are:",
            ["--data FOLDER"],
        )
    return data, sum(p.stat().st_size for p in data.rglob("*") if p.is_file() and not p.is_symlink()) / 1e6


def _description(found: Foreign) -> str:
    told = [found.text("program.md").strip()] if "program.md" in found.files else []
    if rows := list(_history(found)):
        head_ = "What an earlier run of autoresearch tried, as it reported (nobody has checked it):"
        told.append("\n".join([head_, *rows]))
        found.notes.append(f"results.tsv: {len(rows)} earlier trials are told to the coder, as reported")
    return "\n\n".join(told)


def _history(found: Foreign) -> Iterator[str]:
    """The last rows of results.tsv, each in a line."""
    if "results.tsv" in found.files:
        rows = [r for r in csv.DictReader(found.text("results.tsv").splitlines(), delimiter="\t") if r.get("status")]
        for row in rows[-TOLD:]:
            yield f"- {row['status']}: {str(row.get('description') or '')[:120]} ({METRIC} {row.get(METRIC)})"
