"""How a study's progress is shown: a live view on a terminal, plain lines where there is none."""

from __future__ import annotations

import time
from typing import Any, Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nightlab.experiments.claim.statistics.inference import equal, exact, untested
from nightlab.experiments.executors.local.text import printable
from nightlab.experiments.ledger.documents.claim import Claim
from nightlab.experiments.ledger.kinds import kind_of
from nightlab.experiments.numbers import plural

STAGES = {
    "survey": "gathering literature",
    "ideate": "ranking ideas",
    "baseline": "running the baseline",
    "search": "searching",
    "select": "running the most promising trials again",
    "rivals": "having the baselines search with as many runs",
    "confirm": "confirming on fresh seeds",
    "measure": "running the baseline on fresh seeds",
    "ablate": "taking the parts of the best out one by one",
    "analyse": "computing facts, drawing figures",
    "write": "writing and compiling the paper",
    "audit": "auditing the paper",
    "review": "reviewing",
    "revise": "revising",
    "publish": "putting the paper in its place",
}
ENDS = {
    "finished": "the study is finished",
    "interrupted": "interrupted; `nightlab resume` goes on",
    "failed": "stopped",
}
SPLITS = {"holdout": " and the holdout, opened for this once", "dev": " of the development split"}
COLOURS = {"kept": "bold green", "baseline": "bold", "reverted": "bright_black", "failed": "red"}
RECENT = 6
LINE, STRATEGY = 90, 8  # characters of a verdict's line, so that a log with its clock has 100; of a strategy at least
QUIET_S = 10.0  # after so long without a line, a log is told how far the runs of a stage are


class View(Protocol):
    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def hear(self, event: dict[str, Any]) -> None:
        """Take in one event of the study, as `Event.record` gives it."""
        ...


def trial_line(event: dict[str, Any]) -> str:
    """A verdict with its reason in LINE characters at most: a long strategy is cut first, then the reason."""
    start, best = f"trial {event['trial']}/{event['of']} ", event["incumbent_value"]
    end = "" if best is None else f" | best {best:.5g} (trial {event['incumbent']})"
    told, room = _verdict(event), LINE - len(start) - len(end) - 2
    strategy = _cut(event["strategy"], max(STRATEGY, room - len(told)))
    return f"{start}{strategy}: {_cut(told, room - len(strategy))}{end}"


def _verdict(event: dict[str, Any]) -> str:
    if event["verdict"] == "baseline":
        return f"{event['value']:.5g} ({plural(event['runs'], 'run')}){event['reason'].removeprefix('the baseline')}"
    if event["difference"] is not None:
        return f"{event['verdict']}, {_against(event)}"
    cause = f" ({event['cause']})" if event["cause"] else ""
    return f"{event['verdict']}{cause}: {' '.join(event['reason'].split())}"


def _against(event: dict[str, Any]) -> str:
    """The difference to the incumbent on the same seeds, which is what a verdict weighs, and what was asked for."""
    difference = event["difference"]
    if not difference:
        return "no difference"
    if difference < 0:
        return f"{-difference:.3g} worse"
    return f"{difference:.3g} better (needs {event['threshold']:.3g})"


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def claim_told(claim: Claim) -> str:
    """What a claim's test came to."""
    if not claim.tested:
        return "no test took place, since " + untested(claim, f"trial {claim.chosen}")
    if equal(claim):
        verdict = "an improvement" if claim.significant else "no improvement"
        told = (
            "exact, since all runs are the same on every seed"
            if exact(claim)
            else f"equal in all {claim.n} pairs, so that its spread cannot be estimated"
        )
        return f"improvement {claim.effect:.4g}, {told}: {verdict}"
    verdict = "significant" if claim.significant else "not significant"
    sure = f"{100 * claim.coverage:.4g} % interval {claim.low:.4g} to {claim.high:.4g}"
    return f"improvement {claim.effect:.4g}, {sure}, one-sided p {claim.p_value:.2g}: {verdict}"


