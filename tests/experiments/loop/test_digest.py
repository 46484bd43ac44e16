"""The digest: bounded, deterministic, with the failures, and without the holdout."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightlab.experiments.ledger.ledger import Settled, Trial
from nightlab.experiments.loop.digest import CHARACTERS, SAID, Digest, digest
from nightlab.experiments.records import Change, ParamValue
from nightlab.experiments.search.policy import Tried
from nightlab.experiments.template.loading import load
from tests.conftest import MakeTemplate

FILES = {"a": {"experiment.py": b"one\ntwo\n"}, "b": {"experiment.py": b"one\nthree\nfour\n"}}


class Study:
    """Trials made up one by one."""

    def __init__(self, folder: Path) -> None:
        self.template = load(folder)
        self.trials: list[Tried] = []
        self.history: list[Trial] = []
        self.add("baseline", 0.85, artifact="a", parent=None)

    def add(
        self,
        kind: str,
        height: float | None,
        *,
        artifact: str = "a",
        parent: int | None = 0,
        cause: str = "",
        reason: str = "why",
        difference: float = -0.1,
        **params: ParamValue,
    ) -> None:
        number = len(self.history)
        before = self.history[parent].change.params if parent is not None else self.template.defaults
        change = Change(
            strategy="east",
            hypothesis=f"idea {number}.",
            params={**before, **params},
            artifact=artifact,
            parent=parent,
            proposer="p",
        )
        weighed = None if kind in ("baseline", "failed") else difference
        verdict = Settled(kind=kind, cause=cause, reason=reason, difference=weighed)  # type: ignore[arg-type]
        self.history.append(Trial(number=number, change=change, verdict=verdict))
        score = None if height is None else -height
        self.trials.append(
            Tried(
                number=number,
                parent=parent,
                strategy="east",
                params=change.params,
                verdict=kind,  # type: ignore[arg-type]
                score=score,
                replicates=1,
            )
        )

    @property
    def digest(self) -> Digest:
        return digest(self.template, self.trials, self.history, lambda artifact: FILES[artifact])


@pytest.fixture
def study(make_template: MakeTemplate) -> Study:
    return Study(make_template())


def test_what_helped_what_failed_and_what_was_near_is_told(study: Study) -> None:
    study.add("kept", 0.5, x=0.4, difference=0.35)
    study.add("failed", None, cause="crash", reason="ZeroDivisionError: x", y=0.5)
    study.add("failed", None, cause="crash", reason="ZeroDivisionError: y", y=0.4)
    study.add("reverted", 0.49, parent=1, difference=0.01, x=0.41)
    study.add("reverted", 0.9, parent=1, difference=-0.4, mood="odd")
    study.add("kept", 0.3, parent=1, artifact="b", difference=0.2)
    text = study.digest.text
    assert "height, lower is better; baseline 0.85" in text
    assert "trial 6: 0.3 with x 0.1 to 0.4, edit of experiment.py, +2 -1 lines: idea 6" in text
    assert "crash, 2 times: trial 3 (y 0.9 to 0.4); trial 2 (y 0.9 to 0.5)" in text
    assert "Near misses:\n- trial 4: x 0.4 to 0.41 -> 0.49" in text
    assert "mood = odd: worse by 0.4" in text
    assert "every choice of mood was tried" in text
    assert "ZeroDivisionError" not in text
    assert study.digest.errors.splitlines() == ["trial 3: ZeroDivisionError: y", "trial 2: ZeroDivisionError: x"]


def test_what_was_tried_in_vain_is_called_exhausted(study: Study) -> None:
    for i in range(6):
        study.add("reverted", 0.9, x=0.2 + i / 100)
    assert "east: 6 trials, none kept" in study.digest.text


def test_it_is_bounded_and_deterministic_however_long_the_study(study: Study) -> None:
    for i in range(400):
        kinds = ("kept", "reverted", "failed")
        kind = kinds[i % 3]
        study.add(
            kind,
            None if kind == "failed" else 0.5 - i / 1e4,
            cause=f"cause{i % 9}" if kind == "failed" else "",
            reason="\x1b[31mbroken\u202e" * 200,
            difference=0.1 if i % 2 else -0.1,
            artifact="b" if i % 5 == 0 else "a",
            x=i / 1000,
        )
    found = study.digest
    assert 500 < len(found.text) <= CHARACTERS
    assert "Failed:" in found.text
    assert 0 < len(found.errors) <= SAID
    assert "\x1b" not in found.errors
    assert "\u202e" not in found.errors
    assert found == study.digest
