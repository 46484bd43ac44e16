"""Following a study that another process works on, by the events of its ledger."""

from __future__ import annotations

import time
from collections.abc import Iterator

from nightlab.experiments.ledger.events import Event
from nightlab.experiments.study.study import Study
from nightlab.telling.progress import Lines, Screen, View
from nightlab.telling.terminal import Terminal

POLL_S = 0.3


def follow(study: Study, after: int = 0) -> Iterator[Event]:
    """Each event after that number once it is told, until the study is finished.

    A study that was interrupted or killed is waited for: it goes on with the next number.
    """
    while True:
        finished = study.finished  # asked first, so that all that was told before is read
        for event in study.ledger.events(after):
            after = event.number
            yield event
        if finished:
            return
        time.sleep(POLL_S)


def show(study: Study, after: int) -> None:
    """Follow a study on the terminal, as the process that works on it shows it; its clock is that of the study."""
    console = Terminal()
    first = next(study.ledger.events(), None)
    started = first.at if first else time.time()
    title = f"nightlab: {study.folder}"
    view: View = Screen(console, title, started) if console.is_terminal else Lines(console, started=started)
    with view:
        for event in follow(study, after):
            view.hear(event.record())
