"""A foreign evaluator of OpenEvolve or ShinkaEvolve: called as its own system calls it, and what it gives, read."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import json
import math
import numbers
import os
import runpy
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CONFIGURATION, THEIRS, SHIMS = "imported.json", "judging/theirs", "judging/shims"
TOLD = 1500  # characters of one text that goes to whoever proposes changes


class Refused(Exception):
    """The evaluator says that the program failed, or a gate before it stays shut."""


@dataclass
class Given:
    """What an evaluator gave: its numbers, those of them that may be told, and its texts."""

    metrics: dict[str, float] = field(default_factory=dict)
    public: dict[str, float] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    error: str = ""


def configured() -> dict[str, Any]:
    """What the import wrote down."""
    found: dict[str, Any] = json.loads((HERE / CONFIGURATION).read_text(encoding="utf-8"))
    return found


@contextmanager
def laid_out(place: Path) -> Iterator[Path]:
    """A copy of their folder to work in, with what they import of their system beside it."""
    theirs = place / "theirs"
    shutil.copytree(HERE / THEIRS, theirs)
    before, path, called = Path.cwd(), list(sys.path), list(sys.argv)
    sys.path[:0] = [str(theirs), str(HERE / SHIMS)]
    os.environ["PYTHONPATH"] = os.pathsep.join([str(theirs), str(HERE / SHIMS), str(HERE)])
    os.chdir(theirs)
    try:
        yield theirs
    finally:
        os.chdir(before)
        sys.path[:], sys.argv[:] = path, called
        for name in [n for n, m in sys.modules.items() if str(getattr(m, "__file__", "")).startswith(f"{theirs}/")]:
            del sys.modules[name]  # the next split has another copy of the folder


def evaluated(theirs: Path, program: Path, place: Path) -> dict[str, Any]:
    """The metrics of a program, with the feedback beside them; Refused where there are none."""
    config = configured()
    if config["kind"] == "shinka":
        passed, given = list[float | None](), _shinka(theirs / config["evaluator"], program, place / "results")
    else:
        module = _loaded(theirs / config["evaluator"])
        passed = [_gated(module, gate, program) for gate in config["stages"]]
        given = _openevolve(getattr(module, config["final"]), program)
    if given.error:
        raise Refused(f"their evaluator says: {given.error}")
    if config["probe"]:
        told = {"metrics": given.metrics, "stages": passed, "texts": sorted(given.texts)}
        return {"objective": 0.0, "feedback": json.dumps(told)}
    return {**given.metrics, "feedback": _feedback(given)}


def _loaded(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def _gated(module: Any, gate: Mapping[str, Any], program: Path) -> float | None:
    """The score of a stage before the last, which opens the way or not and counts for nothing."""
    given = _openevolve(getattr(module, gate["function"]), program)
    if given.error:
        raise Refused(f"{gate['function']}: their evaluator says: {given.error}")
    score = given.metrics.get("combined_score")
    if score is None and given.metrics:
        score = math.fsum(given.metrics.values()) / len(given.metrics)
    if gate["least"] is not None and not configured()["probe"] and (score is None or score < gate["least"]):
        raise Refused(f"{gate['function']}: {score} is below {gate['least']}, so the next stage is not reached")
    return score


def _openevolve(evaluate: Callable[[str], Any], program: Path) -> Given:
    found = evaluate(str(program))
    if inspect.isawaitable(found):
        found = asyncio.run(_awaited(found))
    table = found if isinstance(found, Mapping) else getattr(found, "metrics", None)
    if not isinstance(table, Mapping):
        raise Refused(
            f"their evaluator returned {type(found).__name__}, and a dict or a result with metrics was wanted"
        )
    artifacts = getattr(found, "artifacts", {})
    given = Given(metrics=_numbers(table), error=_error(table))
    given.public = dict(given.metrics)
    given.texts = {str(k): str(v) for k, v in table.items() if isinstance(v, str) and k != "error"}
    given.texts |= {str(k): _text(v) for k, v in artifacts.items()} if isinstance(artifacts, Mapping) else {}
    return given


async def _awaited(found: Any) -> Any:
    return await found


def _shinka(evaluate: Path, program: Path, results: Path) -> Given:
    """Run evaluate.py as a script, and read the two files that it leaves."""
    results.mkdir()
    sys.argv[:] = [str(evaluate), "--program_path", str(program), "--results_dir", str(results)]
    try:
        runpy.run_path(str(evaluate), run_name="__main__")
    except SystemExit as end:
        if end.code not in (None, 0) and not (results / "metrics.json").is_file():
            raise Refused(f"their evaluator ended with {end.code}") from None
    table, correct = _table(results / "metrics.json"), _table(results / "correct.json")
    given = Given(metrics=_numbers(table), error=_error(table))
    for kind in ("public", "private"):
        inner = table.get(kind)
        found = _numbers(inner) if isinstance(inner, Mapping) else {}
        given.metrics |= {f"{kind}_{name}": value for name, value in found.items()}
        given.public |= found if kind == "public" else {}
    given.public |= {k: v for k, v in given.metrics.items() if k == "combined_score"}
    if isinstance(table.get("text_feedback"), str):
        given.texts["feedback"] = table["text_feedback"]
    if correct.get("correct") is not True:
        given.error = given.error or str(correct.get("error") or "the program is not correct")
    return given


def _table(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise Refused(f"their evaluator wrote no {file.name}")
    found = json.loads(file.read_text(encoding="utf-8"))
    return found if isinstance(found, dict) else {}


def _error(table: Mapping[Any, Any]) -> str:
    """What stands under `error` where that tells of a failure; a number there is a metric."""
    error = table.get("error")
    if isinstance(error, bool):
        return "error" if error else ""
    return "" if error is None or isinstance(error, numbers.Number) else str(error).strip()


def _numbers(table: Mapping[Any, Any]) -> dict[str, float]:
    """The finite numbers, of Python or of numpy; no truth values, texts, lists or tables."""
    found = {}
    for name, value in table.items():
        value = value.item() if getattr(value, "ndim", None) == 0 and hasattr(value, "item") else value
        if isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(float(value)):
            found[str(name)] = float(value)
    return found


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _feedback(given: Given) -> str:
    """What whoever proposes changes is told: the metrics that are public, and the texts."""
    lines = [f"{name} = {value:g}" for name, value in given.public.items()]
    return "\n".join([", ".join(lines), *(f"{name}: {text[:TOLD]}" for name, text in given.texts.items())]).strip()
