"""What an environment is, read by where its files lie: nothing of it is run, since it may be anybody's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nightlab.experiments.executors.local.isolation.visible import sandbox_view
from nightlab.experiments.template.environment import NoEnvironment, named
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import TemplateError
from tests.experiments.executors.local.test_environments import TOML


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    (folder / "train it.py").write_text("print('val_loss=1')\n")
    (folder / "src").mkdir()
    (folder / "lib").mkdir()
    for name in ("src", "lib"):
        (folder / name / "a.py").touch()
    return folder


def test_what_is_read_is_what_the_interpreter_would_say(project: Path) -> None:
    for python in (str(project / ".venv/bin/python"), sys.executable, str(Path(sys.executable).resolve())):
        found = named(python, None, project)
        assert found is not None
        assert (found.base, found.version) == (Path(sys.base_prefix).resolve(), sys.version_info[:2])


@pytest.mark.parametrize("key", ['python = ".venv/bin/python"', 'environment = "."', 'environment = ".venv"'])
@pytest.mark.parametrize("about", [True, False])
def test_a_program_in_an_interpreters_place_is_not_run(project: Path, key: str, about: bool) -> None:
    """Neither by loading a template nor by looking for faults; with and without a pyvenv.cfg that vouches for it."""
    python = project / ".venv/bin/python"
    python.unlink()
    python.write_text(f"#!/bin/sh\ntouch '{project / 'ran'}'\necho '[\"/usr\", [3, 11]]'\n")
    python.chmod(0o755)
    if not about:
        (project / ".venv/pyvenv.cfg").write_text("")
    text = TOML.replace("RUN", f'{key}\ncommand = ["python", "train it.py", "{{lr}}"]\nhide = ["x"]')
    (project / "template.toml").write_text(text)
    with pytest.raises(TemplateError):
        load(project)  # for what is hidden is in no package
    (project / "template.toml").write_text(text.replace('hide = ["x"]', ""))
    if about:
        assert load(project).environment is not None
    else:
        with pytest.raises(TemplateError, match="no library of Python"):
            load(project)
    assert not (project / "ran").exists()


def test_a_copied_interpreter_and_one_of_a_named_version(project: Path, tmp_path: Path) -> None:
    installed = tmp_path / "opt"
    for version in ("3.9", "3.13"):
        (installed / f"lib/python{version}").mkdir(parents=True)
        (installed / f"lib/python{version}/os.py").touch()
    (installed / "bin").mkdir()
    shutil.copy(Path(sys.executable).resolve(), installed / "bin/python3.13")
    (installed / "bin/python3").symlink_to("python3.13")
    shutil.copy(Path(sys.executable).resolve(), installed / "bin/python")
    found = named(str(installed / "bin/python3"), None, project)
    assert found is not None
    assert (found.base, found.version) == (installed, (3, 13))
    with pytest.raises(NoEnvironment):
        named(str(installed / "bin/python"), None, project)  # of which version nobody knows
    (python := project / ".venv/bin/python").unlink()
    shutil.copy(installed / "bin/python", python)
    (project / ".venv/pyvenv.cfg").write_text(f"home = {installed / 'bin'}\nversion_info = 3.9.1.final.0\n")
    found = named(".venv/bin/python", None, project)
    assert found is not None
    assert (found.base, found.version) == (installed, (3, 9))


def linked(project: Path, names: dict[str, str]) -> None:
    (site,) = (project / ".venv").glob("lib/python*/site-packages")
    (site / "edited.pth").write_text(f"{project}\n")
    for name, text in names.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)


def test_of_a_project_that_is_linked_runs_see_its_packages_alone(project: Path, tmp_path: Path) -> None:
    names = (".env", "pkg/__init__.py", "pkg/.env", "pkg/runs/one/study.db", "pkg/task/template.toml", "mod.py")
    others = ("data/labels.csv", "studies/one/study.db", "studies/one/data/private/y.py", "notes.txt")
    linked(project, dict.fromkeys((*names, *others), ""))
    found = named(None, str(project), project / "pkg/task")
    assert found is not None
    assert {"pkg", "mod.py"} <= {path.name for path in found.shown()}
    assert not {".env", ".venv", "data", "studies", "notes.txt"} & {path.name for path in found.shown()}
    assert set(found.private) == {project / "pkg" / name for name in (".env", "runs/one", "task")}
    sight = sandbox_view(network=False, environment=found)
    assert set(map(str, found.private)) <= set(sight.hidden)


def test_what_the_template_has_itself_comes_from_there_and_the_rest_is_shown(project: Path, tmp_path: Path) -> None:
    linked(project, {"pkg/__init__.py": "", "other/__init__.py": ""})
    (home := tmp_path / "home").mkdir()
    (home / "pkg").mkdir()
    found = named(None, str(project), home)
    assert found is not None
    names = {path.name for path in found.shown()}
    assert "other" in names
    assert "pkg" not in names
    assert found.variables()["PYTHONPATH"] == "{artifact}/."
