"""Large inputs: read where they lie, copied nowhere, and noticed when they change."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightlab.experiments.executors.local.local import local_runner
from nightlab.experiments.records import RunRequest
from nightlab.experiments.study import study
from nightlab.experiments.study.errors import StudyError
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import TemplateError

TOML = """\
[template]
name = "bound"
title = "Large inputs"
description = "A program that reads large files where they lie."
[artifact]
editable = ["**/*.sh"]
[run]
command = ["sh", "run.sh"]
bind = ["data/größe", "ELSEWHERE"]
[evaluate]
parse = "stdout"
[objective]
metric = "bytes"
direction = "maximize"
"""
SCRIPT = """\
rm -f data/größe/a; echo x > data/größe/new; test -e data/größe/sub/no.sh || exit 3
echo bytes: $(cat data/größe/a ELSEWHERE/b | wc -c)
ls ELSEWHERE/..
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder, elsewhere = tmp_path / "task", tmp_path / "other place" / "images"
    (folder / "data/größe/sub").mkdir(parents=True)
    elsewhere.mkdir(parents=True)
    (elsewhere.parent / "unseen").touch()
    (folder / "data/größe/a").write_bytes(b"a" * 10)
    (folder / "data/größe/sub/no.sh").touch()
    (elsewhere / "b").write_bytes(b"b" * 5)
    with (folder / "data/größe/sparse").open("wb") as file:
        file.truncate(1 << 40)  # more than there is room for
    (folder / "template.toml").write_text(TOML.replace("ELSEWHERE", str(elsewhere)))
    (folder / "run.sh").write_text(SCRIPT.replace("ELSEWHERE", f'"{elsewhere}"'))
    return folder


def test_runs_read_it_and_cannot_alter_it(folder: Path, tmp_path: Path) -> None:
    made = study.read(study.create(load(folder), Settings(), tmp_path / "studies", "experiment"))
    assert not (made.folder / "template/data/größe").exists()
    assert made.template.files() == ("run.sh",)
    for place in ("inputs", "private"):
        (tmp_path / place).mkdir()
    runner = local_runner(
        made.template, inputs=tmp_path / "inputs", private=tmp_path / "private", scratch=tmp_path / "scratch"
    )
    with runner:
        request = RunRequest(artifact=made.artifacts.path(made.baseline_artifact), params={}, seed=1)
        outcome = runner.submit(request).result(60)
    made.close()
    assert outcome.metrics.get("dev") == {"bytes": 15.0}, outcome.error + outcome.output
    assert "unseen" not in outcome.output
    assert sorted(p.name for p in (folder / "data/größe").iterdir()) == ["a", "sparse", "sub"]


def test_another_content_is_noticed_when_a_study_goes_on(folder: Path, tmp_path: Path) -> None:
    made = study.create(load(folder), Settings(), tmp_path / "studies", "experiment")
    for content, told in ((b"a" * 10, ""), (b"a" * 9 + b"c", "größe"), (b"a" * 10, ""), (b"", "größe")):
        (folder / "data/größe/a").write_bytes(content)
        with study.reopen(made) as again:
            if told:
                with pytest.raises(StudyError, match=told):
                    again.data.prepare()
            else:
                again.data.prepare()


def test_what_is_not_there_is_refused(folder: Path) -> None:
    (folder / "data/größe").rename(folder / "data/klein")
    with pytest.raises(TemplateError, match=r"run\.bind\]: 'data/größe' is not there"):
        load(folder)
