"""What a template loads once, ahead of its runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightlab.experiments.executors.local.isolation.sandbox import LEVELS, probe
from nightlab.experiments.executors.local.local import LocalRunner
from nightlab.experiments.records import Level, RunOutcome, RunRequest
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import TemplateError
from tests.conftest import MakeTemplate

HERE: list[Level] = [level for level in ("S3", "S2", "S0") if LEVELS.index(probe()) >= LEVELS.index(level)]
SUPPORT = """\
from __future__ import annotations

import decimal
import os
import sys
import threading
import time
from dataclasses import dataclass


@dataclass
class Loaded:
    at: float


def load() -> Loaded:
    decimal.loaded = Loaded(at=time.monotonic())
    {last}
    return decimal.loaded


def loaded() -> bool:
    return hasattr(decimal, "loaded")
"""
EXPERIMENT = """\
import json

import device


def run(params, inputs, out, seed):
    assert device.__file__.endswith("artifact/device.py"), device.__file__
    (out / "answer.json").write_text(json.dumps({"height": float(device.loaded())}))
    vars(device.decimal).pop("loaded", None)
"""
EVALUATE = """\
import json


def evaluate(out, private, split):
    return {"height": json.loads((out / "answer.json").read_text())["height"], "cost": 1.0}
"""
THREAD = "import ctypes; from _thread import start_new_thread; start_new_thread(time.sleep, (60,))"
NATIVE = """\
import ctypes
    sleep = ctypes.cast(ctypes.CDLL(None).pause, ctypes.c_void_p)
    assert ctypes.CDLL(None).pthread_create(ctypes.byref(ctypes.c_ulong()), None, sleep, None) == 0"""


def ran(make_template: MakeTemplate, tmp_path: Path, level: Level, last: str = "pass") -> RunOutcome:
    """The last of two runs, the first of which has taken away what was loaded."""
    called = {'entry = "experiment:run"': 'entry = "experiment:run"\nahead = "device:load"'}
    called['editable = ["experiment.py"]'] = 'editable = ["experiment.py"]\nsupport = ["device.py"]'
    source = SUPPORT.replace("{last}", last)
    folder = make_template(called, {"experiment.py": EXPERIMENT, "evaluate.py": EVALUATE, "device.py": source})
    places = {name: tmp_path / f"{folder.name}-{name}" for name in ("inputs", "private", "scratch")}
    for place in places.values():
        place.mkdir()
    request = RunRequest(artifact=folder, params={}, seed=1, splits=("dev",))
    with LocalRunner(load(folder), workers=1, level=level, **places) as runner:
        return [runner.submit(request).result(60) for _ in range(2)][-1]


@pytest.mark.parametrize("level", HERE)
def test_each_run_has_what_was_loaded_once(make_template: MakeTemplate, tmp_path: Path, level: Level) -> None:
    outcome = ran(make_template, tmp_path, level)
    assert outcome.status == "ok", outcome.error
    assert outcome.metrics["dev"]["height"] == 1.0


@pytest.mark.parametrize("level", HERE)
@pytest.mark.parametrize(
    "last", [THREAD, NATIVE, "os._exit(0)", "os.fork() or time.sleep(1)", "sys.exit('no')", "raise MemoryError"]
)
def test_what_no_run_could_be_forked_from_costs_only_the_time_that_it_saved(
    make_template: MakeTemplate, tmp_path: Path, level: Level, last: str
) -> None:
    outcome = ran(make_template, tmp_path, level, last=last)
    assert outcome.status == "ok", outcome.error
    assert outcome.metrics["dev"]["height"] == (1.0 if last.startswith(("sys.exit", "raise")) else 0.0)


def test_it_is_a_function_of_a_file_that_no_change_may_touch(make_template: MakeTemplate) -> None:
    entry = 'entry = "experiment:run"'

    def refused(ahead: str, **more: str) -> str:
        folder = make_template({entry: f'{entry}\nahead = "{ahead}"', **more}, {"device.py": "def load():\n    pass\n"})
        with pytest.raises(TemplateError) as told:
            load(folder)
        return str(told.value)

    assert "[run.ahead]: its file experiment.py must be listed under artifact.support" in refused("experiment:run")
    assert "[run.ahead]: its file device.py must be listed under artifact.support" in refused("device:load")
    supported = {'editable = ["experiment.py"]': 'editable = ["experiment.py"]\nsupport = ["device.py"]'}
    assert "device.py: [run.ahead]: defines no function lode(...); its functions are load" in refused(
        "device:lode", **supported
    )
    folder = make_template(
        {entry: 'ahead = "device:load"\ncommand = ["sh", "run.sh"]', **supported},
        {"device.py": "def load():\n    pass\n"},
    )
    with pytest.raises(TemplateError, match="ahead is of runs that fork"):
        load(folder)
