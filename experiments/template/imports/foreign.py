"""A folder of another system: plain files, read as data. No link of it is followed and nothing of it is run."""

from __future__ import annotations

import ast
import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nightlab.experiments.template.adoption.refusal import AdoptionError

MOST_FILES, MOST_MB = 5000, 500
LONGEST = 4 << 20  # bytes of a file that is read as text
_LEFT_OUT = {"__pycache__", "node_modules", "openevolve_output", "checkpoints", "wandb", "venv", "env"}


@dataclass(kw_only=True)
class Foreign:
    """files: what is copied, by path and size. notes: what must be known, as sentences."""

    root: Path
    files: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def data(self, name: str) -> bytes:
        return (self.root / name).read_bytes()

    def text(self, name: str) -> str:
        """A file as text, whatever its encoding; empty where it is longer than LONGEST."""
        return self.data(name).decode("utf-8-sig", "replace") if self.files[name] <= LONGEST else ""

    def tree(self, name: str) -> ast.Module:
        """A Python file's syntax. Raises AdoptionError."""
        with suppress(ValueError, MemoryError, RecursionError):
            try:
                return ast.parse(self.data(name))
            except SyntaxError as error:
                raise AdoptionError(f"{self.root / name} is no Python: {error.msg} in line {error.lineno}") from None
        raise AdoptionError(f"{self.root / name} cannot be read as Python")

    def yaml(self, name: str) -> dict[str, Any]:
        """A file of YAML, with plain values alone; nothing, and a note, where it is none."""
        import yaml

        try:
            found = yaml.safe_load(self.text(name))
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            self.notes.append(f"{name} is left aside: it is no plain YAML ({' '.join(str(error).split())[:120]})")
            return {}
        return found if isinstance(found, dict) else {}

    def json(self, name: str) -> Any:
        """A file of JSON; None, and a note, where it is none or not there."""
        if name not in self.files:
            return None
        try:
            return json.loads(self.text(name))
        except (ValueError, RecursionError) as error:
            self.notes.append(f"{name} is left aside: it is no JSON ({error})")
            return None

    def top(self, suffix: str = "") -> list[str]:
        """The files in the folder itself."""
        return [name for name in self.files if "/" not in name and name.endswith(suffix)]

    def all(self, without: tuple[str, ...] = ()) -> dict[str, bytes]:
        """What is copied of it."""
        return {name: self.data(name) for name in self.files if name not in without}


def look(root: Path) -> Foreign:
    """What a folder holds. Raises AdoptionError where there is none, or too much."""
    if not root.is_dir():
        raise AdoptionError(f"{str(root)!r} is no folder; give the folder of the task")
    if (root / "template.toml").is_file():
        raise AdoptionError(f"{root} is a template already; see what is wrong with it: nightlab check {root}")
    found = Foreign(root=root)
    for name, size in _walked(found, ""):
        found.files[name] = size
        if len(found.files) > MOST_FILES:
            raise AdoptionError(f"{root} holds more than {MOST_FILES} files; give the folder of one task alone")
    if (total := sum(found.files.values()) / 1e6) > MOST_MB:
        raise AdoptionError(f"{root} holds {total:.0f} MB, more than {MOST_MB}; take out what no run reads")
    if not found.files:
        raise AdoptionError(f"{root} holds no files")
    return found


def _walked(found: Foreign, prefix: str) -> Iterator[tuple[str, int]]:
    with os.scandir(found.root / prefix) as entries:
        for entry in sorted(entries, key=lambda each: each.name):
            name = f"{prefix}{entry.name}"
            if entry.name.startswith(".") or entry.name in _LEFT_OUT:
                continue
            if entry.is_symlink():
                found.notes.append(f"{name!r} is left out: it is a link")
            elif not entry.name.isprintable():
                found.notes.append(f"{name!a} is left out: its name cannot be printed")
            elif entry.is_dir(follow_symlinks=False):
                if not any(Path(entry.path, mark).exists() for mark in ("pyvenv.cfg", "study.db")):
                    yield from _walked(found, f"{name}/")
            elif not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                found.notes.append(f"{name!r} is left out: it is no plain file")
            elif not os.access(entry.path, os.R_OK):
                found.notes.append(f"{name!r} is left out: it cannot be read")
            else:
                yield name, entry.stat(follow_symlinks=False).st_size


def named(found: Foreign, asked: str, option: str) -> str:
    """The file of the folder that an option names. Raises AdoptionError."""
    plain = asked.removeprefix("./")
    if plain not in found.files:
        raise AdoptionError(f"{option} {asked!r} is no file in {found.root}; there are:", found.top()[:20])
    return plain


def functions(tree: ast.Module) -> dict[str, ast.AST]:
    """What a module names at its top: functions, classes, imports and values."""
    told: dict[str, ast.AST] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node in tree.body:
            told[node.name] = node
        elif isinstance(node, ast.ImportFrom | ast.Import) and node in tree.body:
            told |= {(alias.asname or alias.name).partition(".")[0]: node for alias in node.names}
        elif isinstance(node, ast.Assign) and node in tree.body:
            told |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    return told


def neighbours(found: Foreign, program: str) -> list[str]:
    """The files that a program needs beside it: modules that it imports, also through others, and others by name."""
    needed, waiting = dict[str, None](), [program]
    while waiting:
        text = found.text(waiting.pop())
        modules = re.findall(r"^[ \t]*(?:from|import)[ \t]+([\w.]+)", text, re.MULTILINE)
        for name in found.files:
            stem = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            imported = name.endswith(".py") and any(m == stem or m.startswith(f"{stem}.") for m in modules)
            inside = any(name.startswith(f"{m.partition('.')[0]}/") for m in modules)
            said = not name.endswith(".py") and (name in text or (name.rpartition("/")[2] in text))
            if (imported or inside or said) and name != program and name not in needed:
                needed[name] = None
                waiting += [name] if name.endswith(".py") else []
    return list(needed)
