"""A study's folder: made once, opened by one, and refused where it is none or was altered."""

from __future__ import annotations

import hashlib
import shutil
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from nightlab.experiments.ledger.storage import opened
from nightlab.experiments.study.errors import NoStudy, StudyError
from nightlab.experiments.study.settings import Settings, SettingsError
from nightlab.experiments.study.study import create, read, reopen
from nightlab.experiments.template.copying import NoPlace
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import TemplateError
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
    seeds = [study.seeds.of(purpose, i) for purpose in ("search", "confirm") for i in range(50)]
    assert len(set(seeds)) == 100
    assert seeds == [study.seeds.of(purpose, i) for purpose in ("search", "confirm") for i in range(50)]
    study.close()


def test_data_are_prepared_once_and_their_change_is_noticed(folder: Path) -> None:
    with reopen(folder) as study:
        study.data.prepare()
        stamp = (study.inputs / "noise").stat().st_mtime_ns
        study.data.prepare()
        assert (study.inputs / "noise").stat().st_mtime_ns == stamp
        (study.private / "offset.json").write_text("{}")
        with pytest.raises(StudyError, match="private data changed"):
            study.data.prepare()


def test_an_evaluator_that_changed_is_noticed(folder: Path) -> None:
    with reopen(folder) as study:
        study.data.prepare()
        (study.template.folder / "evaluate.py").write_text("def evaluate(out, private, split): return {'height': 0}")
        with pytest.raises(StudyError, match="template changed"):
            study.data.prepare()


def test_a_preparation_that_fails_is_told_with_its_file(make_template: MakeTemplate, tmp_path: Path) -> None:
    template = load(
        make_template(files={"prepare.py": "def prepare(inputs, private, seed):\n    raise ValueError('no data')\n"})
    )
    with (
        reopen(create(template, Settings(), tmp_path)) as study,
        pytest.raises(TemplateError, match=r"prepare\.py[^$]*no data"),
    ):
        study.data.prepare()


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
    with pytest.raises(ValueError, match="mode"):
        create(load(make_template()), Settings(), tmp_path / "broken", mode="neither")  # type: ignore[arg-type]
    assert not list((tmp_path / "broken").iterdir())


def test_seeds_of_runs_and_data_hang_on_a_key_that_nobody_is_told(make_template: MakeTemplate, tmp_path: Path) -> None:
    def drawn(**settings: Any) -> list[int]:
        with closing(read(create(load(folder), Settings(**settings), tmp_path))) as study:
            return [study.seeds.data, *(study.seeds.of(p, i) for p in ("search", "confirm") for i in range(40))]

    folder = make_template()
    first, same, other = drawn(key="ab" * 16), drawn(key="ab" * 16), drawn(key="ab" * 15 + "ac")
    assert first == same
    assert len({*first, *other, *drawn(key="ab" * 16, seed=1)}) == 3 * len(first)
    assert first[0] >= 2**100
    with pytest.raises(SettingsError, match="32 hexadecimal digits"):
        Settings(key="secret")


def test_a_study_of_a_version_without_keys_keeps_its_seeds(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(make_template(), folder / "template")
    body = asdict(Settings(seed=3, trials=2).filled(load(folder / "template")))
    with opened(folder) as ledger:
        ledger.once("study", "settings", {name: value for name, value in body.items() if name != "key"})
    with closing(read(folder)) as study:
        old = [int.from_bytes(hashlib.sha256(f"3/confirm/{i}".encode()).digest()[:4], "big") >> 1 for i in range(3)]
        assert [study.seeds.of("confirm", i) for i in range(3)] == old
        assert study.seeds.data == 3


@pytest.mark.parametrize(
    ("draw", "bits"),
    [
        ("np.random.default_rng(seed)", 128),
        ("random.Random(seed)", 128),
        ("np.random.RandomState(seed)", 32),
        ("np.random.seed(seed)", 32),
        ("seed.to_bytes(4, 'big')", 32),
        ("seed < 2**64 or exec('raise RuntimeError(seed)')", 32),  # as torch tells of it
        (
            "subprocess.run([sys.executable, '-c', f'import sys; sys.exit({seed} > 2**32)'], check=True)",
            32,
        ),
    ],
)
def test_a_preparation_gets_as_many_bits_as_its_generator_takes(
    make_template: MakeTemplate, tmp_path: Path, draw: str, bits: int
) -> None:
    prepare = (
        "import random, subprocess, sys\nimport numpy as np\n\n\ndef prepare(inputs, private, seed):\n"
        "    (inputs / 'part').mkdir()\n"
        f"    {draw}\n    (inputs / 'noise').write_text(str(seed.bit_length() > 32))\n"
    )
    with reopen(create(load(make_template(files={"prepare.py": prepare})), Settings(), tmp_path)) as study:
        study.data.prepare()
        assert (study.inputs / "noise").read_text() == str(bits > 32)


def test_no_module_of_the_working_folder_is_the_preparations(
    make_template: MakeTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("csv", "json", "helper"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('of the working folder')\n")
    monkeypatch.chdir(tmp_path)
    prepare = "import csv, json, helper\n\n\ndef prepare(inputs, private, seed):\n    helper.lay_out(inputs)\n"
    helper = "def lay_out(inputs):\n    (inputs / 'noise').write_text('0')\n"
    folder = make_template(files={"prepare.py": prepare, "helper.py": helper})
    with reopen(create(load(folder), Settings(), tmp_path / "studies")) as study:
        study.data.prepare()
        assert (study.inputs / "noise").read_text() == "0"
