"""Following a study that another process works on, by the events of its ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator
from threading import Event as Flag

from nightlab.experiments.ledger.events import Ended, Event
from nightlab.experiments.study.study import Study
from nightlab.telling.progress import Lines, Screen, View
from nightlab.telling.terminal import Terminal

POLL_S = 0.3


def follow(study: Study, after: int = 0, stopped: Flag | None = None) -> Iterator[Event]:
    """Each event after that number once it is told, until the study is finished, work on it fails, or `stopped` is set.

    A study that was interrupted or killed is waited for: it goes on with the next number.
    """
    last, stopped = None, stopped or Flag()
    while True:
        finished = study.finished  # asked first, so that all that was told before is read
        for last in study.ledger.events(after):
            after = last.number
            yield last
        if finished or (last and failed(last)) or stopped.wait(POLL_S):
            return


def failed(event: Event) -> bool:
    """Whether work on the study ended for a reason that somebody must mend before it goes on."""
    return isinstance(event.told, Ended) and event.told.end == "failed"


def view_of(study: Study) -> View:
    """A study's events on the terminal, as its own process shows them; their clock is that of the study."""
    console = Terminal()
    first = next(study.ledger.events(), None)
    started = first.at if first else time.time()
    title = f"nightlab: {study.folder}"
    return Screen(console, title, started) if console.is_terminal else Lines(console, started=started)
