"""Hostile experiments in a whole study: they neither stop it nor recognise what a run is for."""

from __future__ import annotations

from pathlib import Path

import pytest

import nightlab
from nightlab.experiments.executors.local.isolation.sandbox import probe
from nightlab.experiments.study.study import read
from tests.conftest import MakeTemplate

TOML = """\
[template]
name = "regrow"
title = "Regrow the private labels"
description = "Predict private numbers that the preparation draws after the public ones."
[artifact]
editable = ["experiment.py"]
[data]
prepare = "prepare:prepare"
[run]
entry = "experiment:run"
timeout_s = 8
memory_mb = 512
[evaluate]
entry = "evaluate:evaluate"
[objective]
metric = "error"
direction = "minimize"
[search.space.x]
strategy = "a"
type = "float"
low = 0.0
high = 1.0
default = 0.5
[budget]
seeds = 1
confirm_seeds = 2
"""
PREPARE = """\
import numpy

def prepare(inputs, private, seed):
    rng = numpy.random.default_rng(seed)
    numpy.save(inputs / "x.npy", rng.normal(size=20))
    for split in ("dev", "holdout"):
        numpy.save(private / f"{split}.npy", rng.normal(size=20))
"""
EVALUATE = """\
import numpy

def evaluate(out, private, split):
    guess = numpy.load(out / f"{split}.npy", allow_pickle=False)
    return {"error": float(abs(numpy.load(private / f"{split}.npy") - guess).mean())}
"""
EXPERIMENT = """\
import ctypes, hashlib, os
import numpy

PURPOSES = ("search", "confirm", "confirm 1", "select", "rung", "ablate", "baseline", "holdout")

def known(seed):
    for purpose in PURPOSES:
        for words in (f"{base}/{purpose}/{n}" for base in range(3) for n in range(32)):
            if int.from_bytes(hashlib.sha256(words.encode()).digest()[:4], "big") >> 1 == seed:
                return words

def run(params, inputs, out, seed):
    clone = 56 if os.uname().machine == "x86_64" else 220
    if ctypes.CDLL(None).syscall(clone, 0x8011, 0, 0, 0, 0) == 0:  # a child of the parent, which waits for nobody
        os._exit(0)
    if known(seed):
        print("RECOGNISED", known(seed))
    public, answers = numpy.load(inputs / "x.npy"), {}
    for guess in (*range(300), seed):
        rng = numpy.random.default_rng(guess)
        if numpy.array_equal(rng.normal(size=20), public):
            answers = {split: rng.normal(size=20) for split in ("dev", "holdout")}
            print("REGROWN from", guess)
    for split in ("dev", "holdout"):
        numpy.save(out / f"{split}.npy", answers.get(split, numpy.zeros(20)))
"""


@pytest.mark.skipif(probe() not in ("S3", "S2"), reason="this machine confines nothing")
def test_a_study_goes_on_and_its_runs_do_not_know_what_they_are_for(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    files = {"template.toml": TOML, "experiment.py": EXPERIMENT, "evaluate.py": EVALUATE, "prepare.py": PREPARE}
    result = nightlab.experiment(make_template(files=files), out=tmp_path, trials=2, workers=1)
    study = read(Path(result["study"]))
    runs = [run.outcome for run in study.ledger.runs() if run.outcome]
    study.close()
    assert (result["trials"], result["failed"]) == (2, 0)
    assert {run.status for run in runs} == {"ok"}
    assert [run.output for run in runs if "RECOGNISED" in run.output or "REGROWN" in run.output] == []
    assert all(scores["error"] > 0.2 for run in runs for scores in run.metrics.values())
