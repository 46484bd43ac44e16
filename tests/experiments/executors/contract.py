"""What every executor promises: a test class of an implementation inherits these and says how one is made."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from nightlab.experiments.executors.executor import Executor, Order, Performed, Place, Talking
from nightlab.experiments.executors.local.inside.conversation import talk
from nightlab.experiments.template.loading import load
from tests.conftest import MakeTemplate

EXPERIMENT = """
import json, os, time


def run(params, inputs, out, seed):
    if params["do"] == "fail":
        raise ValueError("a wrong turn")
    time.sleep(params["sleep"])
    told = {"seed": seed, "params": params, "inputs": (inputs / "data").read_text()}
    (out / "told.json").write_text(json.dumps(told))
    (out / "below").mkdir()
    (out / "below" / "more").write_bytes(b"more")
"""
CALLED = """
def run(params, inputs, out, seed):
    global SEED
    SEED = seed


def multiplied(number):
    return number * SEED
"""


class ExecutorContract:
    """`make` opens an executor at a place; opened again, it is that of a later session."""

    make: Callable[[Place], Executor]

    @pytest.fixture
    def place(self, make_template: MakeTemplate, tmp_path: Path) -> Place:
        for name in ("inputs", "private"):
            (tmp_path / name).mkdir()
        (tmp_path / "inputs" / "data").write_text("public")
        template = load(make_template(files={"experiment.py": EXPERIMENT}))
        folders = {name: tmp_path / name for name in ("inputs", "private", "scratch")}
        return Place(template=template, workers=2, **folders)

    @pytest.fixture
    def executor(self, place: Place) -> Iterator[Executor]:
        opened = self.make(place)
        yield opened
        opened.close()

    def order(self, place: Place, do: str = "", sleep: float = 0.0, seed: int = 7) -> Order:
        return Order(setting="s", files=place.template.folder, params={"do": do, "sleep": sleep}, seed=seed)

    def ended(self, executor: Executor, handle: str) -> Performed:
        until = time.monotonic() + 60
        while (state := executor.poll(handle, 0.2)) in ("queued", "running"):
            assert time.monotonic() < until
        assert state == "ended"
        return executor.collect(handle)

    def test_a_run_gets_its_order_and_its_files_come_back(self, executor: Executor, place: Place) -> None:
        performed = self.ended(executor, executor.submit(self.order(place)))
        assert performed.outcome.status == "ok", performed.outcome.error
        assert performed.outcome.metrics == {}
        assert performed.outcome.level == executor.level
        assert performed.outputs["below/more"] == b"more"
        told = performed.outputs["told.json"].decode()
        assert told == '{"seed": 7, "params": {"do": "", "sleep": 0.0}, "inputs": "public"}'

    def test_an_experiment_that_fails_is_told_and_raises_nothing(self, executor: Executor, place: Place) -> None:
        performed = self.ended(executor, executor.submit(self.order(place, "fail")))
        assert performed.outcome.status == "crash"
        assert "a wrong turn" in performed.outcome.error

    def test_each_submission_is_a_run_of_its_own_and_slots_work_side_by_side(
        self, executor: Executor, place: Place
    ) -> None:
        assert executor.workers == place.workers
        self.ended(executor, executor.submit(self.order(place)))
        first, second = (executor.submit(self.order(place, sleep=30.0)) for _ in range(2))
        assert first != second
        until = time.monotonic() + 20
        while {executor.poll(first), executor.poll(second)} != {"running"}:
            assert time.monotonic() < until
            time.sleep(0.01)
        for handle in (first, second):
            executor.cancel(handle)

    def test_a_run_that_talks_is_called_by_its_channel_and_ends_with_it(
        self, make_template: MakeTemplate, place: Place
    ) -> None:
        judge = {'entry = "evaluate:evaluate"': 'interactive = "evaluate:evaluate"'}
        template = load(make_template(judge, files={"experiment.py": CALLED}))
        executor = self.make(replace(place, template=template))
        try:
            if not isinstance(executor, Talking):
                pytest.skip("its runs cannot be called")
            handle = executor.submit(Order(setting="s", files=template.folder, params={}, seed=7, talks=True))
            channel = talk.Channel(executor.channel(handle), most=1 << 20)
            said = []
            for question in ([], [], talk.packed(["call", "a word", "multiplied", [6], []])):
                channel.send(question)
                said.append(talk.unpacked(*channel.receive(time.monotonic() + 60)))
            assert said == [["begun"], ["ready"], ["answer", "a word", 42]]
            assert executor.poll(handle) == "running"
            channel.close()
            assert self.ended(executor, handle).outcome.status == "ok"
        finally:
            executor.close()

    def test_a_run_that_is_cancelled_is_lost_and_its_slot_free(self, executor: Executor, place: Place) -> None:
        for handle in [executor.submit(self.order(place, sleep=60.0)) for _ in range(2)]:
            executor.cancel(handle)
            assert executor.poll(handle, 10.0) == "lost"
            executor.cancel(handle)
        assert self.ended(executor, executor.submit(self.order(place))).outcome.status == "ok"

    def test_polling_waits_no_longer_than_it_may(self, executor: Executor, place: Place) -> None:
        handle = executor.submit(self.order(place, sleep=60.0))
        began = time.monotonic()
        assert executor.poll(handle) in ("queued", "running")
        assert executor.poll(handle, 0.1) in ("queued", "running")
        assert time.monotonic() - began < 10
        executor.cancel(handle)

    def test_a_handle_that_means_nothing_is_lost(self, executor: Executor) -> None:
        assert executor.poll("of nobody") == "lost"
        executor.cancel("of nobody")

    def test_a_later_session_finds_the_runs_of_a_durable_executor_and_no_others(self, place: Place) -> None:
        earlier = self.make(place)
        ended, under_way = (
            earlier.submit(self.order(place, seed=1)),
            earlier.submit(self.order(place, sleep=1.0, seed=2)),
        )
        while earlier.poll(ended, 0.2) != "ended":
            pass
        earlier.close()
        later = self.make(place)
        try:
            if later.durable:
                for handle, seed in ((ended, 1), (under_way, 2), (ended, 1)):
                    assert f'"seed": {seed}' in self.ended(later, handle).outputs["told.json"].decode()
            else:
                assert {later.poll(ended), later.poll(under_way)} == {"lost"}
        finally:
            later.close()
