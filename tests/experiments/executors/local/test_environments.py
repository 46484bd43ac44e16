"""Runs in an environment of the template's own: its interpreter and packages, isolated as ever, with nothing copied."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nightlab.experiments.executors.local.isolation.sandbox import LEVELS, probe
from nightlab.experiments.executors.local.local import LocalRunner
from nightlab.experiments.records import Level, RunOutcome, RunRequest
from nightlab.experiments.study import study
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.template import environment
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import Template, TemplateError

TOML = """\
[template]
name = "foreign"
title = "A foreign folder"
description = "A script that prints its loss."
[artifact]
editable = ["train it.py"]
support = ["src/", "lib/"]
[run]
RUN
timeout_s = 20
[evaluate]
parse = "stdout"
[objective]
metric = "val_loss"
direction = "minimize"
[search.space.lr]
type = "float"
strategy = "training"
low = 0.01
high = 1.0
default = 0.1
"""
SCRIPT = """\
import os, sys
import glück, own, pkg
try:
    import nightlab
    sys.exit("nightlab is seen")
except ImportError:
    pass
assert "artifact" in pkg.__file__, pkg.__file__
assert sys.prefix == os.environ["VIRTUAL_ENV"], sys.prefix
try:
    sys.exit("a file outside is read: " + open(SECRET).read())
except OSError:
    pass
print(f"epoch 3 val_loss={float(sys.argv[1]) + glück.ADDED + own.ADDED}")
"""
ENTRY = """\
import json
import glück, own, pkg
def run(params, inputs, out, seed):
    (out / "metrics.json").write_text(json.dumps({"val_loss": params["lr"] + glück.ADDED + own.ADDED}))

def added(number):
    return number + glück.ADDED + own.ADDED
