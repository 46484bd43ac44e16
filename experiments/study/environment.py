"""What the results of a session may depend on beside the study itself: processor, system, versions, own code."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from nightlab.experiments.ledger.kinds import document

PACKAGES = ("nightlab", "numpy", "scipy", "scikit-learn", "optuna", "matplotlib", "pylatex")


@document("environment")
@dataclass(frozen=True, kw_only=True)
class Environment:
    """By what it is, by the number of the session."""

    of: Mapping[str, str]


def environment() -> Environment:
    """That of this process."""
    found = {"python": platform.python_version(), "system": platform.platform(), "processor": _processor()}
    return Environment(of=found | {name: _version(name) for name in PACKAGES} | {"code": _code()})


@functools.cache
def _code() -> str:
    """The hash of nightlab's own sources: a version under development has no number of its own."""
    package, digest = Path(__file__).parents[2], hashlib.sha256()
    for folder, folders, names in os.walk(package, followlinks=True):
        folders.sort()
        for name in sorted(names):
            if name.endswith((".py", ".jinja", ".toml")):
                digest.update((Path(folder) / name).read_bytes())
    return digest.hexdigest()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
