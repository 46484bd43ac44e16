"""The small studies that are altered, and what came of verifying them."""

from __future__ import annotations

import importlib.util
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

from nightlab.agents.chat.settings import settings_from
from nightlab.experiments.study.study import read
from nightlab.graph.session import begin, work
from nightlab.verification.bundle import write
from nightlab.verification.verify import UNREADABLE, verify
from tests.agents.scripts import good
from tests.conftest import EVALUATE, EXPERIMENT, PREPARE, TOML
from tests.tamper.alterations import ALTERATIONS

STRANGER = Path(__file__).parents[2] / "verify.py"
REPORTS = """    (out / "series.csv").write_text(f"step,name,value\\n1,height,{height}\\n2,height,{height / 2}\\n")
"""
BY_ITEM = """    heights = [answer["height"] + offset + n % 7 / 100 * answer["cost"] for n in range(20)]
    height = sum(heights) / len(heights)
    items = {"height": heights, "group": [n // 2 + round(200 * offset) for n in range(20)]}
    return {"height": height, "cost": answer["cost"], "items": items}
"""
FILES = {
    "template.toml": TOML,
    "experiment.py": EXPERIMENT + REPORTS,
    "evaluate.py": EVALUATE.partition("    return")[0] + BY_ITEM,
    "prepare.py": PREPARE,
}
BIB = """@article{walks2020, title={Random walks in valleys}, author={A. Walker}, year={2020}, eprint={2001.00001},
archiveprefix={arXiv}, abstract={About searching valleys by random walks.}}"""


def study(place: Path, seed: int = 3, *, models: bool = True, venue: str = "", trials: int = 5) -> Path:
    """A finished study of the toy template; models: with recorded answers of one in every role."""
    template = place / "template"
    template.mkdir(parents=True, exist_ok=True)
    for name, content in {**FILES, "references.bib": BIB}.items():
        (template / name).write_text(content)
    asked = {"model": good(place / "script.json"), "record": True} if models else {}
    settings, staff = settings_from(
        {"trials": trials, "rounds": 0, "confirm_seeds": 4, "seed": seed, "venue": venue, **asked}
    )
    folder = begin(template, settings, place, "pipeline", staff)
    work(folder, lambda _event: None)
    return folder


def altered(study: Path, to: Path, kind: str, seed: int) -> tuple[Path, str]:
    """A copy of a study with one alteration, and what that is."""
    shutil.rmtree(to, ignore_errors=True)
    shutil.copytree(study, to)
    return to, ALTERATIONS[kind](to, random.Random(f"{kind} {seed}"))


@cache
def stranger() -> Any:
    """verify.py as a module."""
    spec = importlib.util.spec_from_file_location("stranger", STRANGER)
    assert spec
    assert spec.loader
    spec.loader.exec_module(module := importlib.util.module_from_spec(spec))
    return module


def by_a_stranger(bundle: Path, *options: str) -> dict[str, Any]:
    """What verify.py says of a bundle."""
    command = [sys.executable, "-I", str(STRANGER), str(bundle), "--json", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    body: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == (0 if body["ok"] else 1), done.stderr
    return body


def wrong_by_a_stranger(folder: Path) -> list[str]:
    """What verify.py finds in the bundle of a study; also where no bundle can be written of it any more."""
    to = folder.with_suffix(".zip")
    try:
        with closing(read(folder)) as opened:
            write(opened, to)
    except UNREADABLE as error:
        return [str(error)]
    return list(stranger().check(str(to))["problems"])


def wrong(folder: Path) -> list[str]:
    """What verifying finds."""
    return list(_wrong(folder))


def first_wrong(folder: Path) -> str:
    """What verifying finds first; it goes no further."""
    return next(_wrong(folder), "")


def _wrong(folder: Path) -> Iterator[str]:
    return (json.dumps(vars(found)) for found in verify(folder) if found.severity == "error")
