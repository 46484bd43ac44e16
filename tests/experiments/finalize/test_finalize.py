"""What a study leaves behind: its kept changes as commits and patches, and nothing of a repository that is run."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nightlab.cli import app
from nightlab.experiments.claim.confirmation import NOTHING
from nightlab.experiments.finalize import commits
from nightlab.experiments.finalize.options import with_defaults
from nightlab.experiments.finalize.steps import NothingKept, Step, before, steps
from nightlab.experiments.git import GitError, tracked
from nightlab.experiments.ledger.documents.claim import Claim
from nightlab.experiments.ledger.ledger import Settled
from nightlab.experiments.records import Change, RunOutcome
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import Study, create, reopen
from nightlab.experiments.template.adoption.folder import look
from nightlab.experiments.template.loading import load
from tests.conftest import MakeTemplate

HOOKS = ("reference-transaction", "post-commit", "pre-commit", "commit-msg", "post-index-change", "update")
PROGRAM = "STEPS = 20\nprint(STEPS)\n"


def plain_git(folder: Path, *words: str, data: str = "") -> str:
    own = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    own |= {f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(["git", *words], cwd=folder, env=own, input=data, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One whose every part that git can run leaves a mark, with the program in a folder of it."""
    top, mark = tmp_path / "repo", tmp_path / "RAN"
    (top / "src").mkdir(parents=True)
    (top / "src" / "train.py").write_text(PROGRAM)
    (top / "src" / "gone.txt").write_text("old\n")
    plain_git(top, "init", "-q", "--initial-branch=main")
    plain_git(top, "add", ".")
    plain_git(top, "commit", "-qm", "first")
    (top / "src" / "notes.txt").write_text("mine alone\n")
    for hook in HOOKS:
        file = top / ".git" / "hooks" / hook
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\necho {hook} >> {mark}\n")
        file.chmod(0o755)
    for key in ("core.fsmonitor", "filter.x.clean", "filter.x.smudge", "diff.external", "core.sshCommand"):
        plain_git(top, "config", key, f"sh -c 'echo {key} >> {mark}'")
    (top / ".gitattributes").write_text("*.py filter=x\n")
    return top


FIRST = {"train.py": PROGRAM.encode(), "gone.txt": b"old\n"}
STEPS = [
    Step(
        trials=(3,),
        files={"train.py": b"STEPS = 40\nprint(STEPS)\n", "new.bin": b"\0\xff"},
        title="Trial 3: a",
        text="e",
    ),
    Step(trials=(5, 8), files={"gone.txt": None}, title="Trial 8: c", text="Run as: python train.py --lr 0.3"),
]


def test_a_branch_has_a_commit_for_each_change_and_nothing_of_the_repository_is_run(
    repository: Path, tmp_path: Path
) -> None:
    status = plain_git(repository, "-c", "core.fsmonitor=false", "rev-parse", "HEAD")
    made = commits.branch(repository / "src", "kept/one", FIRST, STEPS)
    assert not (tmp_path / "RAN").exists()
    for hook in HOOKS:
        (repository / ".git" / "hooks" / hook).unlink()
    assert plain_git(repository, "rev-parse", "HEAD", "kept/one").split() == [status, made[-1]]
    assert plain_git(repository, "log", "--format=%s", "--reverse", "main..kept/one").split("\n") == [
        step.title for step in STEPS
    ]
    assert plain_git(repository, "show", "kept/one:src/train.py") == "STEPS = 40\nprint(STEPS)"
    names = plain_git(repository, "ls-tree", "-r", "--name-only", "kept/one").split()
    assert names == ["src/new.bin", "src/train.py"]
    assert (repository / "src" / "train.py").read_text() == PROGRAM  # the working tree stays
    with pytest.raises(GitError, match="already"):
        commits.branch(repository / "src", "kept/one", FIRST, STEPS)


@pytest.mark.parametrize(("name", "says"), [("a b", "not a valid branch"), ("-x", "not a valid branch")])
def test_a_name_that_is_none_is_refused(repository: Path, name: str, says: str) -> None:
    with pytest.raises(GitError, match=says):
        commits.branch(repository / "src", name, FIRST, STEPS)


