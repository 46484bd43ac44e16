"""What a judge calls of an agent: its `forward`, in the module of its system, which has no answers beside it."""

from __future__ import annotations

import importlib.util
import json
import random
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import nightlab_asking
import nightlab_plain as plain

_LOADED: list[Any] = []


def start(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:
    """Load the agent's system, with the agent in it; parameters stand in its file."""
    random.seed(seed)
    told = json.loads(Path("agents.json").read_text(encoding="utf-8"))
    module = loaded(Path(told["system"]))
    found: dict[str, Any] = {}
    exec(compile(Path(told["agent"]).read_text(encoding="utf-8"), told["agent"], "exec"), vars(module), found)
    module.AgentSystem.forward = found["forward"]
    _LOADED[:] = [module]


def loaded(file: Path) -> Any:
    """A file as a module."""
    spec = importlib.util.spec_from_file_location(file.stem, file.resolve())
    if spec is None or spec.loader is None:
        raise ImportError(f"{file} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    return module


def forward(task: Any, tools: Mapping[str, Callable[..., Any]]) -> Any:
    """What the agent makes of a task, whose fields come as a list."""
    nightlab_asking.use(tools)
    module = _LOADED[0]
    found = module.AgentSystem().forward(module.Info(*plain.unpacked(task)))
    kind = "info" if isinstance(found, module.Info) else "plain"
    return [kind, plain.packed(list(found) if kind == "info" else found)]
