"""AIDE: a folder of data, a text with ## Goal and ## Evaluation, and a solution that reads ./input."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path

from nightlab.experiments.template.adoption.refusal import AdoptionError
from nightlab.experiments.template.imports.draft import Draft, Tables, Way, Wish, head, runtime, size_mb
from nightlab.experiments.template.imports.foreign import Foreign, named

TIMEOUT_S = 3600.0
_SEED = re.compile(r"\b(?:random_state|seed)\s*=\s*\d+|\b(?:manual_seed|set_seed|random\.seed)\(\s*\d+\s*\)")
_SENTENCES: Mapping[str, str] = {  # a metric by what the evaluation says of it, the more special first
    "rmse_of_logs": r"(rmse|root.mean.squared?.error)[^.]{0,80}\blogarithm",
    "rmsle": r"\brmsle\b|root.mean.squared?.log(arithmic)?.error",
    "rmse": r"\brmse\b|root.mean.squared?.error",
    "mae": r"\bmae\b|mean.absolute.error",
    "log_loss": r"log.?loss|cross.entropy",
    "auc": r"\bauc\b|area under the (roc|receiver)",
    "f1": r"\bf1\b|f1.score",
    "r2": r"\br2\b|r-squared|coefficient of determination",
    "accuracy": r"\baccuracy\b",
}
_LARGER = ("accuracy", "auc", "f1", "r2")
SHADOWED = {"rmse_of_logs": ("rmse", "rmsle"), "rmsle": ("rmse",)}


def draft(found: Foreign, wish: Wish) -> Draft:
    """The template of a task. Raises AdoptionError where its parts cannot be told."""
    program = _program(found, wish)
    goal, evaluation, document = _task(found)
    data = _data(found, program, document)
    if seed := _SEED.search(found.text(program)):
        found.notes.append(f"{program} fixes its seed, {seed[0]}, so replicates may be copies and show no noise")
    table = _table(found, data)
    metric = _metric(found, wish, evaluation) if table else ""
    judged = bool(table and metric)
    inputs = {f"judging/data/{short}": found.data(name) for short, name in data.items()}
    files = {program: found.data(program), **inputs}
    files |= runtime("nightlab_folders", "nightlab_table", "nightlab_prepare")
    run: Tables = {
        "command": ["python", "nightlab_folders.py", program],
        "seeded": False,
        "timeout_s": TIMEOUT_S,
        "memory_mb": 16_384,
        "disk_mb": 4096,
        **({"python": wish.python} if wish.python else {}),
        **({"gpus": wish.gpus} if wish.gpus else {}),
    }
    return Draft(
        tables={
            "template": head(found, "\n\n".join(filter(None, (goal, evaluation)))),
            "artifact": {"editable": [program], "support": ["nightlab_folders.py"], **size_mb(files)},
            "data": {"prepare": "nightlab_table:prepare" if judged else "nightlab_prepare:prepare", "confined": True},
            "run": run,
        },
        files=files,
        ways=(_scored() if judged else _printed(),),
        notes=found.notes,
        configuration={"kind": "aide", **({**(table or {}), "metric": metric} if judged else {"data": "judging/data"})},
        metric=metric if judged else wish.metric,
        direction=wish.direction or (("maximize" if metric in _LARGER else "minimize") if judged else ""),
        reads="" if judged else "stdout",
        judged=judged,
        unsaid="the task does not say by which label the solution prints its metric",
    )


def _scored() -> Way:
    return Way(
        trust="verified",
        tables={"evaluate": {"entry": "nightlab_table:evaluate"}},
        told="a share of train.csv is held out, without labels, and submission.csv is scored on it: metrics count as"
        " verified",
    )


def _printed() -> Way:
    return Way(
        trust="reported",
        tables={"evaluate": {"parse": "stdout"}},
        told="the solution prints its own metric, so it counts as reported",
    )


def _program(found: Foreign, wish: Wish) -> str:
    if wish.program:
        return named(found, wish.program, "--program")
    there = [name for name in found.top(".py")]
    usual = [name for name in ("solution.py", "best_solution.py", "runfile.py") if name in there]
    if usual or len(there) == 1:
        return (usual or there)[0]
    raise AdoptionError(
        f"{found.root} has no solution.py to begin with; AIDE writes its first one by a model, an import needs one:",
        [f"--program {name}" for name in there],
    )


def _task(found: Foreign) -> tuple[str, str, str]:
    """Goal and evaluation, each a text, and the file that says them."""
    for name in (n for n in found.top() if n.endswith((".md", ".txt"))):
        parts = dict(re.findall(r"^#+\s*([^\n]+?)\s*\n(.*?)(?=^#|\Z)", found.text(name), re.MULTILINE | re.DOTALL))
        said = {title.lower(): " ".join(text.split()) for title, text in parts.items()}
        if "goal" in said or "evaluation" in said:
            return said.get("goal", ""), said.get("evaluation", ""), name
    return "", "", ""


def _data(found: Foreign, program: str, document: str) -> dict[str, str]:
    """What ./input holds, by its name there."""
    inside = {name.removeprefix("input/"): name for name in found.files if name.startswith("input/")}
    if inside:
        return inside
    left = {program, document}
    return {n: n for n in found.files if n not in left and not n.endswith(".py") and not n.startswith("working/")}


def _table(found: Foreign, data: Mapping[str, str]) -> dict[str, object] | None:
    """The columns of train.csv that are to be said, and the one that names a row; None where these cannot be told."""
    sample = next((n for n in data if n.lower().startswith("sample") and n.endswith(".csv")), "")
    if "train.csv" not in data or not sample:
        found.notes.append(
            "it cannot be verified: without train.csv and a sample of submission.csv no rows can be held out"
        )
        return None
    train, asked = (_columns(found, data[name]) for name in ("train.csv", sample))
    if len(asked) < 2 or (lost := [name for name in asked if name not in train]):
        told = lost[0] if len(asked) > 1 else "an id"
        found.notes.append(f"it cannot be verified: {sample} asks for {told!r}, which is no column of train.csv")
        return None
    return {"id": asked[0], "targets": asked[1:], "sample": sample}


def _columns(found: Foreign, name: str) -> list[str]:
    with Path(found.root / name).open(newline="", encoding="utf-8-sig", errors="replace") as stream:
        return [column.strip() for column in next(csv.reader(stream), [])]


def _metric(found: Foreign, wish: Wish, evaluation: str) -> str:
    """The metric of the evaluation sentence; empty where a program's own is asked for. Raises AdoptionError."""
    if wish.metric:
        if wish.metric not in _SENTENCES:
            found.notes.append(
                f"it cannot be verified: nightlab has no {wish.metric!r}; it has {', '.join(_SENTENCES)}"
            )
            return ""
        return wish.metric
    said = [name for name, words in _SENTENCES.items() if re.search(words, evaluation, re.IGNORECASE)]
    said = [name for name in said if not any(name in SHADOWED.get(other, ()) for other in said)]
    if len(said) == 1:
        return said[0]
    why = "several metrics" if said else "no metric that nightlab has"
    raise AdoptionError(
        f"the evaluation names {why}; say by which one submission.csv is scored, or a label that the solution prints:",
        [f"--metric {name}" for name in said or _SENTENCES],
    )
