"""What a judge calls of a foreign program: its functions, by name, in a module that is loaded anew when it asks."""

from __future__ import annotations

import asyncio
import importlib.util
import inspect
import random
import sys
import types
from pathlib import Path
from typing import Any

import nightlab_plain as plain

_STATE: dict[str, Any] = {"seed": 0}
_MODULES: dict[str, types.ModuleType] = {}


def start(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:
    """Called before the judge's first call; parameters stand in the program itself."""
    _STATE["seed"] = seed


def load(key: str, file: str) -> dict[str, Any]:
    """Load the program as a module of its own: its functions, those of them that are coroutines, and its values."""
    _seed()
    name = Path(file).stem
    spec = importlib.util.spec_from_file_location(name, Path(file).resolve())
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    _MODULES[key] = module
    public = {name: value for name, value in vars(module).items() if not name.startswith("__")}
    callables = [name for name, value in public.items() if callable(value)]
    values = {}
    for name, value in public.items():
        if name not in callables and not isinstance(value, types.ModuleType):
            try:
                values[name] = plain.packed(value)
            except TypeError:
                continue
    waited = [name for name in callables if inspect.iscoroutinefunction(public[name])]
    return {"functions": callables, "awaited": waited, "values": values, "doc": module.__doc__ or ""}


def invoke(key: str, name: str, args: Any, named: Any) -> Any:
    """What a function of the program returns."""
    found = getattr(_MODULES[key], name)(*plain.unpacked(args), **plain.unpacked(named))
    if inspect.iscoroutine(found):
        found = asyncio.run(found)
    return plain.packed(found)


def _seed() -> None:
    """Each load begins with the run's seed, as a fresh process would."""
    random.seed(_STATE["seed"])
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(_STATE["seed"] % 2**32)
