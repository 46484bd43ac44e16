"""What a template needs beside nightlab: told in `templates`, refused with one command where it is not here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nightlab.experiments.study.settings import Settings
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import Template, TemplateError
from nightlab.graph.estimate import keyless
from nightlab.graph.session import begin
from nightlab.graph.template.requirements import Lacking, lacks, needs
from tests.conftest import MakeTemplate


def asking(make_template: MakeTemplate, *lines: str, gpus: int = 0) -> Template:
    head = 'name = "toy"\n'
    replaced = {head: head + "\n".join(lines) + "\n", "timeout_s = 5\n": f"timeout_s = 5\ngpus = {gpus}\n"}
    return load(make_template(replaced))


@pytest.mark.parametrize(
    ("text", "here"),
    [
        ("numpy>=1.0", True),
        ("numpy>=1000", False),
        ("no-such-thing-at-all", False),
        ("Jinja2", True),
        ('no-such-thing-at-all; python_version < "3"', True),
        ("nightlab[openai]", True),
        ("nightlab[no-such-extra]", False),
    ],
)
def test_packages_are_looked_for_with_their_versions_and_extras(
    make_template: MakeTemplate, text: str, here: bool
) -> None:
    template = asking(make_template, f"requires = ['{text}']")
    assert needs(template) == [text]
    assert lacks(template) == ([] if here else [text])


def test_of_programs_one_is_enough(make_template: MakeTemplate) -> None:
    template = asking(make_template, 'programs = ["no-such-compiler | sh", "no-such-compiler"]')
    assert lacks(template) == ["no-such-compiler"]


def test_a_gpu_is_a_need(make_template: MakeTemplate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nightlab.graph.template.requirements.gpus", lambda: ("0",))
    assert lacks(asking(make_template, gpus=1)) == []
    assert lacks(asking(make_template, gpus=2)) == ["2 GPUs"]


def test_a_run_says_the_command_that_gets_what_lacks(make_template: MakeTemplate, tmp_path: Path) -> None:
    template = asking(make_template, 'requires = ["no-such-thing>=2", "numpy"]', 'programs = ["no-such-compiler"]')
    for make in (keyless, begin):
        with pytest.raises(
            Lacking, match="toy needs no-such-thing>=2, no-such-compiler, which are not here"
        ) as refused:
            make(template.folder, Settings(), tmp_path / "studies", "experiment")
    assert f"{sys.executable} install 'no-such-thing>=2'" in str(refused.value).replace("-m pip ", "")
    assert not (tmp_path / "studies").exists()


def test_what_pip_would_not_take_is_refused(make_template: MakeTemplate) -> None:
    with pytest.raises(TemplateError, match="'a compiler' must be a requirement as pip takes it"):
        asking(make_template, 'requires = ["a compiler"]')
