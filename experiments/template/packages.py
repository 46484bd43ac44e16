"""Where this interpreter has its packages: what a template may hide of them, and what a sandbox shows."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

from nightlab.experiments.template.environment import Environment


def packaged(path: str, environment: Environment | None = None) -> bool:
    """Whether a path that a template hides is there, below the packages and libraries that a sandbox can see."""
    relative = not Path(path).is_absolute() and ".." not in Path(path).parts and Path(path) != Path()
    return relative and any(os.path.exists(place / path) for place in importable(environment))  # noqa: PTH110 - fails for no name


def importable(environment: Environment | None = None) -> list[Path]:
    """Every folder below which a template can hide something: packages, and the libraries of all Pythons, resolved."""
    found = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")}
    prefixes = [Path("/usr"), Path("/usr/local")]
    if environment:
        prefixes += [environment.prefix, *([environment.base] if environment.base else [])]
    found |= {p for prefix in prefixes for p in prefix.glob("lib/python3*")}
    return sorted({*sites(environment), *(p.resolve() for p in found)})


def extra_packages() -> list[Path]:
    """Where packages are imported from outside of the interpreter's own folders: the user's site, PYTHONPATH."""
    inside = (sys.prefix, sys.base_prefix)
    found = [Path(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    return [p for p in found if not any(p.is_relative_to(prefix) for prefix in inside)]


def sites(environment: Environment | None = None) -> list[Path]:
    """Every folder with packages that a sandbox can see, resolved."""
    base = {"base": sys.base_prefix, "platbase": sys.base_prefix}
    found = {Path(sysconfig.get_path(name, vars=v)) for name in ("purelib", "platlib") for v in (None, base)}
    found |= {p for lib in ("/usr/lib", "/usr/local/lib") for p in Path(lib).glob("python3*/*-packages")}
    found |= {*extra_packages(), *(environment.sites if environment else ())}
    return sorted({p.resolve() for p in found})
