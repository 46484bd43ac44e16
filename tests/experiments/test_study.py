"""A study's folder: made once, opened by one, and refused where it is none or was altered."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightlab.experiments.copying import NoPlace
from nightlab.experiments.study import NoStudy, Settings, StudyError, create, read, reopen
from nightlab.experiments.template import TemplateError, load
from tests.conftest import MakeTemplate


@pytest.fixture
def folder(make_template: MakeTemplate, tmp_path: Path) -> Path:
    return create(load(make_template()), Settings(seed=3, trials=5), tmp_path / "studies")


def test_settings_are_filled_from_the_template(folder: Path) -> None:
    study = read(folder)
    assert (study.settings.trials, study.settings.seeds, study.settings.hours) == (5, 2, 0.5)
    study.close()


def test_seeds_differ_by_purpose_and_replicate_and_repeat(folder: Path) -> None:
    study = read(folder)
    seeds = [study.seed_of(purpose, i) for purpose in ("search", "confirm") for i in range(50)]
    assert len(set(seeds)) == 100
    assert seeds == [study.seed_of(purpose, i) for purpose in ("search", "confirm") for i in range(50)]
    study.close()


def test_data_are_prepared_once_and_their_change_is_noticed(folder: Path) -> None:
    with reopen(folder) as study:
        study.prepare()
        stamp = (study.inputs / "noise").stat().st_mtime_ns
        study.prepare()
        assert (study.inputs / "noise").stat().st_mtime_ns == stamp
        (study.private / "offset.json").write_text("{}")
        with pytest.raises(StudyError, match="private data changed"):
            study.prepare()


def test_an_evaluator_that_changed_is_noticed(folder: Path) -> None:
    with reopen(folder) as study:
        study.prepare()
        (study.template.folder / "evaluate.py").write_text("def evaluate(out, private, split): return {'height': 0}")
        with pytest.raises(StudyError, match="template changed"):
            study.prepare()


def test_a_preparation_that_fails_is_told_with_its_file(make_template: MakeTemplate, tmp_path: Path) -> None:
    template = load(
        make_template(files={"prepare.py": "def prepare(inputs, private, seed):\n    raise ValueError('no data')\n"})
    )
    with (
        reopen(create(template, Settings(), tmp_path)) as study,
        pytest.raises(TemplateError, match=r"prepare\.py[^$]*no data"),
    ):
        study.prepare()


def test_only_one_process_works_on_a_study(folder: Path) -> None:
    with reopen(folder), pytest.raises(StudyError, match="another nightlab works on this study"), reopen(folder):
        pass


def test_a_folder_that_is_no_study_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoStudy, match="is no study"):
        read(tmp_path)


def test_a_place_that_cannot_be_written_is_told(make_template: MakeTemplate, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(NoPlace, match="choose another with --out"):
        create(load(make_template()), Settings(), tmp_path / "file")


def test_what_ends_the_making_of_a_study_leaves_none(make_template: MakeTemplate, tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        create(load(make_template()), Settings(), tmp_path / "broken", mode=object())
    assert not list((tmp_path / "broken").iterdir())
