"""A study is followed from other processes: every event in order, none twice, also over a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
import typer

import nightlab
from nightlab.commands.follow import follow as following_command
from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger.events import Ended, Note, Stage
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import create, read, reopen
from nightlab.experiments.template.loading import load
from nightlab.graph.session import begin, work
from nightlab.telling.following import failed, follow
from tests.conftest import EXPERIMENT, MakeTemplate

COMMAND = (sys.executable, "-m", "nightlab.cli")


def started(*args: object) -> subprocess.Popen[str]:
    command = [*COMMAND, *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def until(lines: Iterator[str], trial: int) -> list[dict[str, Any]]:
    """Events up to that trial's."""
    heard = []
    for line in lines:
        heard.append(json.loads(line))
        if heard[-1].get("trial") == trial:
            break
    return heard


def test_another_process_hears_all_of_a_study_that_is_killed_and_resumed(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    slow = EXPERIMENT.replace("    noise", "    import time; time.sleep(0.05)\n    noise", 1)
    template = make_template(files={"experiment.py": slow})
    folder = begin(template, Settings(trials=4, seed=5), tmp_path / "studies", "experiment")
    follower = started("follow", folder, "--json")
    assert follower.stdout
    worker = started("resume", folder)
    heard = until(follower.stdout, trial=1)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.communicate()
    resumed: list[dict[str, Any]] = []
    work(folder, resumed.append)
    heard += [json.loads(line) for line in follower.stdout]  # by the same reader, who may have read ahead
    _, errors = follower.communicate(timeout=60)
    assert (follower.returncode, errors) == (0, "")
    numbers = [event["number"] for event in heard]
    assert numbers == list(range(1, len(heard) + 1))
    assert [event["trial"] for event in heard if event["kind"] == "trial"] == list(range(5))
    stages = [event["stage"] for event in heard if event["kind"] == "stage"]
    assert stages == list(dict.fromkeys(stages))
    assert {"baseline", "confirm"} <= set(stages)
    assert heard[-1]["kind"] == "end"
    assert heard[-1]["end"] == "finished"
    assert all(event in heard for event in resumed)
    assert nightlab.events(folder, after=numbers[-3]) == heard[-2:]
    shown = subprocess.run([*COMMAND, "follow", folder], capture_output=True, text=True, check=True).stdout
    assert [line.split("] ")[1] for line in shown.splitlines() if " trial " in line][1].startswith("trial 1/4 ")
    assert shown.splitlines()[-1].endswith("the study is finished")


BROKEN = {  # before there is anything to finish
    "the baseline crashes": {
        "experiment.py": "def run(params, inputs, out, seed):\n    raise ValueError('no valley')\n"
    },
    "the baseline's score is none": {"evaluate.py": "def evaluate(out, private, split):\n    return {}\n"},
    "the preparation fails": {"prepare.py": "def prepare(inputs, private, seed):\n    raise ValueError('no data')\n"},
}


@pytest.mark.parametrize("files", BROKEN.values(), ids=BROKEN)
def test_who_follows_is_told_that_work_on_a_study_failed(
    make_template: MakeTemplate, tmp_path: Path, files: dict[str, str]
) -> None:
    folder = begin(make_template(files=files), Settings(trials=2), tmp_path / "studies", "experiment")
    heard: list[dict[str, Any]] = []
    with pytest.raises(NightlabError) as error:
        work(folder, heard.append)
    with closing(read(folder)) as study:
        told = list(follow(study))
    assert told[-1].told == Ended(end="failed", reason=str(error.value))
    assert [event.record() for event in told[:-1]] == heard  # who works on it hears the error itself
    assert failed(told[-1])


def test_a_study_that_failed_and_goes_on_is_followed_to_its_end(make_template: MakeTemplate, tmp_path: Path) -> None:
    asked = Settings(trials=1, seeds=1, confirm_seeds=2)
    folder = begin(make_template(), asked, tmp_path / "studies", "experiment")
    broken = folder / "template" / "prepare.py"
    broken.write_text(f"raise ValueError('not here')\n{(code := broken.read_text())}")
    with pytest.raises(NightlabError):
        work(folder, lambda _event: None)
    shown = subprocess.run([*COMMAND, "follow", folder], capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (1, "")
    assert "not here" in shown.stdout
    broken.write_text(code)
    work(folder, lambda _event: None)
    with closing(read(folder)) as study:
        ends = [event.told.end for event in follow(study) if isinstance(event.told, Ended)]
    assert ends == ["failed", "finished"]


def test_who_follows_may_stop_and_the_study_is_as_it_was(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = create(load(make_template()), Settings(), tmp_path)
    with reopen(folder) as study:
        study.ledger.tell(Note(note="one"), during="a")
        before = (folder / "study.db").read_bytes()
        follower = started("follow", folder, "--json", "--after", "0")
        assert follower.stdout
        assert json.loads(follower.stdout.readline())["note"] == "one"
        follower.send_signal(signal.SIGINT)
        _, errors = follower.communicate(timeout=60)
        assert (follower.returncode, errors) == (130, "")
        assert (folder / "study.db").read_bytes() == before


def test_an_interrupt_that_python_loses_ends_the_watching(
    make_template: MakeTemplate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that comes while an object is destroyed is printed and ignored."""

    class Destroyed:
        def __del__(self) -> None:
            os.kill(os.getpid(), signal.SIGINT)

    folder = create(load(make_template()), Settings(), tmp_path)
    with reopen(folder) as study:
        study.ledger.tell(Note(note="one"), during="a")

    def printed(_record: object) -> None:
        with suppress(KeyboardInterrupt):
            Destroyed()

    monkeypatch.setattr(sys, "unraisablehook", lambda _lost: None)
    monkeypatch.setattr("nightlab.commands.follow.print_json", printed)
    with pytest.raises(typer.Exit) as ended:
        following_command(folder, as_json=True)
    assert ended.value.exit_code == 130


def test_a_step_that_is_done_again_tells_nothing_twice(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = create(load(make_template()), Settings(), tmp_path)
    heard = []
    for _ in range(2):
        with reopen(folder) as study:
            study.ledger.heard = heard.append
            study.ledger.tell(Stage(stage="write", round=1), during="first")
            study.ledger.once("mode", "a", 1, Note(note="with a document"))
    with reopen(folder) as study:
        study.ledger.tell(Stage(stage="write", round=1), during="second")
    assert [event.number for event in heard] == [1, 2, 1]  # who joins hears where the study is, as it was told
    with closing(read(folder)) as study:
        assert [event.number for event in study.ledger.events()] == [1, 2, 3]
        assert [event.told for event in study.ledger.events(after=2)] == [Stage(stage="write", round=1)]
