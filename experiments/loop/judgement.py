"""The judgement of a trial whose runs are there, step by step: its verdict, or the runs that it must have before."""

from __future__ import annotations

from nightlab.experiments.ledger.ledger import Settled
from nightlab.experiments.ledger.trial_cache import Entry
from nightlab.experiments.loop.decision import More, Verdict, judge
from nightlab.experiments.loop.overseer import AGAIN, suspicious
from nightlab.experiments.loop.search_state import SearchState
from nightlab.experiments.records import BASELINE, RunOutcome


def judgement(search: SearchState, entry: Entry, idle: int) -> Settled | More:
    """Of a trial that is ready. idle: slots for which there is nothing else to run, so that a replicate costs no time.

    A trial that passed a cheaper level gets More: it goes on, and wants as many full runs as before.
    """
    if not search.full(entry.trial.number):
        return _at_cheaper_level(search, entry)
    return _failed(entry) or _inadmissible(search, entry) or _weighed(search, entry, idle)


def failure(outcome: RunOutcome, **where: float) -> Settled:
    """The verdict on a trial of which a run failed."""
    spent = {**where, "wall_s": outcome.wall_s, "memory_mb": outcome.memory_mb}
    return Settled(kind="failed", cause=outcome.status, reason=why(outcome), numbers=spent)


def why(outcome: RunOutcome) -> str:
    """The line of a failed run's error that says what it was: the first one below the traceback."""
    lines = outcome.error.strip().splitlines()
    below = [n + 1 for n, line in enumerate(lines[:-1]) if line.startswith("  ")]
    return lines[below[-1] if below else -1] if lines else outcome.status


def _at_cheaper_level(search: SearchState, entry: Entry) -> Settled | More:
    number = entry.trial.number
    rung, outcome = search.rungs.next(number), search.rungs.outcome(number)
    assert rung is not None
    assert outcome is not None
    if outcome.status != "ok":
        return failure(outcome, rung=float(rung))
    scores = {n: search.score(each) for n, each in search.rungs.ran(rung).items()}
    return search.rungs.judge(number, scores) or More(replicates=entry.wanted)


def _failed(entry: Entry) -> Settled | None:
    failed = ((n, o) for n, o in enumerate(entry.outcomes) if o is not None and o.status != "ok")
    return next((failure(outcome, replicate=float(n)) for n, outcome in failed), None)


def _inadmissible(search: SearchState, entry: Entry) -> Settled | None:
    """A trial that violates a hard constraint, however good it is."""
    if not (broken := search.violations(entry)):
        return None
    reason = "; ".join(text for text, _ in broken.values())
    by = {bound: amount for bound, (_, amount) in broken.items()}
    return Settled(kind="reverted", cause="constraint", reason=reason, numbers=by)


def _weighed(search: SearchState, entry: Entry, idle: int) -> Settled | More:
    """The trial against the incumbent."""
    ours, theirs = search.compared(entry)
    if not ours:
        reason = "the incumbent did not run beside it, so there is nothing to compare it with"
        return Settled(kind="reverted", reason=reason, numbers={"replicates": 0.0})
    lost = entry.wanted - len(ours) if entry.paired else 0  # pairs whose half of the incumbent failed
    verdict = judge(
        ours,
        theirs,
        search.noise,
        rule=search.study.settings.rule,  # type: ignore[arg-type]
        max_replicates=search.replicates - lost,
        alongside=entry.paired,
        min_effect=search.template.spec.objective.min_effect,
    )
    if isinstance(verdict, More):
        return More(replicates=min(search.replicates, verdict.replicates + lost + idle))
    return _doubted(search, entry, verdict)


def _doubted(search: SearchState, entry: Entry, verdict: Verdict) -> Settled | More:
    """What would be kept must repeat itself where its runs alone do not say enough."""
    kept, suspected = verdict.kind == "kept", False
    if kept and search.deterministic and len(search.scores(entry.trial.number)) < min(2, search.study.settings.seeds):
        return More(replicates=2)  # a constant baseline may only be saturated
    if kept and suspicious(*(e.counting(len(e.outcomes)) for e in (entry, search.entries[BASELINE]))):
        if entry.wanted < search.replicates + AGAIN:
            return More(replicates=search.replicates + AGAIN)  # a copied result
        suspected = True
    return Settled(
        kind=verdict.kind,
        reason=verdict.reason,
        difference=verdict.difference,
        threshold=verdict.threshold,
        numbers=verdict.numbers,
        incumbent=search.incumbent,
        suspected=suspected,
    )
