"""Studies that somebody tidied: what is missing comes back or is told, what was added is set aside."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from nightlab.experiments.ledger.ledger import Trial
from nightlab.experiments.records import Change
from nightlab.experiments.study.errors import NoStudy, StudyError
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import Study, create, reopen
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.mending import listing, tree_hash
from tests.command_line import nightlab
from tests.conftest import PREPARE, MakeTemplate

STRAYS = (
    ".DS_Store",
    "Thumbs.db",
    "__pycache__/experiment.cpython-311.pyc",
    ".ipynb_checkpoints/experiment-checkpoint.py",
    "experiment.py~",
    ".experiment.py.swp",
    "old/json.py",
)


@pytest.fixture
def folder(make_template: MakeTemplate, tmp_path: Path) -> Path:
    template = make_template(files={"README.md": "about"})
    made = create(load(template), Settings(), tmp_path / "studies")
    with reopen(made) as study:
        study.data.prepare()
        _ = study.baseline_artifact
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def prepared(folder: Path) -> None:
    with reopen(folder) as study:
        study.check_artifacts()
        study.data.prepare()


@pytest.mark.parametrize("place", ["template", "data/inputs", "data/private", "artifacts/*"])
@pytest.mark.parametrize("stray", STRAYS)
def test_what_was_added_is_set_aside(place: str, stray: str, folder: Path) -> None:
    (place,) = (str(path) for path in folder.glob(place))
    before = contents(Path(place))
    (Path(place) / stray).parent.mkdir(exist_ok=True)
    (Path(place) / stray).write_text("stray")
    prepared(folder)
    assert contents(Path(place)) == before
    if "artifacts" not in place:  # which is made again
        assert b"stray" in contents(folder / "strays").values()
    (Path(place) / stray).parent.mkdir(exist_ok=True)
    (Path(place) / stray).write_text("again")
    prepared(folder)
    assert contents(Path(place)) == before


@pytest.mark.parametrize(
    "gone", ["data", "data/inputs", "data/private/offset.json", "artifacts", "template/README.md", "scratch", "lock"]
)
def test_what_is_gone_is_made_again(gone: str, folder: Path) -> None:
    before = contents(folder / "data"), contents(folder / "template")
    path = folder / gone
    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    prepared(folder)
    assert before == (contents(folder / "data"), contents(folder / "template"))
    assert (folder / "data" / "private").stat().st_mode & 0o777 == 0o700
    assert len(list((folder / "artifacts").iterdir())) == 1
    assert not (folder / "data.new").exists()


def alter(path: Path) -> None:
    path.write_text(f"{path.read_text()} ")


@pytest.mark.parametrize(
    ("name", "do", "told"),
    [
        ("template/README.md", alter, r"template changed \(README\.md\) since"),
        ("data/inputs/noise", alter, r"inputs changed \(noise\) since"),
        ("data/private/offset.json", alter, r"private data changed \(offset\.json\) since"),
    ],
)
def test_what_was_altered_is_told(name: str, do: Callable[[Path], None], told: str, folder: Path) -> None:
    do(folder / name)
    with pytest.raises(StudyError, match=told):
        prepared(folder)


def test_what_cannot_be_made_again_is_told(make_template: MakeTemplate, tmp_path: Path) -> None:
    again = f"{PREPARE}    import os\n    (inputs / 'salt').write_bytes(os.urandom(8))\n"
    template = make_template(files={"README.md": "about", "prepare.py": again})
    folder = create(load(template), Settings(), tmp_path / "studies")
    prepared(folder)
    shutil.rmtree(folder / "data")
    (folder / "template" / "README.md").unlink()
    (template / "README.md").write_text("another")
    with pytest.raises(
        StudyError, match=r"template changed \(README\.md is missing\); inputs changed \(salt is missing\)"
    ):
        prepared(folder)


def edited(study: Study) -> Trial:
    first = study.artifacts.read(study.baseline_artifact)
    artifact = study.artifacts.add({**first, "experiment.py": first["experiment.py"] + b"# edited\n"})
    base = Change(
        strategy="baseline", hypothesis="none", params=study.template.defaults, artifact="", parent=None, proposer="b"
    )
    study.ledger.claim(0, replace(base, artifact=study.baseline_artifact))
    return study.ledger.claim(1, replace(base, artifact=artifact, parent=0))


@pytest.mark.parametrize("damage", ["gone", "altered", "emptied"])
def test_files_of_a_trial_that_are_gone_are_told_before_anything_runs(damage: str, folder: Path) -> None:
    with reopen(folder) as study:
        trial = edited(study)
        place = study.artifacts.path(trial.change.artifact)
    (place / ".DS_Store").write_text("stray")
    prepared(folder)
    assert [path.name for path in place.iterdir()] == ["experiment.py"]
    match damage:
        case "gone":
            shutil.rmtree(folder / "artifacts")
        case "altered":
            alter(place / "experiment.py")
        case _:
            (place / "experiment.py").unlink()
    with pytest.raises(StudyError, match=r"the files of trial 1 are missing or altered.*fork .* --trial 0"):
        prepared(folder)


def test_a_study_that_was_tidied_and_moved_goes_on(make_template: MakeTemplate, tmp_path: Path) -> None:
    def done_by(*args: object) -> str:
        done = nightlab(*args, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done.stdout

    template = make_template({"confirm_seeds = 6": "confirm_seeds = 2"})
    done_by("experiment", template, "--trials", 1, "--workers", 1)
    (study,) = (tmp_path / "studies").iterdir()
    moved = study.rename(tmp_path / "moved & renamed")
    for gone in ("artifacts", "data", "scratch"):
        shutil.rmtree(moved / gone, ignore_errors=True)
    (moved / "graph.db").unlink()
    (moved / "template" / ".DS_Store").write_text("stray")
    done_by("resume", moved, "--trials", "+1")
    assert "failed" not in done_by("trials", moved)


@pytest.mark.parametrize("gone", ["study.db", "template/template.toml", "template"])
def test_a_study_without_its_ledger_or_template_is_told(gone: str, folder: Path) -> None:
    path = folder / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(NoStudy, match=r"no ledger with a template; restore what is missing from a copy"):
        prepared(folder)


def test_a_study_that_noted_no_files_notes_them_while_nothing_has_changed(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    made = create(load(make_template()), Settings(), tmp_path)
    with reopen(made) as study:  # as an earlier version did, or a kill between the two notes
        study.data._lay_out([(study.inputs, study.private, study.seeds.data)])
        hashes = {what: tree_hash(listing(place)) for what, place in study.data._places().items()}
        study.ledger.once("study", "hashes", hashes)
    prepared(made)
    before = contents(made / "data")
    next((made / "data").rglob("*.*")).unlink()
    prepared(made)
    assert contents(made / "data") == before
