# ruff: noqa: F811
"""Runners on draws of the data: which are open, how many runs they have, and whose data stays."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from nightlab.experiments.loop.draws import Draws
from nightlab.experiments.loop.handles import LedgerHandles
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.run_accounts import Job, RunAccounts
from nightlab.experiments.records import Change, Draw, Level, RunOutcome, RunRequest
from nightlab.experiments.study.budget import COLD_S, Budget
from nightlab.experiments.study.study import Study
from tests.conftest import MakeTemplate
from tests.experiments.loop.test_loop import loop_of, stack  # noqa: F401

DONE = RunOutcome(status="ok", metrics={"dev": {"height": 0.0, "cost": 0.0}}, level="none")


class ByHand:
    """A runner whose runs end when a test says so; closing it cancels the others."""

    level: Level = "none"
    workers = 1

    def __init__(self, opened: list[ByHand]) -> None:
        self.futures, self.closed = list[Future[RunOutcome]](), False
        opened.append(self)

    def submit(self, request: RunRequest) -> Future[RunOutcome]:
        self.futures.append(future := Future[RunOutcome]())
        return future

    def started(self, future: Future[RunOutcome]) -> bool:
        return True

    def close(self) -> None:
        self.closed = True
        for future in self.futures:
            future.cancel()


@pytest.fixture
def study(make_template: MakeTemplate, loop_of: Callable[..., Loop]) -> Study:
    data = 'prepare = "prepare:prepare"\nredraw = true\nsecond = "prepare:prepare"\nsecond_name = "The same"'
    return loop_of(make_template({'prepare = "prepare:prepare"': data})).study


def test_only_runners_with_nothing_in_flight_are_closed_the_oldest_first(study: Study) -> None:
    opened = list[ByHand]()
    draws = Draws(study, lambda *_: ByHand(opened))
    request = RunRequest(artifact=Path(), params={}, seed=1)
    for number in range(5):
        draws.submit(Draw(number=number), request)
        if number in (1, 2, 3):
            opened[number].futures[0].set_result(DONE)
    assert [runner.closed for runner in opened] == [False, True, True, False, False]
    assert not opened[0].futures[0].cancelled()
    draws.close()
    assert all(runner.closed for runner in opened)


def test_runs_on_draws_are_never_more_than_the_slots(study: Study) -> None:
    change = Change(
        strategy="east", hypothesis="h", params={}, artifact=study.baseline_artifact, parent=0, proposer="test"
    )
    with ThreadPoolExecutor(4) as pool:
        at_work, most = list[int](), list[int]()

        def work() -> RunOutcome:
            at_work.append(1)
            most.append(len(at_work))
            time.sleep(0.02)
            at_work.pop()
            return DONE

        class Pooled(ByHand):
            def submit(self, request: RunRequest) -> Future[RunOutcome]:
                return pool.submit(work)

        accounts = RunAccounts(study, Pooled([]), draws=Draws(study, lambda *_: Pooled([])))
        jobs = [
            Job(phase="confirm", subject="best", replicate=i, change=change, seeds="confirm", draw=Draw(number=i))
            for i in range(4)
        ]
        assert len(accounts.all(jobs)) == 4
    assert max(most) == 1


@pytest.mark.parametrize(("draw", "name"), [(Draw(number=13), "draw"), (Draw(number=3, second=True), "second")])
def test_a_draw_stays_while_a_run_on_it_goes_on_without_a_session(study: Study, draw: Draw, name: str) -> None:
    draws = Draws(study, lambda *_: ByHand([]))
    study.data.draw(Draw(number=0))
    inputs, private = study.data.draw(draw)
    run = study.ledger.claim_run("replication", "best", 3, 1)
    LedgerHandles(study.ledger, "cluster", inputs.parent.relative_to(study.folder).as_posix()).keep(run.id, "x")
    draws.close()
    place = study.folder / "data" / "draws"
    assert [str(left.relative_to(place)) for left in place.glob("*/*")] == [f"{name}/{draw.number}"]
    (private / "offset.json").unlink()  # half of it
    study.data.forget_draws()
    assert not place.exists()


def test_the_time_of_all_draws_is_kept(study: Study) -> None:
    budget = Budget(study)
    budget.note(2.0, 2.0)
    assert budget.owed_s - budget.paper_s == 2 * study.confirmations * (2.0 + COLD_S)
    assert study.confirmations == 10  # though six seeds were asked for
