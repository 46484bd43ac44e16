"""Draws of the data: where a template redraws, replicates go over several, each with a runner on it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from nightlab.experiments.records import Draw, Runner, RunOutcome, RunRequest
from nightlab.experiments.study.study import Study

StartRunner = Callable[[Path, Path], Runner]  # on public inputs and private data


class Draws:
    """The runners on a study's draws. Few are open beside those at work, the ones that were used last."""

    def __init__(self, study: Study, start: StartRunner) -> None:
        self._study, self._start = study, start
        self._open = dict[Draw, Runner]()  # the one that was used last stands last
        self._in_flight = dict[Draw, list[Future[RunOutcome]]]()
        study.data.forget_draws()  # what a killed session left there may be half of one

    def submit(self, draw: Draw, request: RunRequest) -> Future[RunOutcome]:
        """Queue a run on a draw."""
        self._open[draw] = runner = self._open.pop(draw, None) or self._started(draw)
        future = runner.submit(request)
        self._in_flight[draw] = [f for f in self._in_flight.get(draw, []) if not f.done()] + [future]
        return future

    def _started(self, draw: Draw) -> Runner:
        runner = self._start(*self._study.data.draw(draw))
        idle = [d for d in self._open if all(future.done() for future in self._in_flight[d])]
        for d in idle[: max(0, len(self._open) - runner.workers - 1)]:
            self._open.pop(d).close()
            del self._in_flight[d]
        return runner

    def close(self) -> None:
        for runner in self._open.values():
            runner.close()
        self._open.clear()
        self._in_flight.clear()
        self._study.data.forget_draws()
