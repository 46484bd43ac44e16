"""Files by patterns: what they take in, and what a change may add or remove."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightlab.agents.model.edits import Edit, EditRefused, apply
from nightlab.experiments.template.artifact.artifact import ArtifactStore, read_files
from nightlab.experiments.template.artifact.diffs import without
from nightlab.experiments.template.globbing import expanded, may_be_added
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import TemplateError
from tests.conftest import MakeTemplate

FILES = ("experiment.py", "src/a.py", "src/deep/er/b.py", "src/größe.py", "src/data.txt", "src/.hidden.py", "x[1].py")
FILES += ("src/__pycache__/c.py", "venv/pyvenv.cfg", "venv/d.py", "evaluate.py")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x = 1\n")
    (tmp_path / "src/link").symlink_to("/etc")
    return tmp_path


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["src/**/*.py"], ["src/a.py", "src/deep/er/b.py", "src/größe.py"]),
        (["src/*.py", "src/a.py"], ["src/a.py", "src/größe.py"]),
        (["src/"], ["src/a.py", "src/data.txt", "src/deep/er/b.py", "src/größe.py"]),
        (["**/?.py", "src/.hidden.py"], ["src/a.py", "src/deep/er/b.py", "src/.hidden.py"]),
        (["*.py"], ["experiment.py", "x[1].py"]),
        (["src/[!a].py", "src/d*.t[x]t"], ["src/data.txt"]),
        (["b.py"], ["b.py"]),
    ],
)
def test_a_pattern_takes_in_what_fits(folder: Path, names: list[str], found: list[str]) -> None:
    assert sorted(expanded(folder, names, ["evaluate.py"])) == sorted(found)


@pytest.mark.parametrize(
    ("path", "may"),
    [
        *[(path, True) for path in ("src/new.py", "src/a/b/new.py")],
        *[
            (path, False)
            for path in ("new.py", "src/../new.py", "src/new.sh", "/src/new.py", "src/.new.py", "src//n.py")
        ],
    ],
)
def test_only_plain_paths_that_fit_may_be_added(path: str, may: bool) -> None:
    assert may_be_added(path, ["src/**/*.py", "src/new.sh"]) is may


def test_a_template_names_whole_folders(make_template: MakeTemplate) -> None:
    folder = make_template({'editable = ["experiment.py"]': 'editable = ["*.py", "pkg/"]\nsupport = ["**/*"]'})
    (folder / "pkg").mkdir()
    (folder / "pkg/a.py").write_text("A = 1\n")
    (folder / "pkg/b.dat").write_bytes(b"\0" * 1_100_000)
    template = load(folder)
    assert template.spec.artifact.editable == ("experiment.py", "pkg/a.py", "pkg/b.dat")  # and no judge's file
    assert not {"evaluate.py", "prepare.py", "template.toml"} & set(template.files())
    text = (folder / "template.toml").read_text()
    for limit, told in (("most_mb = 1", "hold 1 MB"), ("most_files = 2", "take in 3 files")):
        (folder / "template.toml").write_text(text.replace("[artifact]", f"[artifact]\n{limit}"))
        with pytest.raises(TemplateError, match=told):
            load(folder)
    (folder / "template.toml").write_text(text.replace('"pkg/"', '"pck/"'))
    with pytest.raises(TemplateError, match=r"artifact\.editable\]: 'pck/' fits no file"):
        load(folder)


def test_a_change_adds_and_removes_files_that_fit(folder: Path, tmp_path: Path) -> None:
    names, files = ["src/**/*.py", "experiment.py"], read_files(folder, ("experiment.py", "src/a.py", "src/data.txt"))
    added = apply([Edit(file="src/new/c.py", search="", replace="C = 3\n")], files, names)
    assert added["src/new/c.py"] == b"C = 3\n"
    removed = apply([Edit(file="src/a.py", search="", replace="")], added, names)
    assert sorted(removed) == ["experiment.py", "src/data.txt", "src/new/c.py"]
    for wrong in ("other.py", "src/../x.py", "src/data.txt"):
        with pytest.raises(EditRefused, match="no editable file"):
            apply([Edit(file=wrong, search="", replace="x = 1\n")], files, names)
    with pytest.raises(EditRefused, match="must hold 1 to"):
        apply([Edit(file="experiment.py", search="", replace="")], files, names)
    store = ArtifactStore(tmp_path / "artifacts")
    key = store.add(removed)
    assert store.whole(key, list(files), tmp_path / "aside")  # though others are the template's
    assert without(added, files, removed) == {n: removed[n] for n in ("experiment.py", "src/data.txt")}
    assert without(removed, added, removed) == added
