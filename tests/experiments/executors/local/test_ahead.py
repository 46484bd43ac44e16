"""What a template loads once, ahead of its runs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from nightlab.experiments.executors.local.inside import preload
from nightlab.experiments.executors.local.isolation.sandbox import LEVELS, probe
from nightlab.experiments.executors.local.local import LocalRunner
from nightlab.experiments.records import Level, RunRequest
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import TemplateError
from tests.conftest import MakeTemplate

HERE: list[Level] = [level for level in ("S3", "S2", "S0") if LEVELS.index(probe()) >= LEVELS.index(level)]
SUPPORT = """\
from __future__ import annotations

import ctypes
import decimal
import mmap
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass


@dataclass
class Loaded:
    at: float

    def __del__(self):
        decimal.loaded = 0.0


def load() -> Loaded:
    decimal.loaded = time.monotonic()
    {last}
    return Loaded(at=decimal.loaded)


def loaded() -> float:
    return getattr(decimal, "loaded", 0.0)
"""
EXPERIMENT = """\
import json

import device


def run(params, inputs, out, seed):
    assert device.__file__.endswith("artifact/device.py"), device.__file__
    (out / "answer.json").write_text(json.dumps({"height": device.loaded()}))
    vars(device.decimal).pop("loaded", None)
"""
EVALUATE = """\
import json


def evaluate(out, private, split):
    return {"height": json.loads((out / "answer.json").read_text())["height"], "cost": 1.0}
"""
NATIVE = """\
sleep = ctypes.cast(ctypes.CDLL(None).pause, ctypes.c_void_p)
    assert ctypes.CDLL(None).pthread_create(ctypes.byref(ctypes.c_ulong()), None, sleep, None) == 0"""
DAEMON = "subprocess.run(['sh', '-c', 'setsid sleep 60 &'], stdin=-3, stdout=-3, stderr=-3, check=True)"
LEFT_OUT = {
    "threading.Thread(target=time.sleep, args=(60,), daemon=True).start()": "it started a thread",
    NATIVE: "it started a thread",
    DAEMON: "it left a process",
    "os.fork() or time.sleep(60)": "it left a process",
    "os._exit(0)": "it ended its process",
    "decimal.shared = mmap.mmap(-1, 4096)": "it mapped memory",
    "sys.exit('no')": "it raised SystemExit: no",
    "import helper": "it raised ModuleNotFoundError: No module named 'helper'",
}


@pytest.fixture
def ran(make_template: MakeTemplate, tmp_path: Path) -> Callable[..., list[float]]:
    """When what two runs found was loaded, the first of which has taken it away; 0.0 where it was not."""

    def run(level: Level, last: str = "pass", encoding: str = "utf-8") -> list[float]:
        called = {'entry = "experiment:run"': 'entry = "experiment:run"\nahead = "device:load"'}
        called['editable = ["experiment.py"]'] = 'editable = ["experiment.py"]\nsupport = ["device.py"]'
        folder = make_template(called, {"experiment.py": EXPERIMENT, "evaluate.py": EVALUATE, "helper.py": ""})
        (folder / "device.py").write_bytes(SUPPORT.replace("{last}", last).encode(encoding))
        load(folder)
        places = {name: tmp_path / f"{folder.name}-{name}" for name in ("inputs", "private", "scratch")}
        for place in places.values():
            place.mkdir()
        request = RunRequest(artifact=folder, params={}, seed=1, splits=("dev",))
        with LocalRunner(load(folder), workers=1, level=level, **places) as runner:
            ended = [runner.submit(request).result(60) for _ in range(2)]
        assert [outcome.error for outcome in ended] == ["", ""]
        return [outcome.metrics["dev"]["height"] for outcome in ended]

    return run


@pytest.mark.parametrize("level", HERE)
@pytest.mark.parametrize(
    ("last", "encoding"),
    [
        ("pass", "utf-8"),
        ("pass", "utf-8-sig"),
        ("with ThreadPoolExecutor(4) as pool: list(pool.map(abs, range(9)))", "utf-8"),
        ("subprocess.run(['true'], check=True)", "utf-8"),
    ],
)
def test_each_run_has_what_was_loaded_once(
    ran: Callable[..., list[float]], caplog: pytest.LogCaptureFixture, level: Level, last: str, encoding: str
) -> None:
    first, second = ran(level, last, encoding)
    assert first == second > 0
    assert "left out" not in caplog.text


@pytest.mark.parametrize("level", HERE)
@pytest.mark.parametrize("last", LEFT_OUT)
def test_what_no_run_can_be_forked_after_is_left_out_and_told(
    ran: Callable[..., list[float]], caplog: pytest.LogCaptureFixture, level: Level, last: str
) -> None:
    began = time.monotonic()
    assert ran(level, last) == [0.0, 0.0]
    assert time.monotonic() - began < 30
    assert caplog.text.count("template.toml: [run.ahead]: device:load is left out") == 1
    assert LEFT_OUT[last] in caplog.text
    left = subprocess.run(["pgrep", "-f", "^sleep 60"], capture_output=True, check=False)
    assert not left.stdout


def test_one_that_does_not_return_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preload, "_PATIENCE", 0.5)
    config = {"preload": [], "ahead": ["device:load", "import time\n\n\ndef load():\n    time.sleep(60)\n"]}

    def work(load: Callable[[], None]) -> NoReturn:
        load()
        os._exit(7)

    pid = preload.warmed(config, work)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert config == {"preload": [], "ahead": [], "unfit": "it did not return within 0.5 s"}


def test_it_is_a_function_of_a_file_that_no_change_may_touch(make_template: MakeTemplate) -> None:
    entry = 'entry = "experiment:run"'

    def refused(ahead: str, **more: str) -> str:
        folder = make_template({entry: f'{entry}\nahead = "{ahead}"', **more}, {"device.py": "def load():\n    pass\n"})
        with pytest.raises(TemplateError) as told:
            load(folder)
        return str(told.value)

    told = "must be under artifact.support alone, as no change may touch it"
    assert f"[run.ahead]: its file experiment.py {told}" in refused("experiment:run")
    assert f"[run.ahead]: its file device.py {told}" in refused("device:load")
    both = {'editable = ["experiment.py"]': 'editable = ["experiment.py"]\nsupport = ["*.py"]'}
    assert f"[run.ahead]: its file experiment.py {told}" in refused("experiment:run", **both)
    supported = {'editable = ["experiment.py"]': 'editable = ["experiment.py"]\nsupport = ["device.py"]'}
    assert "device.py: [run.ahead]: defines no function lode(...); its functions are load" in refused(
        "device:lode", **supported
    )
    folder = make_template(
        {entry: 'ahead = "device:load"\ncommand = ["sh", "run.sh"]', **supported},
        {"device.py": "def load():\n    pass\n"},
    )
    with pytest.raises(TemplateError, match="ahead works with entry alone"):
        load(folder)
    foreign = {'prepare = "prepare:prepare"': 'prepare = "prepare:prepare"\nconfined = true'}
    assert "which is called outside of the confinement that data.confined" in refused(
        "device:load", **supported, **foreign
    )
