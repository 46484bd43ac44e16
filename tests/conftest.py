"""Shared by all tests: no network, and a small template to build on."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

import nightlab
from nightlab.experiments.study import settings

settings.new_key = lambda: "c0ffee00" * 4  # of studies that tests make in this process: what they find repeats
os.environ["NIGHTLAB_ARXIV_URL"] = "http://127.0.0.1:9/api/query"  # nobody listens there

TOML = """\
[template]
name = "toy"
title = "A valley with noise"
description = "Find the lowest point of a valley whose height is measured with noise."

[artifact]
editable = ["experiment.py"]

[data]
prepare = "prepare:prepare"

[run]
entry = "experiment:run"
timeout_s = 5
memory_mb = 512

[evaluate]
entry = "evaluate:evaluate"

[objective]
metric = "height"
direction = "minimize"

[[constraint]]
metric = "cost"
max = 1.5
penalty = 10.0

[search.space.x]
strategy = "east"
type = "float"
low = 0.0
high = 1.0
default = 0.1

[search.space.y]
strategy = "north"
type = "float"
low = 0.0
high = 1.0
default = 0.9

[search.space.mood]
strategy = "mood"
type = "choice"
choices = ["calm", "odd"]
default = "calm"

[budget]
trials = 8
seeds = 2
confirm_seeds = 6
hours = 0.5
"""

EXPERIMENT = """\
import json
import random


def run(params, inputs, out, seed):
    noise = random.Random(f"{seed} {params['x']} {params['y']}").gauss(0, float((inputs / "noise").read_text()))
    height = (params["x"] - 0.7) ** 2 + (params["y"] - 0.2) ** 2 + noise
    (out / "answer.json").write_text(json.dumps({"height": height, "cost": params["x"] + params["y"]}))
"""

EVALUATE = """\
import json


def evaluate(out, private, split):
    answer = json.loads((out / "answer.json").read_text())
    offset = json.loads((private / "offset.json").read_text())[split]
    return {"height": answer["height"] + offset, "cost": answer["cost"]}
"""

PREPARE = """\
import json


def prepare(inputs, private, seed):
    (inputs / "noise").write_text("0.01")
    (private / "offset.json").write_text(json.dumps({"dev": 0.0, "holdout": 0.5}))
"""


def pytest_xdist_auto_num_workers() -> int:
    """Twice as many workers as there are processors, since tests wait half of their time: for limits, for calm, for
    servers that fail."""
    return 2 * (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


MakeTemplate = Callable[..., Path]


@pytest.fixture
def make_template(tmp_path: Path) -> MakeTemplate:
    """Write the toy template with some of its files or strings replaced; returns its folder.

    replace: pairs of strings in template.toml. files: name -> content; None leaves the file out.
    """

    def make(replace: dict[str, str] | None = None, files: dict[str, str | None] | None = None) -> Path:
        folder = tmp_path / f"template-{len(list(tmp_path.glob('template-*')))}"
        folder.mkdir()
        toml = TOML
        for old, new in (replace or {}).items():
            assert old in toml
            toml = toml.replace(old, new)
        contents: dict[str, str | None] = {
            "template.toml": toml,
            "experiment.py": EXPERIMENT,
            "evaluate.py": EVALUATE,
            "prepare.py": PREPARE,
        }
        for name, content in (contents | (files or {})).items():
            if content is not None:
                (folder / name).write_text(content)
        return folder

    return make


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of the digits with few runs, through a revision to its end: one for all tests, which do not change it,
    in all processes that run them."""
    place = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        place = place.parent
    with (place / "digits.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        made = place / "digits.path"
        if not made.is_file():
            few = {"trials": 10, "seeds": 2, "confirm_seeds": 6, "rounds": 1}
            sure = {"seed": 8, "key": "1" * 32}  # a gain that is to be confirmed anew
            made.write_text(str(nightlab.run("digits", out=place / "digits", **few, **sure)))
    return Path(made.read_text())


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only loopback and unix sockets may be connected to."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family != socket.AF_UNIX and isinstance(address, tuple) and address[0] not in ("127.0.0.1", "::1"):
            raise OSError(f"tests have no network: {address!r}")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)
