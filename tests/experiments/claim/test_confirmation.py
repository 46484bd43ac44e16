# ruff: noqa: F811
"""What a confirmation asks for besides a test: that runs do not fail, and that constraints hold on fresh runs."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import pytest

from nightlab.experiments.claim import confirmation, family
from nightlab.experiments.claim.caveats import notes
from nightlab.experiments.claim.statistics.inference import TRIM
from nightlab.experiments.ledger.ledger import LedgerError
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.study.study import read
from nightlab.graph.session import fork
from tests.conftest import EVALUATE, MakeTemplate
from tests.experiments.loop.test_loop import judged, loop_of, move, stack  # noqa: F401

OpenLoop = Callable[..., Loop]
COST = '"cost": answer["cost"]'


def better(loop: Loop) -> Loop:
    """A study whose best is much better than the baseline."""
    loop.baseline()
    judged(loop, move(loop, x=0.6))
    return loop


@pytest.mark.parametrize(
    ("cost", "withheld"),
    [
        ('"cost": answer["cost"] + (split == "holdout")', True),  # 1.0 + 1 of at most 1.5
        ('"cost": answer["cost"] + 0.6 * (split == "holdout")', True),
        ('"cost": 1.5 * (1 + answer["height"] % 0.001 * (split == "holdout"))', True),  # noisy, and its mean is beyond
        ('"cost": 1.4 + answer["height"] % 0.001', False),  # noisy, and well within
    ],
)
def test_a_constraint_must_hold_on_fresh_runs_of_both_splits(
    make_template: MakeTemplate,
    loop_of: OpenLoop,
    cost: str,
    withheld: bool,
) -> None:
    toml = {"penalty = 10.0": "penalty = 0.0"}  # which hides the violation from the fitness
    loop = better(loop_of(make_template(toml, files={"evaluate.py": EVALUATE.replace(COST, cost)})))
    claim = confirmation.confirm(loop)
    assert claim.p_value < 0.001
    assert (claim.withheld, claim.significant) == (("constraint", False) if withheld else ("", True))
    assert ("cost on the holdout split" in notes(loop.study).get("Withheld", "")) == withheld


@pytest.mark.parametrize("share", [2, 3])
def test_failed_runs_of_the_best_are_losses_and_no_pairs_left_out(
    make_template: MakeTemplate, loop_of: OpenLoop, share: int
) -> None:
    """The outputs of the best, which costs more, are refused on a part of the seeds; the rest would carry the claim."""
    refuse = f"""    if split == "holdout" and answer["cost"] > 1.2 and int(answer["height"] * 1e7) % {share} == 0:
        raise ValueError("nan")
    offset"""
    loop = better(loop_of(make_template(files={"evaluate.py": EVALUATE.replace("    offset", refuse, 1)})))
    claim = confirmation.confirm(loop)
    seen = claim.reliability
    assert claim.n == seen.runs == 12  # six seeds, and since some failed as many again
    assert 1 < seen.failed == seen.wrong == claim.failed_runs
    assert (claim.withheld, claim.significant) == ("reliability", False)


def test_cheap_runs_are_watched_for_what_happens_rarely(make_template: MakeTemplate, loop_of: OpenLoop) -> None:
    claim = confirmation.confirm(better(loop_of(make_template(), confirm_seeds=12)))
    seen = claim.reliability
    assert (claim.n, seen.runs, seen.wrong, claim.significant) == (12, 12 + 74, 0, True)
    assert seen.not_excluded < 1 / 28


def test_a_claim_and_each_fork_spend_half_of_what_the_study_has_left(
    make_template: MakeTemplate,
    loop_of: OpenLoop,
) -> None:
    loop = better(loop_of(make_template()))
    study = loop.study
    plan = confirmation.preregister(study)
    assert (plan.level, plan.trim) == (0.025, TRIM)
    assert family.level(study) == 0.025  # of the claim that is preregistered already, too
    levels = []
    for _ in range(3):
        child = read(fork(study.folder, 1, study.folder.parent))
        levels.append(family.level(child))
        child.close()
    assert levels == [0.05 / 8, 0.05 / 16, 0.05 / 32]
    with ThreadPoolExecutor(4) as pool, ExitStack() as readers:
        together = [readers.enter_context(closing(read(study.folder))) for _ in range(4)]
        shares = list(pool.map(family.take, together))
    assert sorted(shares) == [(0.05 / 2**n, True) for n in (8, 7, 6, 5)]


def test_a_fork_whose_share_cannot_be_written_down_is_refused_but_for_a_read_only_parent(
    make_template: MakeTemplate, loop_of: OpenLoop, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = better(loop_of(make_template())).study
    full = "CREATE TRIGGER full BEFORE INSERT ON documents BEGIN SELECT RAISE(FAIL, 'disk is full'); END"
    with closing(sqlite3.connect(study.folder / "study.db")) as db:
        db.execute(full)
    with pytest.raises(LedgerError, match="disk is full"):
        fork(study.folder, 1, study.folder.parent)
    assert [each for each in study.folder.parent.iterdir() if each.is_dir()] == [study.folder]
    real = os.access  # which says so of a read-only folder, but not to root
    monkeypatch.setattr(os, "access", lambda at, mode, **more: at != study.folder and real(at, mode, **more))
    with closing(read(fork(study.folder, 1, study.folder.parent))) as child:
        assert "was read-only" in notes(child)["Origin"]
