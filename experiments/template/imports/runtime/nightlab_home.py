"""Starts a program whose data lie below HOME, with a HOME in which they are the study's inputs."""

import json
import os
import sys
from pathlib import Path

told = json.loads((Path(__file__).resolve().parent / "imported.json").read_text(encoding="utf-8"))
home = Path(os.environ["HOME"]).resolve()
cache = home / told["cache"]
cache.parent.mkdir(parents=True, exist_ok=True)
cache.symlink_to(Path(told["bound"] or os.environ["NIGHTLAB_INPUTS"]).resolve())
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
