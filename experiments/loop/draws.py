"""Draws of the data: where a template redraws, each confirmation seed comes with data of its own and a runner on it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from nightlab.experiments.records import Runner, RunOutcome, RunRequest
from nightlab.experiments.study.study import Study

StartRunner = Callable[[Path, Path], Runner]  # on public inputs and private data


class Draws:
    """The runners on a study's draws. Few are open beside those at work, the ones that were used last."""

    def __init__(self, study: Study, start: StartRunner) -> None:
        self._study, self._start = study, start
        self._open = dict[int, Runner]()  # the one that was used last stands last
        self._in_flight = dict[int, list[Future[RunOutcome]]]()
        study.forget_draws()  # what a killed session left there may be half of one

    def submit(self, number: int, request: RunRequest) -> Future[RunOutcome]:
        """Queue a run on a draw."""
        self._open[number] = runner = self._open.pop(number, None) or self._started(number)
        future = runner.submit(request)
        self._in_flight.setdefault(number, []).append(future)
        return future

    def _started(self, number: int) -> Runner:
        runner = self._start(*self._study.draw(number))
        idle = [n for n in self._open if all(future.done() for future in self._in_flight[n])]
        for n in idle[: max(0, len(self._open) - runner.workers - 1)]:
            self._open.pop(n).close()
            del self._in_flight[n]
        return runner

    def close(self) -> None:
        for runner in self._open.values():
            runner.close()
        self._open.clear()
        self._in_flight.clear()
        self._study.forget_draws()
