"""The preparation of a study's data: the template's own code, in a process of its own, which gets no keys; foreign code
in a sandbox."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from nightlab.experiments.executors.local.isolation.launch import Limits
from nightlab.experiments.executors.local.isolation.sandbox import confined
from nightlab.experiments.template.template import Template, TemplateError

PREPARE = """
import importlib, pathlib, shutil, sys
folder, module, function, *draws = sys.argv[1:]
sys.path.insert(0, folder)
prepare = getattr(importlib.import_module(module), function)
for inputs, private, seed in zip(*[iter(draws)] * 3):
    places, seed = (pathlib.Path(inputs), pathlib.Path(private)), int(seed)
    try:
        prepare(*places, seed)
    except Exception:
        if seed < 2**32:
            raise
        for entry in (entry for place in places for entry in place.iterdir()):
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        prepare(*places, seed % 2**32)  # to a generator that takes no more
"""
PREPARE_TIMEOUT_S = 3600
CONFINED = Limits(wall_s=PREPARE_TIMEOUT_S, memory_mb=8192, disk_mb=4096, inodes=20_000, files=10_000, output_mb=2000)
_SECRET = re.compile(
    r"(?i)(^|_)(api|auth|key|keys|token|tokens|secret|secrets|password|passwd|credentials?)(_|$)|APIKEY"
)


def run_prepare(
    template: Template, origin: str, draws: Sequence[tuple[Path, Path, int]], *, second: bool = False
) -> None:
    """Fill the folders of each draw, by its seed.

    origin: the folder that the study's template is a copy of, which is where a fault is mended. second: with the data
    of the second task. Raises TemplateError.
    """
    assert template.spec.data is not None
    entry = template.spec.data.second if second else template.spec.data.prepare
    if entry is None:
        raise TemplateError(
            f"{origin}/template.toml: [data]: no second task is named there, so its data are not to be had"
        )
    if template.spec.data.confined:
        for draw in draws:
            _confined(template, origin, entry, *draw)
        return
    module, function = entry.split(":")
    theirs = template.environment
    argv: list[Any] = [
        theirs.python if theirs and theirs.warm else sys.executable,
        "-P",
        "-B",
        "-c",
        PREPARE,
        template.folder,
        module,
        function,
        *chain.from_iterable(draws),
    ]
    try:
        done = subprocess.run(
            [str(a) for a in argv],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env={
                **_without_keys(),
                "PYTHONIOENCODING": "utf-8:backslashreplace",
            },  # whatever terminal started the study
            timeout=PREPARE_TIMEOUT_S,
            start_new_session=True,  # Ctrl-C is ours to answer, and no fault of the template
        )
    except subprocess.TimeoutExpired:
        raise TemplateError(f"{origin}/{module}.py: {function} did not end within an hour") from None
    if done.returncode:
        tail = "\n".join(done.stderr.strip().replace(str(template.folder), origin).splitlines()[-12:])
        raise TemplateError(f"{origin}/{module}.py: {function} failed:\n{tail}")


def _without_keys() -> dict[str, str]:
    """The environment, but for what is named like a secret."""
    return {name: value for name, value in os.environ.items() if not _SECRET.search(name)}


def _confined(template: Template, origin: str, entry: str, inputs: Path, private: Path, seed: int) -> None:
    """Fill the folders of one draw by foreign code, which sees the template and what `reads` names alone."""
    assert template.spec.data is not None
    module, function = entry.split(":")
    reads = [(template.home / Path(name).expanduser()).resolve() for name in template.spec.data.reads]
    if lost := [name for name, path in zip(template.spec.data.reads, reads, strict=True) if not path.exists()]:
        raise TemplateError(f"{origin}/template.toml: [data.reads]: {lost[0]!r} is not there")
    theirs = template.environment
    python = str(theirs.python) if theirs and theirs.warm else sys.executable
    with tempfile.TemporaryDirectory(prefix="nightlab-prepare-") as place:
        places = {name: Path(place) / name for name in ("inputs", "private")}
        told = [str(template.folder), module, function, *places, str(seed)]
        code = f"import os\nfor name in ('inputs', 'private'): os.makedirs(name)\n{PREPARE}"
        done = confined(
            [python, "-P", "-B", "-c", code, *told],
            read=[template.folder, *reads, *([theirs.prefix] if theirs and theirs.warm else [])],
            write=Path(place),
            limits=CONFINED,
        )
        if not done.ok:
            tail = "\n".join(done.stderr.strip().replace(str(template.folder), origin).splitlines()[-12:])
            raise TemplateError(f"{origin}/{module}.py: {function} failed in its sandbox: {done.limit or ''}\n{tail}")
        if done.problems:
            raise TemplateError(f"{origin}/{module}.py: {function} wrote what is not taken over: {done.problems[0]}")
        for name, target in (("inputs", inputs), ("private", private)):
            if places[name].is_dir():
                shutil.copytree(places[name], target, dirs_exist_ok=True)
        private.chmod(0o700)
