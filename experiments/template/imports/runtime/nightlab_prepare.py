"""Copies the data of an imported task to where its runs have them; it runs in a sandbox."""

from __future__ import annotations

import json
import shutil
from pathlib import Path


def prepare(inputs: Path, private: Path, seed: int) -> None:
    """Plain files alone: no link is followed."""
    here = Path(__file__).resolve().parent
    place = here / json.loads((here / "imported.json").read_text(encoding="utf-8"))["data"]
    for source in sorted(place.rglob("*")):
        target = inputs / source.relative_to(place)
        if source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
