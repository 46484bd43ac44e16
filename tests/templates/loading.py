"""The programs of a template that ships, loaded as modules, and its data laid out."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from nightlab.experiments.template.loading import SHIPPED


def module(template: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"{template}_{name}", SHIPPED / template / f"{name}.py")
    assert spec
    assert spec.loader
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def laid_out(prepare: Any, folder: Path, seed: int = 0) -> Path:
    for part in ("inputs", "private", "out"):
        (folder / part).mkdir(parents=True)
    prepare.prepare(folder / "inputs", folder / "private", seed)
    return folder