def test_what_the_study_has_not_seen_is_not_written_over(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(GitError, match=r"another train\.py than the study began with"):
        commits.branch(repository / "src", "b", {**FIRST, "train.py": b"STEPS = 21\n"}, STEPS)
    with pytest.raises(GitError, match="is no repository"):
        commits.branch(tmp_path, "b", FIRST, STEPS)  # no repository


def test_patches_make_the_same_of_another_copy(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for name, data in FIRST.items():
        (copy / name).write_bytes(data)
    plain_git(copy, "init", "-q")
    plain_git(copy, "add", ".")
    plain_git(copy, "commit", "-qm", "first")
    plain_git(copy, "am", "-q", data=commits.patch(FIRST, STEPS).decode())
    assert (copy / "train.py").read_bytes() == STEPS[0].files["train.py"]
    assert (copy / "new.bin").read_bytes() == b"\0\xff"
    assert not (copy / "gone.txt").exists()
    told = plain_git(copy, "log", "-1", "--format=%B")
    assert "--lr 0.3" in told
    assert "Nightlab-Trial: 5\nNightlab-Trial: 8" in told


def test_tracked_files_are_those_of_the_index_below_the_folder(repository: Path, tmp_path: Path) -> None:
    assert tracked(repository / "src") == {"train.py", "gone.txt"}
    assert not (tmp_path / "RAN").exists()
    assert tracked(tmp_path) is None
    found = look(repository / "src")
    assert found.files.keys() == {"train.py", "gone.txt"}
    assert found.notes == ["left out, as git does not track them: notes.txt; --untracked takes them along"]
    assert look(repository / "src", untracked=True).files.keys() == {"train.py", "gone.txt", "notes.txt"}


@pytest.fixture
def study(make_template: MakeTemplate, tmp_path: Path) -> Iterator[Study]:
    """One with a constant, a knob in its command and an edit, all kept."""
    constant = (
        '[search.space.steps]\nstrategy = "steps"\ntype = "int"\nlow = 1\nhigh = 90\ndefault = 20\n'
        'constant = "experiment.py:STEPS"\n\n[budget]'
    )
    folder = make_template(
        {
            'entry = "experiment:run"': 'command = ["python", "experiment.py", "--x={x}", "{seed}"]',
            "[budget]": constant,
            'editable = ["experiment.py"]': 'editable = ["experiment.py"]\nsupport = ["conf.txt"]',
        },
        {"experiment.py": PROGRAM, "conf.txt": "c\n"},
    )
    with reopen(create(load(folder), Settings(seeds=2), tmp_path, mode="experiment")) as made:
        yield made


def settle(study: Study, number: int, kind: str, artifact: str = "", **params: object) -> None:
    change = Change(
        strategy="east",
        hypothesis="it\nhelps.",
        params={**study.template.defaults, **params},  # type: ignore[dict-item]
        artifact=artifact or study.baseline_artifact,
        parent=0 if number else None,
        proposer="test",
    )
    study.ledger.claim(number, change)
    for replicate in range(2):
        run = study.ledger.claim_run("search", str(number), replicate, replicate)
        metrics = {"dev": {"height": 0.5 - number / 10 + replicate / 100, "cost": 1.0}}
        study.ledger.settle_run(run.id, RunOutcome(status="ok", metrics=metrics))
    study.ledger.settle(number, Settled(kind=kind, reason="r", difference=0.1, threshold=0.02, elapsed_s=float(number)))  # type: ignore[arg-type]


def test_steps_are_the_kept_changes_with_their_files_and_evidence(study: Study) -> None:
    settle(study, 0, "baseline")
    with pytest.raises(NothingKept):
        steps(study)
    settle(study, 1, "kept", x=0.3)
    settle(study, 2, "reverted", x=0.9)
    settle(study, 3, "kept", x=0.3, steps=40)
    edited = study.artifacts.add({**before(study), "experiment.py": b"STEPS = 20\nprint(-STEPS)\n"})
    settle(study, 4, "kept", edited, x=0.3, steps=40)
    second, third = steps(study)
    assert [s.trials for s in (second, third)] == [(1, 3), (4,)]
    assert second.text.startswith("Trial 1: x from 0.1 to 0.3\nheight")
    assert second.files == {"experiment.py": b"STEPS = 40\nprint(STEPS)\n"}
    assert third.files == {"experiment.py": b"STEPS = 40\nprint(-STEPS)\n"}
    assert third.title == "Trial 4: experiment.py"
    assert "Run as: python experiment.py --x=0.3 {seed}" in second.text
    assert "0.2050 ± 0.005, 2 runs (before: 0.4050 ± 0.005, 2 runs)" in second.text
    assert "Hypothesis: it helps\n" in second.text
    assert "not confirmed it yet" in third.text
    assert "confirmed" not in second.text

    study.ledger.put(replace_claim(best=3), "claim")
    *_, last = steps(study)
    assert last.trials == (3,)  # which the confirmation has chosen
    assert last.files == {"experiment.py": b"STEPS = 40\nprint(STEPS)\n"}
    assert "Confirmed: better than the baseline by 0.2, 95 % interval 0.1 to 0.3, p = 0.001" in last.text


def test_a_study_that_kept_options_alone_writes_their_defaults_or_says_the_command(study: Study) -> None:
    settle(study, 0, "baseline")
    settle(study, 1, "kept", x=0.3)
    with pytest.raises(NothingKept, match=r"the command alone, and no file: python experiment\.py --x=0\.3"):
        steps(study)
    edited = study.artifacts.add({**before(study), "experiment.py": b"STEPS = 20\nprint(-STEPS)\n"})
    settle(study, 2, "kept", edited, x=0.3)
    settle(study, 3, "kept", edited, x=0.5)
    (step,) = steps(study)
    assert (step.trials, step.title) == ((1, 2, 3), "Trial 2: experiment.py")
    assert "Trial 3: x from 0.3 to 0.5\nheight" in step.text


PARSER = """\
import argparse
p = argparse.ArgumentParser()
p.add_argument("-x", "--x", type=float, default=0.1, help="ä")
p.add_argument("--y", default=-2)
p.add_argument("--on", action="store_true")
"""


@pytest.mark.parametrize(
    ("word", "value", "line"),
    [
        (["--x={v}"], (0.1, 0.3), '"--x", type=float, default=0.3, help="ä")'),
        (["-x", "{v}"], (0.1, 3.0), "default=3.0"),
        (["--y", "{v}"], (-2, 5), '"--y", default=5)'),
        (["--y", "{v}"], (7, 5), ""),  # another default than the template's
        (["{v}"], (0.1, 0.3), ""),
        (["--z", "{v}"], (0.1, 0.3), ""),
    ],
)
def test_an_option_s_default_is_set_where_it_stands(word: list[str], value: tuple[float, float], line: str) -> None:
    files = {"a.py": PARSER.encode(), "broken.py": b"def", "notes.txt": PARSER.encode()}
    found = with_defaults(files, ["python", "a.py", *word], {"v": value})
    assert {name for name in files if found[name] != files[name]} == ({"a.py"} if line else set())
    assert line in found["a.py"].decode()
    twice = with_defaults({**files, "b.py": files["a.py"]}, ["python", "a.py", *word], {"v": value})
    assert twice["a.py"] == files["a.py"]


def replace_claim(best: int) -> Claim:
    found = replace(NOTHING, effect=0.2, low=0.1, high=0.3, p_value=0.001, significant=True, n=6)
    return Claim(**vars(found), best=best, chosen=best, split="dev", tested=True)


def test_the_command_writes_one_of_a_branch_and_a_patch(study: Study, tmp_path: Path) -> None:
    settle(study, 0, "baseline")
    settle(study, 1, "kept", steps=40)
    run, where = CliRunner().invoke, str(study.folder)
    assert run(app, ["finalize", where]).exit_code == 2
    assert run(app, ["finalize", where, "--branch", "b", "--patch", "f"]).exit_code == 2
    done = run(app, ["finalize", where, "--patch", str(tmp_path / "kept.patch"), "--json"])
    assert done.exit_code == 0, done.output
    (told,) = json.loads(done.output)["commits"]
    assert (told["trials"], told["files"]) == ([1], ["experiment.py"])
    assert "+STEPS = 40" in (tmp_path / "kept.patch").read_text()
    refused = run(app, ["finalize", where, "--branch", "b", "--folder", str(tmp_path)])
    assert refused.exit_code == 2
