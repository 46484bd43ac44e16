"""`nightlab check`: each fault of a template is found by running it, and told with the key and what would mend it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nightlab.cli import app
from nightlab.graph.template.attacks import attacks, patched
from nightlab.graph.template.checking import Examination, examine

HEAD = """\
[template]
name = "mine"
title = "My script"
description = "A script that prints its validation loss."
[artifact]
editable = ["train me.py"]
[run]
command = ["python", "train me.py", "--lr={lr}", "{seed}", "{idle}"]
timeout_s = 10
[evaluate]
parse = "stdout"
[objective]
metric = "val_loss"
direction = "minimize"
[search.space.lr]
type = "float"
strategy = "a"
low = 0.0
high = 1.0
default = 0.1
[search.space.idle]
type = "int"
strategy = "a"
low = 0
high = 9
default = 0
when = {fast = true}
[search.space.fast]
type = "bool"
strategy = "a"
default = false
env = "FAST"
"""
SCRIPT = """\
import os, random, sys
lr, seed, idle = float(sys.argv[1][5:]), int(sys.argv[2]), int(sys.argv[3])
noise = random.Random(seed).gauss(0, 0.01)
for epoch in range(3):
    print(f"epoch {epoch} val_loss={(lr - 0.3) ** 2 + noise + (os.environ['FAST'] == 'true') * 0.1 + 0.01 * idle}")
"""
JUDGED = HEAD.replace('parse = "stdout"', 'entry = "judge:score"')
JUDGED_SCRIPT = SCRIPT + "open(os.environ['NIGHTLAB_OUT'] + '/loss', 'w').write(str(lr))\n"
JUDGE = """\
import runpy
def bound(x): return x
def score(out, private, split):
    x = float((out / "loss").read_text())
    return {"val_loss": bound(x - 0.3 if split == "dev" else x - 0.4)}
