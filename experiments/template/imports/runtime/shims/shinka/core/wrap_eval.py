"""Runs a function of a program some times, checks and sums up what it returns, and leaves two files."""

from __future__ import annotations

import importlib.util
import inspect
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def load_program(program_path: str) -> Any:
    """The program as a module."""
    spec = importlib.util.spec_from_file_location("program", program_path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{program_path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save_json_results(results_dir: str, metrics: dict[str, Any], correct: bool, error: str | None = None) -> None:
    """Write metrics.json and correct.json."""
    os.makedirs(results_dir, exist_ok=True)
    plain = {name: value for name, value in metrics.items() if name != "extra_data"}
    Path(results_dir, "metrics.json").write_text(json.dumps(plain, default=_plain))
    Path(results_dir, "correct.json").write_text(json.dumps({"correct": bool(correct), "error": error}))


def run_shinka_eval(
    program_path: str,
    results_dir: str,
    experiment_fn_name: str,
    num_runs: int,
    get_experiment_kwargs: Callable[[int], dict[str, Any]] | None = None,
    aggregate_metrics_fn: Callable[..., dict[str, Any]] | None = None,
    validate_fn: Callable[[Any], Any] | None = None,
    default_metrics_on_error: dict[str, Any] | None = None,
    **_: Any,
) -> tuple[dict[str, Any], bool, str | None]:
    """Metrics, whether every run was valid, and the first error. Without kwargs a run gets its number as its seed."""
    results, took, error = list[Any](), list[float](), None
    try:
        function = getattr(load_program(program_path), experiment_fn_name)
        for number in range(num_runs):
            given = get_experiment_kwargs(number) if get_experiment_kwargs else {"seed": number + 1}
            start = time.perf_counter()
            results.append(function(**given))
            took.append(time.perf_counter() - start)
            error = error or _fault(validate_fn, results[-1])
        metrics = dict(_summed(aggregate_metrics_fn, results, results_dir))
        mean = math.fsum(took) / max(1, len(took))
        metrics["execution_time_mean"] = mean
        metrics["execution_time_std"] = math.sqrt(math.fsum((t - mean) ** 2 for t in took) / max(1, len(took)))
    except Exception as failed:  # noqa: BLE001 - the program's, or the evaluator's own: both are told
        metrics, error = dict(default_metrics_on_error or {"combined_score": 0.0}), f"{type(failed).__name__}: {failed}"
    save_json_results(results_dir, metrics, error is None, error)
    return metrics, error is None, error


def _summed(aggregate: Callable[..., dict[str, Any]] | None, results: list[Any], folder: str) -> dict[str, Any]:
    if aggregate is None:
        return {"num_successful_runs": len(results)}
    wanted = [p for p in inspect.signature(aggregate).parameters.values() if p.default is p.empty]
    return aggregate(results, folder) if len(wanted) > 1 else aggregate(results)


def _fault(validate: Callable[[Any], Any] | None, result: Any) -> str | None:
    if validate is None:
        return None
    said = validate(result)
    good, why = said if isinstance(said, tuple) else (said, None)
    return None if good else f"Validation failed: {why or 'no reason is given'}"


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else str(value)
