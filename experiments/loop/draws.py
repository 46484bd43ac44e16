"""Draws of the data: where a template redraws, each confirmation seed comes with data of its own and a runner on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from nightlab.experiments.records import Runner
from nightlab.experiments.study.study import Study

StartRunner = Callable[[Path, Path], Runner]  # on public inputs and private data


class Draws:
    """The runners on a study's draws. Few are open at a time, the latest ones."""

    def __init__(self, study: Study, start: StartRunner) -> None:
        self._study, self._start = study, start
        self._open = dict[int, Runner]()
        study.forget_draws()  # what a killed session left there may be half of one

    def runner(self, number: int) -> Runner:
        if number not in self._open:
            runner = self._start(*self._study.draw(number))
            while len(self._open) > runner.workers + 1:  # the bench has no more runs in flight than that and one
                self._open.pop(next(iter(self._open))).close()
            self._open[number] = runner
        return self._open[number]

    def close(self) -> None:
        for runner in self._open.values():
            runner.close()
        self._open.clear()
        self._study.forget_draws()
