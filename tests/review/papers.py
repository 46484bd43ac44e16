"""Finished papers of small studies, clean: a positive one, a negative one, an exact one, and one of edits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import nightlab
from nightlab.agents.offline import offline_team
from nightlab.agents.team import StudySubmission
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import read
from nightlab.graph import reviewing
from nightlab.graph.lab import Lab
from tests.conftest import EVALUATE, EXPERIMENT, PREPARE, TOML

BIBLIOGRAPHY = Path(nightlab.__file__).parent / "templates" / "digits" / "references.bib"
VALLEY = TOML.replace("confirm_seeds = 6", "confirm_seeds = 10")
EDITED = """\
import json
import random

X = 0.1
Y = 0.9


def run(params, inputs, out, seed):
    noise = random.Random(seed).gauss(0, 0.01)
    height = (X - 0.7) ** 2 + (Y - 0.2) ** 2 + noise
    (out / "answer.json").write_text(json.dumps({"height": height, "cost": X + Y}))
"""
# Clean papers that are measured; "noisy" makes one with a wide interval besides.
KINDS = ("positive", "negative", "exact", "edits")


def make(
    kind: str, place: Path, *, trials: int = 8, rounds: int = 0, reviews: Sequence[Mapping[str, Any]] = ()
) -> Path:
    """Run the study of a kind of paper below a folder; returns the study's folder. reviews: the answers of a scripted
    model that reviews it, by stage."""
    toml, experiment, prepare = VALLEY, EXPERIMENT, PREPARE
    models: dict[str, str] = {}
    if kind == "negative":
        toml = toml.replace("default = 0.1", "default = 0.7").replace("default = 0.9", "default = 0.2")
    if kind == "noisy":
        prepare = prepare.replace('"0.01"', '"0.5"')
    if kind == "exact":
        prepare = prepare.replace('"0.01"', '"0"')
    place.mkdir(parents=True, exist_ok=True)
    if reviews:
        played = place / "reviews.jsonl"
        played.write_text("".join(f"{json.dumps({'repeat': True, **row})}\n" for row in reviews))
        models = {"reviewer": f"fake:{played}"}
    if kind == "edits":
        toml, experiment = toml.split("[search.space.x]")[0] + "[budget]" + toml.split("[budget]")[1], EDITED
        edits = [("X = 0.1", "X = 0.6"), ("Y = 0.9", "Y = 0.3")]
        script = place / "script.jsonl"
        rows = [{"answer": {"edits": [{"file": "experiment.py", "search": a, "replace": b}],
                            "hypothesis": "another start is lower", "strategy": "edit"}} for a, b in edits]  # fmt: skip
        script.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        models, trials = {**models, "coder": f"fake:{script}"}, 2
    template = place / f"template-{kind}"
    template.mkdir(exist_ok=True)
    texts = {"template.toml": toml, "experiment.py": experiment, "evaluate.py": EVALUATE, "prepare.py": prepare}
    for name, text in texts.items():
        (template / name).write_text(text, encoding="utf-8")
    (template / "references.bib").write_bytes(BIBLIOGRAPHY.read_bytes())
    return nightlab.run(template, out=place / "studies", trials=trials, rounds=rounds, models=models)


def submitted(folder: Path) -> StudySubmission:
    """The published paper of a study as its panel sees it."""
    with closing(read(folder)) as study:
        return reviewing.submission(Lab(study, offline_team(Settings()), _no_runner))


def _no_runner() -> None:
    raise AssertionError("no run is needed")
