"""Selection: which trial goes to the confirmation. The most promising ones are run again before one is chosen.

The incumbent was lucky when it was kept, and a better trial may have been unlucky when it was reverted.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import takewhile

from nightlab.experiments.ledger.documents.claim import Selection
from nightlab.experiments.ledger.trial_cache import Entry
from nightlab.experiments.loop.decision import Noise
from nightlab.experiments.loop.loop import CALIBRATION, Loop
from nightlab.experiments.records import BASELINE

RUNGS = ((8, 8), (3, 16))  # trials and their replicates in each rung of the selection
SELECTION_SHARE = 1.5  # of the search's runs: what the selection may run at most
PROMISING = 1.0  # standard errors by which the selected trial must lead the baseline to be worth a confirmation


def choose(loop: Loop, again: Callable[[], object] = lambda: None) -> int:
    """The trial for the confirmation; once chosen it stays.

    again: is called before the first of the promising trials runs again, if any does.
    """
    if (stored := _stored(loop)) is not None:
        return stored
    found = _selected(loop)
    if isinstance(found, dict):
        again()
    while isinstance(found, dict):
        loop.rerun(found)
        found = _selected(loop)
    return loop.study.ledger.put(Selection(trial=found), loop.study.name_now("chosen")).trial


def chosen(loop: Loop) -> int:
    """The trial that was chosen for the confirmation; the incumbent as long as none is."""
    stored = _stored(loop)
    return loop.incumbent if stored is None else stored


def failed_again(loop: Loop, number: int) -> bool:
    """Whether a trial that had been kept failed when the selection ran it on further seeds."""
    entry = loop.entries[number]
    verdict = entry.trial.verdict
    return verdict is not None and verdict.kind == "kept" and _failed(entry)


def _stored(loop: Loop) -> int | None:
    stored = loop.study.ledger.get(Selection, loop.study.name_now("chosen"))
    return stored.trial if stored else None


def _selected(loop: Loop) -> int | dict[int, int]:
    """The trial to choose, or how many replicates trials still want before."""
    effect, searched = loop.template.spec.objective.min_effect, loop.study.settings.seeds
    groups = [_eligible(loop, entry) for entry in loop.entries]
    verdicts = (t.verdict for t in loop.history())  # which know of no run of the selection
    runs = sum(v.runs or 0 for v in verdicts if v)
    rungs = rungs_within(int(SELECTION_SHARE * runs), sum(map(bool, groups[1:])), max(CALIBRATION, searched))
    found = select(groups, loop.noise, searched=searched, min_effect=effect, rungs=rungs)
    if isinstance(found, dict) and not _affordable(loop, found):
        found = select(groups, loop.noise, searched=searched, min_effect=effect, rungs=())
    return found


def _eligible(loop: Loop, entry: Entry) -> list[float]:
    """Scores of a trial that may be confirmed, up to the first replicate that is still to come; none if a run of
    it failed or it violates a constraint."""
    verdict = entry.trial.verdict
    if verdict is None or verdict.cause or _failed(entry):
        return []
    if entry.trial.number != BASELINE and loop.violations(entry):
        return []
    return [loop.score(o) for o in takewhile(lambda o: o is not None, entry.outcomes) if o is not None]


def _failed(entry: Entry) -> bool:
    return any(o is not None and o.status != "ok" for o in entry.outcomes)


def _affordable(loop: Loop, wanted: dict[int, int]) -> bool:
    """Whether there is time for more replicates; that there is none is written down."""
    if loop.accounts.budget.allows(sum(n - len(loop.entries[t].outcomes) for t, n in wanted.items())):
        return True
    loop.accounts.budget.cut("selection")
    return False


def select(
    groups: Sequence[Sequence[float]],
    noise: Noise,
    *,
    searched: int,
    min_effect: float = 0.0,
    rungs: Sequence[tuple[int, int]] = RUNGS,
) -> int | dict[int, int]:
    """Which trial goes to the confirmation; until that is clear, how many replicates trials still want.

    groups[n] holds the scores of trial n on the first search seeds, the baseline at 0; a trial that failed, or that
    violates a constraint, has none. searched: replicates that a verdict could use. The incumbent was lucky when it was
    kept, and better trials were unlucky when they were reverted, so the best are run again, by successive halving
    (Jamieson and Talwalkar, AISTATS 2016): each rung keeps its number of trials and gives them its number of
    replicates. Trials are ranked by shrunken means. The winner is chosen if it is better than the baseline by
    min_effect and PROMISING standard errors, else the baseline (0): then there is nothing to claim.
    """
    contenders = [n for n, group in enumerate(groups) if n and group]
    used = searched
    for count, replicates in rungs if not noise.deterministic else ():
        contenders = _ranked({n: groups[n][:used] for n in contenders}, noise)[:count]
        if short := [n for n in (0, *contenders) if contenders and len(groups[n]) < replicates]:
            return dict.fromkeys(short, replicates)
        used = replicates
    if not contenders:
        return 0
    best = max(contenders, key=lambda n: math.fsum(groups[n][:used]) / len(groups[n][:used]))
    shared = min(len(groups[best]), len(groups[0]), used)
    difference = math.fsum(b - a for a, b in zip(groups[0][:shared], groups[best], strict=False)) / shared
    return best if difference > min_effect + PROMISING * noise.sd * math.sqrt(2 / shared) else 0


def rungs_within(runs: int, trials: int, known: int) -> tuple[tuple[int, int], ...]:
    """RUNGS as far as they cost no more than `runs`, where there are so many trials to select from, each with one run
    behind it, and `known` of the baseline. A rung that is too dear gives fewer replicates."""
    found, had = [], 1
    for count, most in RUNGS:
        kept = min(count, trials)
        costs = {n: kept * (n - had) + max(0, n - known) for n in range(had + 1, most + 1)}
        replicates = max((n for n, cost in costs.items() if cost <= runs), default=0)
        if not replicates:
            break
        runs -= costs[replicates]
        found.append((count, replicates))
        had, known, trials = replicates, max(known, replicates), kept
    return tuple(found)


def _ranked(groups: dict[int, Sequence[float]], noise: Noise) -> list[int]:
    """The keys by their means, the best first, shrunken towards the middle by their shares of noise (empirical Bayes).

    The spread of the true values comes from the better half: the worse one has outliers, and nobody asks for it.
    """
    means = {n: math.fsum(g) / len(g) for n, g in groups.items()}
    middle = statistics.median(means.values()) if means else 0.0
    unit = (
        max([noise.sd, *(abs(m - middle) for m in means.values())]) or 1.0
    )  # whose square neither overflows nor vanishes
    sd, above = noise.sd / unit, {n: (m - middle) / unit for n, m in means.items()}
    better = [above[n] ** 2 - sd**2 / len(groups[n]) for n in means if above[n] >= 0]
    spread = max(0.0, math.fsum(better) / len(better)) if better else 0.0
    spread += 0.01 * sd**2  # where nothing seems to differ, replicates still count

    def shrunken(n: int) -> float:
        return above[n] * spread / (spread + sd**2 / len(groups[n])) if spread else above[n]

    return sorted(means, key=lambda n: (-shrunken(n), n))
