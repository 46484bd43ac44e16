"""A study that another process works on."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from threading import Event as Flag
from typing import Annotated

import typer

from nightlab.commands.common.ending import DOES_NOT_HOLD, INTERRUPTED, print_json
from nightlab.commands.common.options import StudyArg


def follow(
    study: StudyArg,
    after: Annotated[int, typer.Option(min=0, help="Only what was told after the event of this number.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with the event's number.")] = False,
) -> None:
    """Watch a study that another process works on, until it ends. Ctrl-C ends the watching, not the study.

    Example: nightlab follow studies/digits-20260102-a1b2c3

    Example: nightlab follow studies/digits-20260102-a1b2c3 --after 120 --json
    """
    from nightlab.telling import following, report

    with report.opened(study) as opened:
        view, event = None if as_json else following.view_of(opened), None
        with _interruptible() as stopped, view or nullcontext():
            for event in following.follow(opened, after, stopped):
                (view.hear if view else print_json)(event.record())
        if stopped.is_set():
            raise typer.Exit(INTERRUPTED)
        if event and following.failed(event):
            raise typer.Exit(DOES_NOT_HOLD)


@contextmanager
def _interruptible() -> Iterator[Flag]:
    """Ends what is within at the first Ctrl-C, and says whether there was one.

    Python loses an exception that comes while an object is destroyed. The flag is not lost.
    """
    stopped = Flag()

    def stop(_signal: int, _frame: object) -> None:
        stopped.set()
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    except KeyboardInterrupt:
        stopped.set()
    finally:
        signal.signal(signal.SIGINT, before)
