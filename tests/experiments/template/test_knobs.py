"""Knobs of all kinds: what their tables may say, which points are valid, and how a run gets their values."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path

import pytest

from nightlab.experiments.executors.local.local import local_runner
from nightlab.experiments.records import Params, RunRequest
from nightlab.experiments.search.policy import Exhausted, Tried
from nightlab.experiments.search.registry import make_policy
from nightlab.experiments.template.knobs import constants, rules
from nightlab.experiments.template.knobs.handover import NoPlace, put
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import Template, TemplateError

HEAD = """\
[template]
name = "knobs"
title = "Knobs of all kinds"
description = "A program whose knobs are handed over in every way."
[artifact]
editable = ["train.py"]
support = ["conf/a b.yaml", "conf.json", "pyproject.toml"]
[run]
command = ["python", "train.py", "--opt={optimizer}", "{nesterov}", "--sizes", "{sizes}", "x{momentum}y"]
timeout_s = 20
[evaluate]
parse = "stdout"
[objective]
metric = "loss"
direction = "minimize"
"""
SPACE = """\
[search]
require = ["width * len(sizes) <= 64", "momentum < 0.9 or not nesterov"]
[search.space.optimizer]
type = "choice"
strategy = "optimizer"
choices = ["sgd", "adam"]
default = "adam"
[search.space.momentum]
type = "float"
strategy = "optimizer"
low = 0.0
high = 0.99
default = 0.5
when = {optimizer = "sgd"}
key = "conf/a b.yaml:optim.momentum"
[search.space.nesterov]
type = "bool"
strategy = "optimizer"
default = false
texts = ["", "--nesterov"]
when = {optimizer = ["sgd"]}
[search.space.width]
type = "int"
strategy = "size"
low = 1
high = 64
default = 8
constant = "train.py:Config.width"
[search.space.sizes]
type = "choice"
strategy = "size"
choices = [[64], [64, 64], [64, 64, 64, 64]]
default = [64, 64]
[search.space.level]
type = "ordinal"
strategy = "size"
choices = ["low", "middle", "high"]
default = "middle"
env = "LEVEL"
[search.space.amp]
type = "bool"
strategy = "size"
default = true
key = "conf.json:train.amp"
[search.space.rate]
type = "float"
strategy = "size"
low = 1e-6
high = 1.0
log = true
default = 0.1
key = "pyproject.toml:tool.train.rate"
"""
YAML = "# ours\noptim:\n  name: !custom adam  # of all\n  momentum: 0.9\n  other: [1, 2]\n"
TOML = '[project]\nname = "x"\n\n[tool.train]\nrate = 0.1  # the rate\nother = "rate = 0.1"\n'
TRAIN = '''\
# -*- coding: utf-8 -*-
import json, os, sys

GRÖSSE = 1; class_ = "x"


class Config:
    """Sizes."""

    width: int = 32  # units
    depth = 2


text = "".join(open(name).read() for name in ("conf/a b.yaml", "conf.json", "pyproject.toml"))
print("told:", json.dumps([sys.argv[1:], Config.width, os.environ["LEVEL"], text]))
print("loss: 0.5")
'''


def _template(folder: Path, space: str = SPACE, head: str = HEAD) -> Template:
    files = {"template.toml": head + space, "train.py": TRAIN, "conf/a b.yaml": YAML, "pyproject.toml": TOML}
    for name, text in {**files, "conf.json": '{"train": {"amp": true, "n": 1}}'}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return load(folder)


def _scores(policy: str, template: Template, number: int) -> list[Params]:
    """What a search of so many trials proposes, with a made-up landscape."""
    made = make_policy(policy, knobs=template.knobs, strategies=template.strategies, seed=3)
    trials = [
        Tried(number=0, parent=None, strategy="", params=template.defaults, verdict="baseline", score=0.0, replicates=1)
    ]
    for n in range(1, number):
        try:
            p = made.propose(trials, n)
        except Exhausted:
            break
        score = float(p.params["momentum"]) - abs(float(p.params["rate"]) - 0.3)  # type: ignore[arg-type]
        better = score > max(t.score or 0.0 for t in trials)
        trials.append(
            Tried(
                number=n,
                parent=p.parent,
                strategy=p.strategy,
                params=p.params,
                verdict="kept" if better else "failed" if n % 7 == 0 else "reverted",
                score=None if n % 7 == 0 and not better else score,
                replicates=1,
                order=n,
            )
        )
    return [t.params for t in trials]


@pytest.mark.parametrize("policy", ["greedy", "tree", "evolution", "archive", "gp", "tpe", "cmaes", "random"])
def test_every_policy_proposes_valid_points_alone(tmp_path: Path, policy: str) -> None:
    template = _template(tmp_path)
    points = _scores(policy, template, 10)
    assert len(points) == 10
    for point in points:
        assert rules.broken(template.knobs, point) == ""
        assert rules.settled(template.knobs, point) == point
    assert len({tuple(point.values()) for point in points}) == len(points)
    assert {point["optimizer"] for point in points} == {"sgd", "adam"}  # each of which has knobs of its own


def test_a_run_gets_every_knob_where_it_is_wanted(tmp_path: Path) -> None:
    (folder := tmp_path / "template").mkdir()
    template = _template(folder)
    for place in ("inputs", "private"):
        (tmp_path / place).mkdir()
    changed: Params = {
        **template.defaults, "optimizer": "sgd", "momentum": 1e-05, "nesterov": "true", "width": 4, "level": "high",
        "sizes": "[64, 64, 64, 64]", "amp": "false", "rate": 1e-05,
    }  # fmt: skip
    runner = local_runner(
        template, inputs=tmp_path / "inputs", private=tmp_path / "private", scratch=tmp_path / "scratch"
    )
    told = []
    with runner:
        for params in (template.defaults, changed):
            outcome = runner.submit(RunRequest(artifact=folder, params=params, seed=1)).result(60)
            assert outcome.status == "ok", outcome.error + outcome.output
            told.append(json.loads(outcome.output.partition("told: ")[2].partition("\n")[0]))
    (argv, width, level, text), after = told
    assert (argv, width, level) == (["--opt=adam", "--sizes", "[64, 64]", "x0.5y"], 8, "middle")
    assert "momentum: 0.5" in text
    argv, width, level, text = after
    assert argv == ["--opt=sgd", "--nesterov", "--sizes", "[64, 64, 64, 64]", "x1e-05y"]
    assert (width, level) == (4, "high")
    assert "# ours\noptim:\n  name: !custom adam  # of all\n  momentum: 1.0e-05\n  other: [1, 2]\n" in text
    assert '"amp": false, "n": 1' in text
    assert '[tool.train]\nrate = 1e-05  # the rate\nother = "rate = 0.1"\n' in text


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("default = false", 'default = "off"', r"nesterov\]: default 'off' must be true or false"),
        ('{optimizer = "sgd"}', '{optimiser = "sgd"}', r"momentum\.when\]: 'optimiser' is no other knob"),
        ('{optimizer = "sgd"}', '{optimizer = "rms"}', r"momentum\.when\]: 'rms' is no choice of optimizer"),
        ('{optimizer = "sgd"}', "{nesterov = true}\n[search.space.nestrov]", r"nestrov"),
        ("width * len(sizes) <= 64", "width * len(sizes) <= 6", r"require\]: .* does not hold for the defaults"),
        ("width * len(sizes) <= 64", "depth <= 64", r"require\]: 'depth' in 'depth <= 64' is no knob"),
        ("width * len(sizes) <= 64", "open('x')", r"require\]: .* must compare knobs and numbers"),
        ("width * len(sizes) <= 64", "width <=", r"require\]: .* is no comparison of knobs"),
        ("Config.width", "Config.with", r"constant\]: train\.py: it has no constant 'Config\.with'; .*Config\.width"),
        ("optim.momentum", "optim.mu", r"key\]: conf/a b\.yaml: it has no key 'optim\.mu'"),
        ("conf.json:train.amp", "other.json:train.amp", r"key\]: 'other\.json' must be listed under artifact"),
        ("pyproject.toml:tool", "pyproject.toml", r"key\]: must be the file and what stands in it"),
        ('texts = ["", "--nesterov"]', 'texts = ["--nesterov"]', r"texts needs one for each of the choices"),
        ("[64, 64, 64, 64]]", "[64, 64]]", r"two of the choices cannot be told apart"),
        ('env = "LEVEL"', 'env = "A B"', r"env\]: must be a name of letters"),
    ],
)
def test_what_is_wrong_is_told_with_its_key(tmp_path: Path, old: str, new: str, told: str) -> None:
    assert old in SPACE
    with pytest.raises(TemplateError, match=told):
        _template(tmp_path, SPACE.replace(old, new, 1))


def test_conditions_in_a_circle_are_told(tmp_path: Path) -> None:
    space = SPACE.replace('default = "adam"', 'default = "adam"\nwhen = {nesterov = true}')
    with pytest.raises(TemplateError, match=r"optimizer.*depend on one another"):
        _template(tmp_path, space)


CODE = '''\
"""Für alle."""
RATE = 0.1; NAMES = ("ü", 2)
total = 0
total += 1
CONFIG = {"lr": 1e-3, "inner": {"on": True}, **{}}
cfg = dict(width=8)

class Net:
    depth: int = -2
    def fit(self, epochs=3, *, decay: float = 0.5):
        momentum = 0.9
        for step in range(epochs):
            rate = step
        return RATE * momentum

async def main(flag=False): ...
'''


def test_constants_are_found_by_their_scopes() -> None:
    found = {c.name: c.value for c in constants.constants(CODE.encode())}
    assert found == {
        "RATE": 0.1, "NAMES": ("ü", 2), "CONFIG.lr": 1e-3, "CONFIG.inner.on": True, "cfg.width": 8, "Net.depth": -2,
        "Net.fit.epochs": 3, "Net.fit.decay": 0.5, "Net.fit.momentum": 0.9, "main.flag": False,
    }  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_a_constant_alone_is_replaced(encoding: str, newline: str) -> None:
    source = (f"# -*- coding: {encoding} -*-\n" + CODE).replace("\n", newline).encode(encoding)
    for name, old, new in (("NAMES", '("ü", 2)', "('ß', 3)"), ("Net.depth", "-2", "-7"), ("RATE", "0.1", "0.25")):
        after = put("a.py", source, name, eval(new))
        assert after.decode(encoding) == source.decode(encoding).replace(old, new, 1)


@pytest.mark.parametrize(
    ("file", "text", "key", "value", "after"),
    [
        ("a.toml", "x = 1\n[a]\nx = 1\n[a.b]\nx = 1\n", "a.x", 2, "x = 1\n[a]\nx = 2\n[a.b]\nx = 1\n"),
        ("a.toml", 'a = {x = "1", y = [1, 2]}\n', "a.y", [3], 'a = {x = "1", y = [3]}\n'),
        ("a.yaml", "a:\n- x: 'q'\n- x: r\nb: 2", "a.1.x", "no: #", "a:\n- x: 'q'\n- x: \"no: #\"\nb: 2"),
        ("a.yml", "a: {b: yes, c: 1}\n", "a.b", False, "a: {b: false, c: 1}\n"),
        ("a.yaml", "a:\n  - 1\n  - 2\nb: 3\n", "a", [4], "a:\n  [4]\nb: 3\n"),
        ("a.json", '{\n  "a": [{"ü": 1}]\n}\n', "a.0.ü", "ß", '{\n  "a": [\n    {\n      "ü": "ß"\n    }\n  ]\n}\n'),
    ],
)
def test_a_key_alone_is_replaced(file: str, text: str, key: str, value: object, after: str) -> None:
    assert put(file, text.encode(), key, value).decode() == after


@pytest.mark.parametrize(
    ("file", "text", "key"),
    [
        ("a.toml", "x = 1\n", "y"),
        ("a.toml", "x = \n", "x"),
        ("a.yaml", "a: 1\na: 2\n", "a"),
        ("a.yaml", "a: [", "a"),
        ("a.json", "[1]", "2"),
        ("a.py", "x = 1\nx = 2\n", "x"),
        ("a.py", "def :", "x"),
        ("a.ini", "x = 1", "x"),
    ],
)
def test_a_place_that_is_not_there_is_told(file: str, text: str, key: str) -> None:
    with pytest.raises(NoPlace, match=r"a\."):
        put(file, text.encode(), key, 1)


def test_toml_stays_what_it_was_but_for_the_key() -> None:
    assert tomllib.loads(put("p.toml", TOML.encode(), "tool.train.rate", 0.25).decode()) == {
        **tomllib.loads(TOML), "tool": {"train": {"rate": 0.25, "other": "rate = 0.1"}}
    }  # fmt: skip


def test_a_requirement_that_cannot_be_computed_does_not_hold() -> None:
    values: dict[str, object] = {"a": 0, "b": "x"}
    texts: Sequence[str] = ["1 / a > 0", "a < b", "a + 1 > 0", "b in ['x', 'y']", "min(a, 2) == 0 and not a"]
    assert [rules.holds(text, values) for text in texts] == [False, False, True, True, True]