"""
JUDGE = """
def judge(candidate, private, split, seed):
    return {"val_loss": candidate.call("added", 5.0)}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a virtual environment of its own, which has a package that nobody else has."""
    folder = tmp_path_factory.mktemp("über uns") / "mein projekt"
    (folder / "src").mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    (site,) = (folder / ".venv").glob("lib/python*/site-packages")
    (site / "glück.py").write_text("ADDED = 1.0\n")
    (site / "edited.pth").write_text(f"{folder / 'src'}\n")
    (site / "__editable___a_0_1_finder.py").write_text(
        f"MAPPING: dict[str, str] = {{'pkg': {str(folder / 'lib/pkg')!r}}}\n"
    )
    (folder / "lib/pkg").mkdir(parents=True)
    (folder / "lib/pkg/__init__.py").write_text("ADDED = 0.0\n")
    (folder / "src/own.py").write_text("ADDED = 2.0\n")
    (folder / "secret").write_text("secret")
    (folder / "train it.py").write_text(f"SECRET = {str(folder / 'secret')!r}\n{SCRIPT}")
    (folder / "experiment.py").write_text(ENTRY)
    return folder


def _ran(template: Template, scratch: Path, level: Level | None = None) -> RunOutcome:
    inputs, private, artifact = scratch / "inputs", scratch / "private", scratch / "artifact"
    for place in (inputs, private):
        place.mkdir(exist_ok=True)
    for name in template.files():
        (artifact / name).parent.mkdir(parents=True, exist_ok=True)
        (artifact / name).write_bytes((template.folder / name).read_bytes())
    folders = {"inputs": inputs, "private": private, "scratch": scratch / "scratch"}
    with LocalRunner(template, **folders, workers=1, level=level or probe()) as runner:
        return runner.submit(RunRequest(artifact=artifact, params=template.defaults, seed=1)).result(60)


@pytest.mark.parametrize(
    ("named", "level"),
    [('python = ".venv/bin/python"', probe()), ('environment = "."', probe()), ('environment = "."', "S2")],
)
def test_a_program_runs_in_the_interpreter_that_is_named(
    project: Path, tmp_path: Path, named: str, level: Level
) -> None:
    run = f'{named}\ncommand = ["python", "train it.py", "{{lr}}"]'
    (project / "template.toml").write_text(TOML.replace("RUN", run))
    if LEVELS.index(level) > LEVELS.index(probe()):
        pytest.skip("this machine isolates less")
    outcome = _ran(load(project), tmp_path, level)
    assert (outcome.status, outcome.level) == ("ok", level), outcome.error + outcome.output
    assert outcome.metrics["dev"] == {"val_loss": 3.1}  # what was installed to be edited comes from the version run


def test_a_template_beside_the_project_imports_its_own_version(project: Path, tmp_path: Path) -> None:
    (away := tmp_path / "away").mkdir()
    for name in ("src", "lib"):
        shutil.copytree(project / name, away / name)
    shutil.copy(project / "train it.py", away)
    (away / "src/own.py").write_text("ADDED = 5.0\n")
    run = f'environment = "{project}"\ncommand = ["python", "train it.py", "{{lr}}"]'
    (away / "template.toml").write_text(TOML.replace("RUN", run))
    assert _ran(load(away), tmp_path).metrics == {"dev": {"val_loss": 6.1}}


@pytest.mark.parametrize("oldest", [(3, 11), (9, 0)])  # kept warm there, or called in a process of its own
def test_a_function_is_called_there(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, oldest: tuple[int, int]
) -> None:
    monkeypatch.setattr(environment, "OLDEST", oldest)
    text = TOML.replace("RUN", 'environment = ".venv"\nentry = "experiment:run"')
    text = text.replace('"train it.py"', '"experiment.py"').replace('"stdout"', '"metrics.json"')
    (project / "template.toml").write_text(text)
    outcome = _ran(load(project), tmp_path)
    assert outcome.metrics["dev"] == {"val_loss": 3.1}, outcome.error


def test_a_judge_calls_functions_there(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = TOML.replace("RUN", 'environment = ".venv"\nentry = "experiment:run"').replace(
        '"train it.py"', '"experiment.py"'
    )
    (project / "template.toml").write_text(text.replace('parse = "stdout"', 'interactive = "judge:judge"'))
    (project / "judge.py").write_text(JUDGE)
    outcome = _ran(load(project), tmp_path)
    assert outcome.metrics.get("dev") == {"val_loss": 8.0}, outcome.error
    monkeypatch.setattr(environment, "OLDEST", (9, 0))
    with pytest.raises(TemplateError, match=r"\[evaluate.interactive\]: needs Python"):
        load(project)


def test_a_study_neither_copies_it_nor_loses_it(project: Path, tmp_path: Path) -> None:
    run = 'python = ".venv/bin/python"\ncommand = ["python", "train it.py", "{lr}"]'
    (project / "template.toml").write_text(TOML.replace("RUN", run))
    folder = study.create(load(project), Settings(), tmp_path, "experiment")
    assert not (folder / "template/.venv").exists()
    copied = study.read(folder)
    assert copied.template.environment == load(project).environment
    copied.close()


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ('python = "no/python"', r"\[run.python\]: .*no/python' is no Python interpreter"),
        ('environment = "src"', r"\[run.environment\]: .*src' is no environment.*\.venv"),
        ('python = "train it.py"', r"\[run.python\]: .*train it.py' is no Python interpreter"),
        ('python = ".venv/bin/python"\nenvironment = "."', r"\[run\]: give python or environment"),
    ],
)
def test_what_is_none_is_refused_before_any_run(project: Path, named: str, told: str) -> None:
    (project / "template.toml").write_text(TOML.replace("RUN", f'{named}\ncommand = ["python", "x", "{{lr}}"]'))
    with pytest.raises(TemplateError, match=told):
        load(project)


@pytest.mark.parametrize(("given", "place"), [("conda", "conda"), (".", ".pixi/envs/default")])
def test_an_environment_of_conda_or_pixi_is_known_by_its_layout(tmp_path: Path, given: str, place: str) -> None:
    """Their layout around this interpreter, with no Conda at hand."""
    prefix = tmp_path / place
    for folder in ("conda-meta", "bin", f"lib/python3.{sys.version_info.minor}/site-packages"):
        (prefix / folder).mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(sys.executable)
    found = environment.named(None, given, tmp_path)
    assert found is not None
    assert (found.prefix, found.programs, found.virtual) == (prefix, prefix / "bin", False)
    assert found.sites == (prefix / f"lib/python3.{sys.version_info.minor}/site-packages",)
    told = found.variables()
    assert told["CONDA_PREFIX"] == str(prefix)
    assert told["PATH"].startswith(f"{prefix}/bin:")
    assert "VIRTUAL_ENV" not in told
    assert found.command(("python", "train.py")) == (str(prefix / "bin" / "python"), "train.py")
