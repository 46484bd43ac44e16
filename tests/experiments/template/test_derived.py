"""Knobs by rule out of the constants of code, for templates that declare none."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightlab.experiments.study import study
from nightlab.experiments.study.settings import Settings, SettingsError, refuse_idle
from nightlab.experiments.template.knobs.derived import derived
from nightlab.experiments.template.loading import load
from tests.conftest import TOML

BARE = TOML.partition("[search.space.x]")[0]
CODE = '''\
"""Learns."""
from typing import Literal

RATE = 0.03
MOMENTUM = 0.9
SHIFT = -2.0
DROP = 0.0
EPOCHS, SEED = 10, 3
LAYERS = 2
FAST = True
OPTIMIZER = "adam"
NAME = "nothing else"
LOSS = "mse"
loss = {"mse": 1, "mae": 2}[LOSS]
KINDS = {"relu": max, "tanh": min}
data_seed = 5

class Config:
    kind: str = "tanh"
    loss: Literal["l1", "l2"] = "l2"

def run(params, inputs, out, seed, *, mode="slow"):
    act = KINDS[Config.kind]
    if OPTIMIZER == "sgd" or OPTIMIZER in ("adam", "lion"):
        pass
    match mode:
        case "slow" | "quick":
            counter = 0
    for step in range(10):
        counter += 1
'''


def _made(folder: Path, code: str, toml: str = BARE) -> Path:
    (folder / "template").mkdir()
    (folder / "template/template.toml").write_text(toml, newline="")
    (folder / "template/experiment.py").write_text(code)
    (folder / "template/prepare.py").write_text("def prepare(inputs, private, seed): ...")
    (folder / "template/evaluate.py").write_text("def evaluate(out, private, split): return {} if split else {}")
    return folder / "template"


def test_constants_become_knobs_by_the_rule(tmp_path: Path) -> None:
    found = derived(load(_made(tmp_path, CODE)))
    ranges = {name: (t.get("low"), t.get("high"), t.get("log")) for name, t in found.items() if "low" in t}
    assert ranges == {
        "RATE": (0.003, 0.3, True),
        "MOMENTUM": (0.09, 1.0, True),
        "SHIFT": (-20.0, -0.2, False),
        "DROP": (0.0, 1.0, None),
        "LAYERS": (1, 8, True),
    }
    choices = {name: set(t["choices"]) for name, t in found.items() if "choices" in t}
    assert choices == {
        "LOSS": {"mse", "mae"},
        "OPTIMIZER": {"adam", "sgd", "lion"},
        "Config_kind": {"tanh", "relu"},
        "Config_loss": {"l1", "l2"},
        "run_mode": {"slow", "quick"},
    }
    assert found["FAST"]["type"] == "bool"
    assert set(found) == {*ranges, *choices, "FAST"}


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_study_without_a_model_varies_them(tmp_path: Path, newline: str) -> None:
    folder = _made(tmp_path, CODE, BARE.replace("\n", newline))
    made = study.read(study.create(load(folder), Settings(), tmp_path, "experiment", vary=True))
    assert made.template.defaults["Config_kind"] == "tanh"
    assert made.template.handed({"RATE": 0.25}, {"experiment.py": CODE.encode()}).files == {
        "experiment.py": CODE.replace("0.03", "0.25").encode()
    }
    made.close()
    assert "search.space" not in (folder / "template.toml").read_text()  # theirs stays as it is
    with_model = study.read(study.create(load(folder), Settings(), tmp_path, "experiment"))
    assert with_model.template.knobs == ()
    with_model.close()


@pytest.mark.parametrize(
    "code", ["def run(params, inputs, out, seed): ...\n", "SEED = 4\nN = 0\n" + "def run(a, b, c, d): ..."]
)
def test_where_nothing_can_be_varied_it_is_refused(tmp_path: Path, code: str) -> None:
    with pytest.raises(SettingsError, match="declares no knobs, its editable files hold no constants") as refused:
        refuse_idle(load(_made(tmp_path, code)), edits=False)
    assert refused.value.exit_code == 2