"""


def _examined(folder: Path, toml: str = HEAD, script: str = SCRIPT, judge: str = JUDGE) -> Examination:
    (folder / "template.toml").write_text(toml)
    (folder / "train me.py").write_text(script)
    (folder / "judge.py").write_text(judge)
    return examine(folder)


def test_a_sound_template_is_told_in_numbers(tmp_path: Path) -> None:
    found = _examined(tmp_path)
    assert found.ok, found.findings
    facts = found.facts
    assert facts["knobs"] == ["lr", "idle", "fast"]
    assert facts["trust"] == "reported"
    assert 0.001 < facts["noise"] < 0.05
    assert 0 < facts["smallest_effect"] < 0.05
    assert facts["study"]["runs"][0] >= 40


@pytest.mark.parametrize(
    ("bounds", "told"),
    [
        ("max = 30.5", ""),
        ("max = 30.5\nhard = false", ""),
        ("max = 30.012", "where max = 30.012: that is within 3 standard deviations of a violation"),
        ("min = 30.0099", "of 5 runs violate it, and no change that does can be kept"),
        ("min = 31.0\nmax = 32.0", "where min = 31 and max = 32: 5 of 5 runs violate it"),
        ("min = 31.0\npenalty = 1.0\nhard = false", ""),
    ],
)
def test_a_baseline_beyond_a_constraint_or_near_it_is_told(tmp_path: Path, bounds: str, told: str) -> None:
    toml = HEAD.replace("[search.space.lr]", f'[[constraint]]\nmetric = "size"\n{bounds}\n[search.space.lr]')
    found = _examined(tmp_path, toml, f"{SCRIPT}import math\nprint(f'size={{30 + math.cos(seed) / 100}}')\n")
    about = [f for f in found.findings if f.kind == "constraint"]
    assert [told in f.text for f in about] == ([True] if told else []), about
    assert found.ok, found.findings


PREPARED = """\
def prepare(inputs, private, seed): (inputs / "rate").write_text("0.3")
def same(inputs, private, seed): prepare(inputs, private, seed)
def none(inputs, private, seed): raise OSError("no second data")
def other(inputs, private, seed): (inputs / "rate").write_text("0.5")
def crooked(inputs, private, seed): (inputs / "rate").write_text("half")
"""


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("other", ""),
        ("same", "its data are those of the first task"),
        ("none", "no second data"),
        ("crooked", "the baseline ends in crash on it"),
    ],
)
def test_a_second_task_is_tried(tmp_path: Path, second: str, told: str) -> None:
    toml = HEAD.partition("[search.space.lr]")[0].replace('"--lr={lr}", "{seed}", "{idle}"', '"{seed}"')
    data = f'[data]\nprepare = "data:prepare"\nsecond = "data:{second}"\nsecond_name = "Another"\n'
    (tmp_path / "data.py").write_text(PREPARED)
    script = "import os, sys\nrate = float(open(os.environ['NIGHTLAB_INPUTS'] + '/rate').read())\n"
    found = _examined(tmp_path, data + toml, f"{script}print('val_loss:', rate + int(sys.argv[1]) % 997 / 1e5)\n")
    assert [told in f.text for f in found.findings if f.kind == "second task"] == ([True] if told else [])
    assert found.ok == (not told), found.findings


def test_what_does_nothing_is_found(tmp_path: Path) -> None:
    script = SCRIPT.replace("+ 0.01 * idle", "").replace("os.environ['FAST'] == 'true'", "0")
    found = _examined(tmp_path, HEAD.replace(' "{seed}",', ' "7",'), script)
    told = {f.where.partition(": ")[2]: f.text for f in found.findings if f.severity == "problem"}
    assert told == {
        "[run]": "the seed has no effect: all runs agree",
        "[search.space.idle]": "at 4 every metric is the same",
        "[search.space.fast]": "at 'true' every metric is the same",
    }


def test_a_knob_that_acts_beside_another_is_no_fault(tmp_path: Path) -> None:
    script = SCRIPT.replace("+ 0.01 * idle", "+ 0.01 * idle * (os.environ['FAST'] == 'true')")
    found = _examined(tmp_path, HEAD.replace("when = {fast = true}\n", ""), script)
    assert found.ok, found.findings
    (told,) = (f for f in found.findings if f.where.endswith("[search.space.idle]"))
    assert (told.severity, told.text) == (
        "note",
        "at 4 every metric is the same as long as fast is at the default",
    )


@pytest.mark.parametrize(
    ("toml", "script", "where", "told"),
    [
        (
            ("", ""),
            ("lr, seed", "raise SystemExit('no data')\nlr, seed"),
            "[run]",
            "the baseline ends in crash: no data",
        ),
        (("", ""), ("val_loss=", "loss="), "[run]", "invalid: the metric 'val_loss' is missing"),
        (('"--lr={lr}"', '"--lr={learning}"'), ("", ""), "[run.command]", "{learning} stands for nothing"),
        (
            ("timeout_s = 10", "timeout_s = 0.2"),
            ("lr, seed", "import time; time.sleep(9)\nlr, seed"),
            "[run]",
            "timeout",
        ),
    ],
)
def test_what_keeps_it_from_running_is_told(
    tmp_path: Path, toml: tuple[str, str], script: tuple[str, str], where: str, told: str
) -> None:
    (finding,) = _examined(tmp_path, HEAD.replace(*toml), SCRIPT.replace(*script)).findings
    assert finding.severity == "problem"
    assert where in finding.where
    assert told in finding.text


def test_a_metric_at_its_best_value_is_told(tmp_path: Path) -> None:
    toml = HEAD.partition("[search.space.lr]")[0].replace('"--lr={lr}", "{seed}", "{idle}"', '"{seed}"')
    found = _examined(
        tmp_path, toml.replace('"minimize"', '"minimize"\nlowest = 0.5'), "RATE = 0.1\nprint('val_loss: 0.5')"
    )
    told = [(f.where.partition(": ")[2], f.severity) for f in found.findings]
    assert ("[objective.metric]", "problem") in told
    assert ("[search.space]", "note") in told  # a constant would be varied


def test_a_judge_that_runs_the_candidate_is_caught_by_the_canary(tmp_path: Path) -> None:
    loads = "    try: runpy.run_path(str(out / 'code.py'))\n    except Exception: pass\n    x = "
    copies = "import shutil; shutil.copy('train me.py', os.environ['NIGHTLAB_OUT'] + '/code.py')\n"
    found = _examined(tmp_path, JUDGED, JUDGED_SCRIPT + copies, JUDGE.replace("    x = ", loads))
    assert any(f.kind == "canary" for f in found.findings), found.findings


def test_a_templates_own_attacks_must_fail(tmp_path: Path) -> None:
    (tmp_path / "attacks").mkdir()
    (tmp_path / "attacks/wins.py").write_text(JUDGED_SCRIPT.replace("str(lr)", "str(-9)"))
    (tmp_path / "attacks/harmless.py").write_text(JUDGED_SCRIPT.replace("str(lr)", "'nan'"))
    found = _examined(tmp_path, JUDGED, JUDGED_SCRIPT)
    assert [Path(f.where).name for f in found.findings if f.kind == "attack"] == ["wins.py"]
    assert not any(f.kind == "canary" for f in found.findings)


def test_attacks_are_files_folders_and_patches(tmp_path: Path) -> None:
    files = {"a.py": b"x = 1\ny = 2\nz = 3\n", "b/c.py": b"b = 1\n", "data": b"d"}
    (tmp_path / "attacks/folder/b").mkdir(parents=True)
    (tmp_path / "attacks/folder/b/c.py").write_text("b = 2\n")
    (tmp_path / "attacks/folder/b/__pycache__").mkdir()  # as whoever installs a package leaves it
    (tmp_path / "attacks/folder/b/__pycache__/c.cpython-311.pyc").write_bytes(b"compiled")
    (tmp_path / "attacks/a.py").write_text("x = 9\n")
    patch = "--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,4 @@\n x = 1\n-y = 2\n+y = 5\n+w = 6\n z = 3\n"
    (tmp_path / "attacks/p.patch").write_text(patch)
    (tmp_path / "attacks/q.diff").write_text(patch.replace("-y = 2", "-y = 3"))
    (tmp_path / "attacks/r.patch").write_text("--- a/data\n+++ b/data\n@@ -1 +1 @@\n-d\n+e\n")
    (tmp_path / "attacks/s.patch").write_text(
        "--- a/a.py\n+++ b/a.py\n@@ -2,0 +3 @@\n+w = 6\n@@ -3 +4 @@\n-z = 3\n+z = 4\n"
    )
    (tmp_path / "attacks/README.md").write_text("What they try.")
    found = {Path(where).name: (new, fault) for where, new, fault in attacks(tmp_path, files, ["a.py", "b/c.py"])}
    assert found["folder"] == ({**files, "b/c.py": b"b = 2\n"}, "")
    assert found["a.py"][0]["a.py"] == b"x = 9\n"
    assert found["p.patch"][0]["a.py"] == b"x = 1\ny = 5\nw = 6\nz = 3\n"
    assert "does not fit a.py at line 2" in found["q.diff"][1]
    assert "data, which is not editable" in found["r.patch"][1]
    assert found["s.patch"][0]["a.py"] == b"x = 1\ny = 2\nw = 6\nz = 4\n"
    assert set(found) == {"folder", "a.py", "p.patch", "q.diff", "r.patch", "s.patch"}
    files["b/c.py"] = b'"""Told."""\nfrom __future__ import annotations\n\n@wrapped\ndef f(): ...\n'
    changed = patched(files, ["b/c.py", "data"], "judge")
    assert changed["b/c.py"].startswith(b'"""Told."""\nfrom __future__ import annotations\n\ndef _canary():')
    assert changed["b/c.py"].endswith(b"\n_canary()\n@wrapped\ndef f(): ...\n")
    assert changed["a.py"] == files["a.py"]


def test_the_command_ends_with_one_and_says_all_as_json(tmp_path: Path) -> None:
    (tmp_path / "template.toml").write_text(HEAD)
    done = CliRunner().invoke(app, ["check", str(tmp_path), "--json"])
    told = json.loads(done.stdout.splitlines()[-1])
    assert (done.exit_code, told["ok"]) == (1, False)
    (finding,) = told["findings"]
    assert finding["where"].endswith("template.toml: [artifact.editable]")
    assert set(finding) == {"kind", "severity", "where", "text", "mend"}
    assert "problem: " in CliRunner().invoke(app, ["check", str(tmp_path)]).stdout
