"""Starts a program in a folder with ./input and ./working, and hands over the submission.csv that it leaves."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

Path("input").symlink_to(Path(os.environ["NIGHTLAB_INPUTS"]).resolve())
Path("working").mkdir(exist_ok=True)
Path("submission").mkdir(exist_ok=True)
done = subprocess.run([sys.executable, *sys.argv[1:]], check=False)
for place in ("submission/submission.csv", "submission.csv", "working/submission.csv"):
    if Path(place).is_file() and not Path(place).is_symlink():
        shutil.copyfile(place, Path(os.environ["NIGHTLAB_OUT"]) / "submission.csv")
        break
sys.exit(done.returncode)
