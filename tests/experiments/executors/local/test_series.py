"""Series of runs: what is read, what is refused, how they are kept, and how they are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nightlab
from nightlab.experiments.executors.local.reported.series import BYTES, FILE, NAMES, STEPS, BadSeries, read
from nightlab.experiments.ledger.ledger import LedgerError
from nightlab.experiments.study.study import read as read_study
from nightlab.papers.figures import learning
from tests.conftest import EVALUATE, MakeTemplate
from tests.papers.sample import pdf_text
from tests.tamper.small import wrong

HEAD = "step,name,value\n"
GOOD = HEAD + "0,loss,2.5\n1,loss,1e-3\n0,accuracy,0.5\n2.5,loss,-1\n"
BAD = {
    "no head": ("0,loss,1\n", "must begin with the line step,name,value"),
    "another head": ("step;name;value\n", "must begin"),
    "too few cells": (HEAD + "0,loss\n", "line 2: must have a step, a name and a value"),
    "no number": (HEAD + "0,loss,many\n", "line 2: 'many' is no finite number"),
    "not finite": (HEAD + "0,loss,nan\n", "no finite number"),
    "beyond numbers": (HEAD + "0,loss,1e999\n", "no finite number"),
    "a hostile name": (HEAD + "0,\\input{x},1\n", "is no name"),
    "steps that stand": (HEAD + "1,a,1\n1,a,2\n", "line 3: the steps of a must ascend"),
    "too many names": (HEAD + "".join(f"0,n{i},1\n" for i in range(NAMES + 1)), "more than"),
    "too many steps": (HEAD + "".join(f"{i},a,1\n" for i in range(STEPS + 1)), "more than"),
    "too large": (HEAD + " " * BYTES, "is larger than"),
    "an open quote": (HEAD + '0,"a,1\n', "no CSV"),
}


def test_a_series_is_read() -> None:
    assert read({}) == {}
    assert read({FILE: GOOD.encode()}) == {"loss": [(0, 2.5), (1, 1e-3), (2.5, -1)], "accuracy": [(0, 0.5)]}
    with pytest.raises(BadSeries, match="UTF-8"):
        read({FILE: b"\xff\xfe"})


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_series_is_told(name: str) -> None:
    text, told = BAD[name]
    with pytest.raises(BadSeries) as error:
        read({FILE: text.encode()})
    assert told in str(error.value)


def test_curves_are_of_the_steps_that_all_runs_have(tmp_path: Path) -> None:
    steps, values = learning.common([[(0, 1.0), (1, 2.0), (2, 3.0)], [(0, 3.0), (2, 5.0), (9, 0.0)]])
    assert steps.tolist() == [0, 2]
    assert np.array_equal(values, [[1.0, 3.0], [3.0, 5.0]])
    panels = [learning.Panel(name="train_loss", curves={"baseline": [[(0, 1.0)]], "best": []})] * 3
    learning.draw(tmp_path / "f.pdf", panels)
    assert all(word in pdf_text(tmp_path / "f.pdf") for word in ("train loss", "step", "baseline"))


WRITES = """
    lines = ["step,name,value"] + [f"{i},train_loss,{1 / (i + 1) + params['x'] / 10}" for i in range(5)]
    (out / "series.csv").write_text("\\n".join(lines))
"""


GIVES = """    arrays = {
        "disks": [[0.3, 0.3, 0.2 + answer["height"] / 100]],
        "roof": [[1, 2.0], [10, 20.0]],
        "bad": [["many"]],
        "ragged": [[1], [1, 2]],
        "large": [[0.0]] * 30_000,
    }
    return {"height": answer["height"] + offset, "cost": answer["cost"], "arrays": arrays}
"""
FIGURES = """
[[figure]]
key = "roofline"
title = "The 99 % best of all rooflines"
log = ["x", "y"]
layer = [
    { mark = "line", data = "arrays.roof", label = "roof", of = "baseline" },
    { mark = "points", data = "series.train_loss" },
]

[[figure]]
key = "disks"
title = "Disks and their places"
bounds = [0.0, 1.0, 0.0, 1.0]
layer = [{ mark = "circles", data = "arrays.disks" }]

[[figure]]
key = "none"
title = "What nobody gives"
layer = [{ mark = "image", data = "arrays.nothing" }]
"""


def test_a_study_keeps_the_curves_of_its_confirmation_and_draws_them(
    make_template: MakeTemplate, tmp_path: Path
) -> None:
    plain = make_template(files={"evaluate.py": EVALUATE.partition("    return")[0] + GIVES})
    (plain / "template.toml").write_text((plain / "template.toml").read_text() + FIGURES)
    source = (plain / "experiment.py").read_text().rstrip("\n")
    (plain / "experiment.py").write_text(source + WRITES)
    folder = nightlab.run(plain, out=tmp_path / "studies", trials=4, rounds=0)
    study = read_study(folder)
    reported = {r.phase for r in study.ledger.runs() if study.series.of(r.id)}
    assert "confirm" in reported
    run = next(r for r in study.ledger.runs("confirm") if study.series.of(r.id))
    rows = study.series.of(run.id)
    assert set(rows) == {
        "train_loss",
        *(f"{split}/{name}" for split in ("dev", "holdout") for name in ("disks", "roof")),
    }
    assert rows["holdout/roof"] == [(1, 2.0), (10, 20.0)]
    assert run.outcome
    assert sum("no list or table of at most" in note for note in run.outcome.notes) == 3
    assert wrong(folder) == []
    for file in (folder / "series").iterdir():
        file.write_bytes(b"{}")
    with pytest.raises(LedgerError, match="not what was written there"):
        study.series.of(run.id)
    study.close()
    text = pdf_text(folder / "paper/paper.pdf")
    assert "Learning curves of" in text
    assert "Disks and their places, of the baseline and the best configuration: what the judge gives" in text
    assert "Roofline, of the baseline and the best configuration" in text
    assert "what runs report of themselves, verified by nothing" in text
    assert not any(words in text for words in ("99 %", "What nobody gives"))
