"""The study's copy of a template: what is in it, and what of the source is told instead of being copied."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from nightlab.experiments.ledger.storage import holding
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import create, read
from nightlab.experiments.template import copying
from nightlab.experiments.template.artifact.artifact import ArtifactError, ArtifactStore, executables
from nightlab.experiments.template.copying import NoPlace, copy
from nightlab.experiments.template.loading import load
from nightlab.experiments.template.template import TemplateError
from tests.command_line import nightlab
from tests.conftest import MakeTemplate

NAMED = ("experiment.py",)


def below(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def copied(folder: Path, out: Path, named: tuple[str, ...] = NAMED) -> Path:
    copy(folder, out / "copy", named, out, lambda path: holding(path) is not None)
    return out / "copy"


def listen(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(path.parent)  # a socket's path must be short
        server.bind(path.name)


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "dangling": (lambda p: p.symlink_to("/nonexistent"), "is a link that leads to /nonexistent, which cannot be read"),
    "fifo": (os.mkfifo, "is a FIFO, which cannot be copied; take it out of the template"),
    "socket": (listen, "is a socket, which cannot be copied"),
    "device": (lambda p: p.symlink_to("/dev/zero"), "is a device, which cannot be copied"),
    "itself": (lambda p: p.symlink_to(p.name), "is a link that leads back to itself; remove or mend it"),
    "above": (lambda p: p.symlink_to(p.parent.parent), "which holds it; remove the link"),
    "deep": (lambda p: (p.mkdir(), os.mkfifo(p / "b")), "/b: is a FIFO"),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_what_cannot_be_copied_is_told_and_leaves_nothing(
    kind: str, make_template: MakeTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_template()
    monkeypatch.chdir(tmp_path)
    make, told = FAULTS[kind]
    make(folder / "odd")
    with pytest.raises(TemplateError, match=rf"{re.escape(str(folder))}/odd.*{re.escape(told)}"):
        create(load(folder), Settings(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_many_faults_are_counted(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = make_template()
    for number in range(8):
        os.mkfifo(folder / f"pipe{number}")
    with pytest.raises(TemplateError) as error:
        copied(folder, tmp_path)
    assert str(error.value).count("FIFO") == 5
    assert str(error.value).endswith("and 3 more files that cannot be copied")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_a_file_that_may_not_be_read_is_named(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = make_template()
    (folder / "evaluate.py").chmod(0)
    with pytest.raises(TemplateError, match=r"evaluate\.py: cannot be read"):
        copied(folder, tmp_path)


def test_links_lead_to_the_copy_where_they_can_and_are_followed_else(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    folder, outside = make_template(), tmp_path / "outside"
    for place in (folder / "data", folder / ".cache", outside):
        place.mkdir()
        (place / "a.csv").write_text(place.name)
    links = {"again": ".", "same.csv": "data/a.csv", "hidden.csv": ".cache/a.csv", "more": str(outside)}
    for name, target in {**links, "data/up": "..", "full": str(folder / "data")}.items():
        (folder / name).symlink_to(target)
    (outside / "twin.csv").symlink_to("a.csv")
    (outside / "back.py").symlink_to(folder / "evaluate.py")
    made = copied(folder, tmp_path)
    where = {str(p.relative_to(made)): str(p.readlink()) for p in made.rglob("*") if p.is_symlink()}
    assert where == {
        "again": ".",
        "same.csv": "data/a.csv",
        "data/up": "..",
        "full": "data",
        "more/back.py": "../evaluate.py",
    }
    assert all(p.resolve().is_relative_to(made) for p in made.rglob("*"))
    assert [(made / name).read_text() for name in ("hidden.csv", "more/a.csv", "more/twin.csv")] == [
        ".cache",
        "outside",
        "outside",
    ]


def test_what_a_template_names_is_copied_though_it_is_hidden(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = make_template({'editable = ["experiment.py"]': 'editable = ["experiment.py"]\nsupport = [".etc/a.conf"]'})
    for name in (".etc/a.conf", ".etc/b.conf", "__pycache__/a.pyc", ".git/config"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    made = create(load(folder), Settings(), tmp_path / "out")
    assert {name for name in below(made / "template") if name.startswith((".", "_"))} == {".etc", ".etc/a.conf"}
    read(made).close()


@pytest.mark.parametrize("out", ["studies", "results/of/today", "."])
def test_no_study_is_copied_into_another(
    out: str, make_template: MakeTemplate, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_template(files={"notes.md": "mine"})
    plain = below(folder)
    first = create(load(folder), Settings(), folder / out)
    assert below(first / "template") - plain <= {"results", "results/of", "results/of/today", "studies"}
    half_made = folder / out / first.name.replace(first.name[-6:], "0a1b2c")
    half_made.mkdir()  # by a nightlab that was killed
    (folder / out / "mine.txt").write_text("mine")
    second = create(load(folder), Settings(), folder / out)
    assert not [name for name in below(second / "template") if "study.db" in name or half_made.name in name]
    assert (second / "template" / out / "mine.txt").is_file()
    assert first.name in caplog.text


def test_a_template_that_does_not_fit_is_told_before_it_is_copied(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = make_template()
    with (folder / "huge.bin").open("wb") as file:
        file.truncate(2**43)
    with pytest.raises(NoPlace, match=r"holds 8796093 MB and .* left; take out of the template what no run reads"):
        create(load(folder), Settings(), tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_folders_that_are_too_deep_are_told(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = make_template()
    place = os.open(folder, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=place)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    with pytest.raises(TemplateError, match=r"too long|too deep"):
        create(load(folder), Settings(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_read_only_files_can_be_written_in_the_copy(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = make_template()
    (folder / "experiment.py").chmod(0o444)
    assert (copied(folder, tmp_path) / "experiment.py").stat().st_mode & 0o777 == 0o644
    assert copying.STUDY.fullmatch("toy-20260102-a1b2c3")


def test_programs_stay_programs_in_the_store(tmp_path: Path) -> None:
    files = {"run.sh": b"#!/bin/sh\n", "tools/make": b"#!/bin/sh\n", "a.txt": b""}
    before = ArtifactStore(tmp_path / "old").add(files)
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
        (tmp_path / name).chmod(0o644 if name == "a.txt" else 0o750)
    programs = executables(tmp_path, tuple(files))
    assert programs == {"run.sh", "tools/make"}
    store = ArtifactStore(tmp_path / "new", programs)
    assert store.add(files) == before  # artifacts of earlier versions stay valid
    other = store.add({**files, "run.sh": b"#!/bin/sh\nexit\n"})
    for key in (before, other):
        assert [os.access(store.path(key) / name, os.X_OK) for name in files] == [True, True, False]
    with pytest.raises(ArtifactError, match="are missing; restore"):
        store.read("0" * 16)


RUN = """\
#!/bin/sh
. ./tools/lib.sh
./tools/score >"$NIGHTLAB_OUT/answer.json"
"""


def test_a_program_runs_in_a_study_and_in_its_fork(make_template: MakeTemplate, tmp_path: Path) -> None:
    toml = {
        'editable = ["experiment.py"]': 'editable = ["run.sh"]\nsupport = ["tools/score", "tools/lib.sh"]',
        'entry = "experiment:run"': 'command = ["./run.sh"]',
        "confirm_seeds = 6": "confirm_seeds = 2",
    }
    folder = make_template(toml, {"run.sh": RUN})
    (folder / "tools").mkdir()
    (folder / "tools" / "score").write_text('#!/bin/sh\necho "{\\"height\\": 1, \\"cost\\": 0}"\n')
    (folder / "tools" / "lib.sh").write_text("true\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "tools" / "score").chmod(0o755)
    done = nightlab("experiment", folder, "--trials", 1, "--workers", 1, "--out", folder / "studies", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (study,) = (folder / "studies").iterdir()
    done = nightlab("fork", study, "--trial", 0, "--trials", 1, "--out", "forks", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (forked,) = (tmp_path / "forks").iterdir()
    assert os.access(forked / "template" / "run.sh", os.X_OK)


def test_the_command_line_blames_the_file_and_leaves_no_study(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = make_template()
    os.mkfifo(folder / "pipe")
    for command in (["experiment", folder], ["experiment", folder, "--dry-run"]):
        done = nightlab(*command, "--out", "out", cwd=tmp_path)
        assert done.returncode == 2
        assert f"{folder}/pipe: is a FIFO" in done.stderr
        assert "--out" not in done.stderr
        assert not (tmp_path / "out").exists()
