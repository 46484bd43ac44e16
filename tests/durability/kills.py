"""kill -9 at random moments, and `nightlab resume` until the study is done: nothing may be lost or counted twice."""

from __future__ import annotations

import random
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.durability import books

PATIENCE_S = 600.0  # no resume of such a small study takes longer


@dataclass(kw_only=True)
class Tally:
    """What happened to the killed studies."""

    studies: int = 0
    kills: int = 0
    rows_lost: int = 0
    papers: int = 0
    trials: int = 0
    faults: list[str] = field(default_factory=list)


def undisturbed(template: Path, out: Path, *, workers: int, trials: int, mode: str) -> tuple[Path, float, float]:
    """A study that nobody kills, the seconds that it took, and those that a resume takes that finds it finished."""
    folder = books.new_study(template, out, workers=workers, trials=trials, mode=mode)
    taken = []
    for _ in range(2):
        started = time.monotonic()
        process = books.resume(folder)
        _, errors = process.communicate(timeout=PATIENCE_S)
        if process.returncode:
            raise SystemExit(f"the undisturbed study failed with {process.returncode}:\n{errors}")
        taken.append(time.monotonic() - started)
    return folder, taken[0], taken[1]


def torment(folder: Path, dice: random.Random, longest_s: float, most: int, tally: Tally) -> None:
    """Kill a study at random moments, at most `most` times, then let it end.

    A moment is drawn evenly from up to `longest_s` after the start, which is longer than a process needs to get going:
    so every stage is hit, and the study still comes to its end.
    """
    seen = books.rows(folder)
    for _ in range(most):
        process = books.resume(folder)
        delay = dice.uniform(0.3, longest_s)
        try:
            process.wait(timeout=delay)
        except subprocess.TimeoutExpired:
            tally.kills += books.kill_group(process)
        else:
            process.communicate()
            break
        now = books.rows(folder)
        tally.rows_lost += books.lost(seen, now)
        seen = now
    process = books.resume(folder)
    _, errors = process.communicate(timeout=PATIENCE_S)
    if process.returncode:
        tally.faults.append(f"{folder.name}: the last resume ended with {process.returncode}: {errors[-500:]}")
    tally.rows_lost += books.lost(seen, books.rows(folder))


def campaign(
    place: Path, *, kills: int, trials: int, seed: int, workers: tuple[int, ...] = (1, 2), mode: str = "pipeline"
) -> Tally:
    """Studies that are killed again and again, until `kills` kills are reached."""
    template = books.quick_template(place / "template")
    dice, tally = random.Random(seed), Tally()
    plain, longest = {}, 0.0
    for n in workers:
        folder, took, start = undisturbed(template, place / "plain", workers=n, trials=trials, mode=mode)
        plain[n], longest = books.told(folder), max(longest, start + 0.25 * took)
    while tally.kills < kills:
        n = workers[tally.studies % len(workers)]
        folder = books.new_study(template, place / "killed", workers=n, trials=trials, mode=mode)
        torment(folder, dice, longest, kills - tally.kills, tally)
        tally.studies += 1
        tally.papers += books.has_paper(folder)
        tally.trials += len(books.told(folder)["trials"]) - 1
        tally.faults += [f"{folder.name}: {f}" for f in books.faults(folder, plain[n], same=n == 1)]
    return tally
