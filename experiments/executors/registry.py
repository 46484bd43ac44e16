"""Which executors there are, by name: this machine, those that a program registers, and those of installed packages."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.executors.candidates import require_talking
from nightlab.experiments.executors.executor import Executor, Place
from nightlab.experiments.executors.local.isolation.sandbox import LEVELS, IsolationError, choose, needed, probe
from nightlab.experiments.executors.local.judging import LocalJudge
from nightlab.experiments.executors.local.local import LocalExecutor
from nightlab.experiments.executors.local.station import Station
from nightlab.experiments.executors.runs import Handles, Runs
from nightlab.experiments.records import Level

LOCAL = "local"
GROUP = "nightlab.executors"  # of entry points: a package names what makes its executor
Maker = Callable[[Place], Executor]
_makers: dict[str, Maker] = {LOCAL: LocalExecutor.at}


class UnknownExecutor(NightlabError):
    """No executor has the name that was given."""

    exit_code = 2


def register(name: str, make: Maker) -> None:
    """Add an executor. Raises ValueError where another has the name."""
    if _makers.setdefault(name, make) is not make:
        raise ValueError(f"there is an executor {name!r} already")


def check(name: str, minimum: Level | None, *, own_code: bool) -> None:
    """Refuse what would be refused when the first run starts: an unknown name, or too little isolation here.

    Raises UnknownExecutor, IsolationError.
    """
    _maker(name)
    if name == LOCAL and not own_code:
        choose(minimum, own_code=own_code)


def runs_at(name: str, place: Place, handles: Handles | None = None) -> Runs:
    """The runs of a study at the executor of this name, judged here.

    Raises UnknownExecutor, IsolationError where it isolates too little, and what else the executor itself refuses.
    """
    executor = _maker(name)(place)
    if place.template.spec.evaluate.interactive:
        try:
            require_talking(name, executor)
        except NightlabError:
            executor.close()
            raise
    least = needed(place.minimum, own_code=place.own_code)
    if LEVELS.index(executor.level) < LEVELS.index(least):
        executor.close()
        raise IsolationError(f"the executor {name!r} isolates at level {executor.level}, and {least} is needed")
    solver = place.solver if place.template.spec.evaluate.asks else None
    return Runs(executor, _judge(place), handles, solver)


def _maker(name: str) -> Maker:
    for point in entry_points(group=GROUP, name=name) if name not in _makers else ():
        register(name, point.load())
    if name not in _makers:
        raise UnknownExecutor(f"{name!r} is no executor; there are {', '.join(sorted(_makers))}")
    return _makers[name]


def _judge(place: Place) -> LocalJudge:
    """A judge of its own, at the best level that there is here: where the experiments run is another question."""
    station = Station.made(
        place.template,
        inputs=place.inputs,
        private=place.private,
        scratch=place.scratch,
        workers=place.workers,
        level=probe(),
        needs_gpus=False,
    )
    return LocalJudge(station)