def line_of(event: dict[str, Any]) -> str:
    """An event as a line of text; empty if it is not worth one."""
    if "stage" in event:
        number = f" (round {event['round']})" if event.get("round") else ""
        where = SPLITS.get(event.get("split", ""), "")
        return f"{STAGES.get(event['stage'], event['stage'])}{number}{where}"
    if "trial" in event:
        return trial_line(event)
    if "claim" in event:
        claim = kind_of(Claim).read(event["claim"])
        return f"claim on {claim.split}: {claim_told(claim)}"
    if "review" in event:
        r = event["review"]
        return f"round {r['round']}: overall {r['overall']:g}, {r['decision']}" + ("" if r["kept"] else " (not kept)")
    if "end" in event:
        return ENDS[event["end"]] + (f": {event['reason']}" if event["reason"] else "")
    return str(event.get("note", ""))


def counted(event: dict[str, Any]) -> str:
    """How many of a stage's runs are done."""
    return f"{event['done']} of {plural(event['of'], 'run')}"


class Lines:
    """One line a step, for logs and pipes. started: when its clock begins, in seconds of the wall clock."""

    def __init__(self, console: Console, quiet_s: float = QUIET_S, started: float | None = None) -> None:
        self._console = console
        self._quiet_s = quiet_s
        self._started = self._told = time.time() if started is None else started

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def hear(self, event: dict[str, Any]) -> None:
        now, line = event["at"], line_of(event)
        if "done" in event and now - self._told >= self._quiet_s:
            line = counted(event)
        if line:
            self._told, elapsed = now, now - self._started
            self._console.print(f"[{elapsed:6.1f}s] {line}", soft_wrap=True)


class Screen:
    """The live view: stage, trials, incumbent, time left, and the last steps."""

    def __init__(self, console: Console, title: str, started: float | None = None) -> None:
        self._title = title
        self._live = Live(self, console=console, refresh_per_second=4, transient=False)
        self._started = time.time() if started is None else started
        self._stage = "starting"
        self._count = ""
        self._last: dict[str, Any] = {}
        self._counts = {"kept": 0, "reverted": 0, "failed": 0}
        self._recent: list[tuple[str, str]] = []
        self._first: tuple[float, int] | None = None

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(self, *exc: Any) -> None:
        if exc[0] is None:
            self._stage, self._count = "done", ""
        self._live.__exit__(*exc)

    def hear(self, event: dict[str, Any]) -> None:
        if "stage" in event:
            self._stage, self._count = line_of(event), ""
        elif "done" in event:
            self._count = f", {counted(event)}"
        elif line := line_of(event):
            self._recent = [*self._recent, (line, COLOURS.get(event.get("verdict", ""), ""))][-RECENT:]
        if "trial" in event:
            self._last = event
            self._first = self._first or (event["at"], event["settled"])
            if event["verdict"] in self._counts:
                self._counts[event["verdict"]] += 1
                self._stage = STAGES["search"]

    def __rich__(self) -> Group:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="bright_black", justify="right", min_width=9)
        table.add_column()
        elapsed = _clock(time.time() - self._started)
        table.add_row("stage", Text(f"{self._stage}{self._count}, {elapsed}", style="bold"))
        if event := self._last:
            bar = Table.grid(padding=(0, 2))
            counts = ", ".join(f"{n} {kind}" for kind, n in self._counts.items() if n)
            shown = f"{event['settled']}/{event['of']}  {counts}  {self._left(event)}"
            bar.add_row(ProgressBar(total=event["of"], completed=event["settled"], width=28), Text(shown))
            table.add_row("trials", bar)
            best = f"{event['incumbent_value']:.5g}, trial {event['incumbent']}"
            table.add_row("incumbent", Text(best, style="green"))
        lines = [Text(printable(line), style=style, overflow="fold") for line, style in self._recent]
        return Group(Text(printable(self._title), style="bold"), table, *lines)

    def _left(self, event: dict[str, Any]) -> str:
        """Time left of the search, by the pace since this session's first trial."""
        if self._first is None or event["settled"] <= self._first[1]:
            return ""
        started, before = self._first
        pace = (event["at"] - started) / (event["settled"] - before)
        left = max(0, event["of"] - event["settled"]) * pace
        return f"about {_clock(left)} left" if left else ""


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
