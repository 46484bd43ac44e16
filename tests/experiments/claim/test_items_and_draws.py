# ruff: noqa: F811
"""Claims that hold for other items and other draws of the data: what evaluators give by item, and fresh draws."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from nightlab.experiments.claim import confirmation
from nightlab.experiments.claim.caveats import notes
from nightlab.experiments.claim.statistics.pairing import Rule, effect, searched
from nightlab.experiments.ledger.documents.study import TreeHashes
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.run_accounts import Job
from nightlab.experiments.study.settings import Settings
from nightlab.experiments.study.study import read
from nightlab.graph.session import begin, work
from tests.conftest import MakeTemplate
from tests.experiments.loop.test_loop import judged, loop_of, move, stack  # noqa: F401

PREPARE = """\
import json
import random


def prepare(inputs, private, seed):
    (inputs / "noise").write_text("0.01")
    pool = random.Random(seed).sample(range(60), 50)
    (private / "items.json").write_text(json.dumps({"dev": pool[:20], "holdout": pool[20:]}))
"""
EVALUATE = """\
import json
import random


def evaluate(out, private, split):
    answer = json.loads((out / "answer.json").read_text())
    items = json.loads((private / "items.json").read_text())[split]
    heights = [answer["height"] + random.Random(f"{i} {answer['cost']}").gauss(0, 0.1) for i in items]
    height = sum(heights) / len(heights)
    return {"height": height, "cost": answer["cost"], "items": {"height": heights, "group": items}}
"""
FILES: dict[str, str | None] = {"prepare.py": PREPARE, "evaluate.py": EVALUATE}


def test_with_values_by_item_a_claim_is_one_for_other_items(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = loop_of(make_template(files=FILES))
    loop.baseline()
    judged(loop, move(loop, x=0.6))
    claim = confirmation.confirm(loop)
    study = loop.study
    runs = study.ledger.runs("confirm")
    over_seeds = effect(study.template, runs, "baseline", "best", "holdout", Rule.of(claim))
    assert over_seeds is not None
    assert (claim.n, claim.items, over_seeds.items) == (6, 30, 0)
    assert claim.effect == pytest.approx(over_seeds.effect)
    assert claim.high - claim.low > 3 * (over_seeds.high - over_seeds.low)
    assert claim.significant
    assert "Items" not in notes(study)
    values, groups = study.items.of(runs[0].id, "holdout", "height") or (np.zeros(0), None)
    assert runs[0].outcome is not None
    assert values.mean() == pytest.approx(runs[0].outcome.metrics["holdout"]["height"], abs=1e-9)
    assert groups is not None
    assert len(set(groups)) == 30
    assert all(study.items.of(run.id, "holdout", "height") is None for run in searched(study.ledger))


def test_items_of_one_group_leave_the_test_over_seeds_and_are_told(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    body = EVALUATE.replace('"group": items', '"group": [7] * len(items)')
    loop = loop_of(make_template(files=FILES | {"evaluate.py": body}))
    loop.baseline()
    judged(loop, move(loop, x=0.6))
    claim = confirmation.confirm(loop)
    assert (claim.n, claim.items, claim.tested) == (6, 0, True)
    assert "could not use them" in notes(loop.study)["Items"]


def test_a_run_without_items_stands_for_none_that_wants_them(
    make_template: MakeTemplate, loop_of: Callable[..., Loop]
) -> None:
    loop = loop_of(make_template(files=FILES))
    loop.baseline()
    change, items = loop.entries[0].trial.change, loop.study.items

    def job(name: str, wanted: bool) -> Job:
        return Job(phase="confirm", subject=name, replicate=0, change=change, seeds="confirm", items=wanted)

    bare, first, second = (loop.accounts.all([job(*each)])[0] for each in (("a", False), ("b", True), ("c", True)))
    assert [items.of(run.id, "dev", "height") is None for run in (bare, first, second)] == [True, False, False]
    assert second.outcome is not None
    assert second.outcome.output == f"the outcome of run {first.id}"


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ('{"height": [height + 1e-6, height + 1e-6]}', "the mean of 'height' is"),
        ('{"auc": heights}', "'auc' must be a metric"),
        ('{"height": heights, "group": [1, 2]}', "2 groups, and 20 values"),
        ('{"height": []}', "with a finite number for each item"),
    ],
)
def test_items_that_are_not_those_of_a_metric_are_refused_at_the_first_run(
    make_template: MakeTemplate, loop_of: Callable[..., Loop], items: str, told: str
) -> None:
    body = EVALUATE.replace('{"height": heights, "group": items}', items)
    loop = loop_of(make_template(files=FILES | {"evaluate.py": body}))
    with pytest.raises(Exception, match=told):
        loop.baseline()


def test_each_seed_of_a_confirmation_has_a_draw_of_its_own(make_template: MakeTemplate, tmp_path: Path) -> None:
    folder = make_template({'prepare = "prepare:prepare"': 'prepare = "prepare:prepare"\nredraw = true'}, files=FILES)
    study = begin(folder, Settings(trials=5, workers=2), tmp_path / "studies", "experiment")
    work(study, lambda _: None)
    with closing(read(study)) as done:
        claim = done.claim
        draws, runs = done.ledger.documents("draw"), done.ledger.runs("confirm")
        assert (claim.draws, claim.n, len(draws)) == (10, 10, 10)  # though six seeds were asked for
        assert len({found["private"] for found in draws.values()}) == 10
        by_side = {r.subject: done.items.of(r.id, "holdout", "height") for r in runs if r.replicate == 3}
        (_, first), (_, second) = (by_side[name] or (None, None) for name in ("baseline", "best"))
        assert np.array_equal(first, second)  # baseline and best are scored on the same draw
        of_baseline = sorted(done.ledger.runs("search", "0"), key=lambda r: r.replicate)
        searched_on = [set((done.items.of(r.id, "dev", "height") or ([], []))[1]) for r in of_baseline]
        left = len(set(range(60)) - set.union(*searched_on))  # without what the search saw
        assert left - 5 <= claim.items <= left  # and without what only the draws have that are set aside
        assert [searched_on.index(seen) for seen in searched_on] == [0, 1, 2, 0, 1, 2, 0, 1]  # it goes over three draws
        of_best = done.ledger.runs("search", str(claim.best))
        assert [r.outcome.metrics["dev"] != of_best[0].outcome.metrics["dev"] for r in of_best[1:]]
        assert "opening" not in done.ledger.documents("holdout")
        assert not (study / "data" / "draws").exists()
        assert sorted(done.ledger.get(TreeHashes).of)[:3] == ["inputs", "inputs 1", "inputs 2"]
        assert {r.replicate for r in done.ledger.runs("ablate")} <= set(range(10))
