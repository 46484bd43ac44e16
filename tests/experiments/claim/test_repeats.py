"""A holdout that repeats dev is noticed and told, and no text calls it sealed."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from nightlab.experiments.claim.caveats import notes
from nightlab.experiments.claim.repeats import nearly
from nightlab.experiments.study.study import Settings, read
from nightlab.graph.session import begin, work
from tests.conftest import EVALUATE, MakeTemplate

RNG = np.random.default_rng(2)
DEV = {name: RNG.normal(mean, 0.01, 24) for name, mean in (("baseline", 1.0), ("best", 1.2))}


@pytest.mark.parametrize(
    ("copied", "gap"),
    [
        (True, 0.0),
        (True, 1e-6),
        (True, 5e-5),
        (False, 0.05),  # another level, as of harder items
        (False, 1e-3),
    ],
)
def test_a_split_that_gives_devs_values_up_to_a_small_difference_is_a_copy(copied: bool, gap: float) -> None:
    values = {name: [(v, v + gap * (1 + 0.2 * RNG.random())) for v in dev] for name, dev in DEV.items()}
    assert nearly(values) == copied


def test_runs_that_do_not_differ_are_compared_by_their_values() -> None:
    assert nearly({"baseline": [(1.0, 1.0 + 1e-6)] * 6, "best": [(1.3, 1.3 + 1e-6)] * 6})
    assert not nearly({"baseline": [(1.0, 1.02)] * 6, "best": [(1.3, 1.31)] * 6})


BY_ITEM = """\
import json, random


def evaluate(out, private, split):
    answer = json.loads((out / "answer.json").read_text())
    items = range(20) if split == "dev" else FROM
    heights = [answer["height"] + random.Random(f"{i} {answer['cost']}").gauss(0, 0.1) for i in items]
    return {"height": sum(heights) / len(heights), "cost": answer["cost"], "items": {"height": heights}}
"""


@pytest.mark.parametrize(
    ("evaluate", "heading"),
    [
        (EVALUATE.replace("+ offset", "+ offset * 1e-6"), "Holdout"),
        (BY_ITEM.replace("FROM", "range(19, 50)"), "Both splits"),
        (BY_ITEM.replace("FROM", "range(20, 50)"), ""),
    ],
)
def test_a_holdout_that_repeats_dev_is_told(
    make_template: MakeTemplate, tmp_path: Path, evaluate: str, heading: str
) -> None:
    folder = make_template(files={"evaluate.py": evaluate})
    study = begin(
        folder, Settings(trials=3, rounds=0, seed=1), tmp_path / "studies", "pipeline" if heading else "experiment"
    )
    work(study, lambda _: None)
    with closing(read(study)) as done:
        assert set(notes(done)) & {"Holdout", "Both splits"} == ({heading} if heading else set())
    if heading:
        text = " ".join((study / "paper" / "paper.tex").read_text(encoding="utf-8").split())
        assert "sealed holdout" not in text
        assert "data that the search never saw" not in text
