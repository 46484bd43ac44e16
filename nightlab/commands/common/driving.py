"""Work on a study at the command line: to its end, as an estimate, until Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer

from nightlab.commands.common.ending import DOES_NOT_HOLD, INTERRUPTED, fail, print_json


def go(begin: Callable[[Path], Path], out: Path, as_json: bool, dry_run: bool, *, require_accept: bool = False) -> None:
    """Work on the study that `begin` makes, or only estimate what that would take."""
    if not dry_run:
        return drive(begin(out), as_json, require_accept=require_accept)
    from nightlab.graph.estimate import estimate
    from nightlab.telling import report

    told = estimate(begin)
    return print_json(told) if as_json else report.print_estimate(told)


def drive(folder: Path, as_json: bool, *, require_accept: bool = False) -> None:
    """Drive a study to its end, show the way there, and tell what came of it."""
    from langgraph.runtime import RunControl

    from nightlab.experiments.study.study import is_study, resuming
    from nightlab.graph.session import Interrupted, work
    from nightlab.telling import report
    from nightlab.telling.progress import Lines, Screen, View
    from nightlab.telling.terminal import Terminal, say
    from nightlab.verification.replay import differences

    console = Terminal(stderr=as_json)
    view: View = Screen(console, f"nightlab: {folder}") if console.is_terminal else Lines(console)
    control, stop = RunControl(), []  # type: ignore[var-annotated]
    if not console.is_terminal and is_study(folder):
        console.print(f"study {folder}", soft_wrap=True)
    try:
        with _interruptible(control, stop, console), view:
            work(folder, view.hear, control, stop)
    except Interrupted:
        fail(f"interrupted; {resuming(folder)} goes on", INTERRUPTED)
    with report.opened(folder) as study:
        problem = report.problem(study) or next(differences(study), "")
        if require_accept and not problem and report.outcome(study)["decision"] != "accept":
            problem = f"the panel does not accept the paper; `nightlab scores {folder}` tells why"
        if as_json:
            print_json(report.outcome(study) | ({"error": problem} if problem else {}))
        else:
            report.print_outcome(study, console)
        if problem:
            say(f"nightlab: {problem}", error=True)
            raise typer.Exit(DOES_NOT_HOLD)


@contextmanager
def _interruptible(control: Any, stop: list[Callable[[], None]], console: Any) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) drains and saves; the second stops at once."""
    from nightlab.graph.session import Interrupted

    def handle(_signal: int, _frame: object) -> None:
        if control.drain_requested:
            for end in stop:
                end()
            raise Interrupted
        console.print("stopping after the step in progress; again to stop at once", style="yellow")
        control.request_drain("interrupted")

    before = {s: signal.signal(s, handle) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
