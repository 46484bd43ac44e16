"""What becomes of a foreign folder: the files and tables of a template, as far as they are known before a run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from anyascii import anyascii

from nightlab.experiments.records import Trust
from nightlab.experiments.template.imports.foreign import Foreign

CONFIGURATION = "imported.json"
Tables = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was given; empty where the format says it, or where it is to be asked for."""

    folder: Path
    metric: str = ""
    direction: str = ""
    program: str = ""
    evaluator: str = ""
    data: Path | None = None
    python: str = ""
    gpus: int | None = None
    answers: Path | None = None
    base_url: str = ""
    agent_model: str = ""


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to run and judge it: tables over those of the draft. told: what is to be known where it is taken."""

    trust: Trust
    tables: Tables
    told: str


@dataclass(kw_only=True)
class Draft:
    """tables: of template.toml. files: of its folder, by path. ways: those that may do, the best first. configuration:
    of the code that is copied into it. metric, direction: where the format or an option says them. usual: the metric
    that counts where the run says it, and no other one was asked for. reads: where a program says its numbers: a file,
    or stdout. unsaid: why none of them is taken unasked. soft: a number that should not grow, with a soft bound.
    venue: the folder with the style of its papers."""

    tables: Tables
    files: dict[str, bytes]
    ways: Sequence[Way]
    notes: list[str]
    configuration: dict[str, Any] = field(default_factory=dict)
    metric: str = ""
    direction: str = ""
    usual: str = ""
    reads: str = ""
    unsaid: str = ""
    soft: str = ""
    venue: str = ""
    judged: bool = False  # an evaluator of ours scores it, by the metric that is given here


def written(draft: Draft, way: Way, folder: Path, objective: Mapping[str, Any], *, probe: bool) -> None:
    """Write the template into a folder, by one of its ways."""
    for name, data in draft.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    if draft.configuration:
        told = {**draft.configuration, "probe": probe}
        (folder / CONFIGURATION).write_text(json.dumps(told, indent=1), encoding="utf-8")
    tables = merged(draft.tables, way.tables, {"objective": dict(objective)})
    (folder / "template.toml").write_text("\n".join(toml(tables)), encoding="utf-8")


def merged(*tables: Tables) -> Tables:
    """Tables over one another, key by key."""
    found: Tables = {}
    for table in tables:
        for key, value in table.items():
            both = isinstance(value, dict) and isinstance(found.get(key), dict)
            found[key] = merged(found[key], value) if both else value
    return found


def toml(tables: Tables, prefix: str = "") -> Iterator[str]:
    """The lines of a file of TOML."""
    for name, table in tables.items():
        if isinstance(table, list):
            for each in table:
                yield from (f"[[{prefix}{name}]]", *(f"{k} = {json.dumps(v)}" for k, v in each.items()), "")
            continue
        inner = {k: v for k, v in table.items() if isinstance(v, dict)}
        if len(inner) < len(table):
            yield f"[{prefix}{name}]"
            yield from (f"{k} = {json.dumps(v, ensure_ascii=False)}" for k, v in table.items() if k not in inner)
            yield ""
        yield from toml(inner, f"{prefix}{name}.")


def head(found: Foreign, description: str) -> Tables:
    """The first table: a name that a template may have, and what the task is."""
    name = found.root.name
    short = re.sub(r"[^A-Za-z0-9_-]+", "-", anyascii(name)).strip("-_")[:48]
    title = " ".join(name.replace("_", " ").replace("-", " ").split())
    return {
        "name": short if short[:1].isalpha() else f"study-{short}".rstrip("-"),
        "title": title.capitalize() if len(title) > 2 else f"Program {name}",
        "description": description.strip()[:6000]
        if len(description.strip()) >= 10
        else f"The task in the folder {name}.",
    }


def runtime(*names: str) -> dict[str, bytes]:
    """Files that are copied into templates, by their path there: modules to the root, shims for the judge."""
    place = files("nightlab.experiments.template.imports").joinpath("runtime")
    found = {f"{name}.py": place.joinpath(f"{name}.py").read_bytes() for name in names if name != "shims"}
    if "shims" in names:
        found |= {f"judging/shims/{name}": data for name, data in _below(place.joinpath("shims"), "")}
    return found


def client_modules() -> dict[str, bytes]:
    """Modules in the place of the client of a hosted model and of what goes with it."""
    place = files("nightlab.experiments.template.imports").joinpath("runtime", "clients")
    return dict(_below(place, ""))


def _below(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in sorted(folder.iterdir(), key=lambda each: each.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _below(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield f"{prefix}{entry.name}", entry.read_bytes()


def size_mb(files_: Mapping[str, bytes]) -> dict[str, Any]:
    """The bounds of [artifact] where files are more than they allow by default."""
    count, megabytes = len(files_), sum(map(len, files_.values())) / 1e6
    return ({"most_files": 2 * count} if count > 900 else {}) | ({"most_mb": 1.5 * megabytes} if megabytes > 28 else {})
