"""The preparation of a study's data: the template's own code, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

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


def run_prepare(template: Template, origin: str, draws: Sequence[tuple[Path, Path, int]]) -> None:
    """Fill the folders of each draw, by its seed.

    origin: the folder that the study's template is a copy of, which is where a fault is mended. Raises TemplateError.
    """
    assert template.spec.data is not None
    module, function = template.spec.data.prepare.split(":")
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
            env={**os.environ, "PYTHONIOENCODING": "utf-8:backslashreplace"},  # whatever terminal started the study
            timeout=PREPARE_TIMEOUT_S,
            start_new_session=True,  # Ctrl-C is ours to answer, and no fault of the template
        )
    except subprocess.TimeoutExpired:
        raise TemplateError(f"{origin}/{module}.py: {function} did not end within an hour") from None
    if done.returncode:
        tail = "\n".join(done.stderr.strip().replace(str(template.folder), origin).splitlines()[-12:])
        raise TemplateError(f"{origin}/{module}.py: {function} failed:\n{tail}")
