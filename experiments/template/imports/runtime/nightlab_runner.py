"""A run that scores itself by a foreign evaluator in its own process, for what no judge can call."""

from __future__ import annotations

import json
import random
import tempfile
from pathlib import Path
from typing import Any

import nightlab_evolve as evolve


def run(params: dict[str, Any], inputs: Path, out: Path, seed: int) -> None:
    """Write metrics.json, and feedback.txt beside it."""
    random.seed(seed)
    program = evolve.HERE / evolve.configured()["program"]
    with tempfile.TemporaryDirectory() as name, evolve.laid_out(Path(name)) as theirs:
        found = evolve.evaluated(theirs, program, Path(name))
    (out / "feedback.txt").write_text(str(found.pop("feedback")), encoding="utf-8")
    (out / "metrics.json").write_text(json.dumps(found), encoding="utf-8")
