"""Early ending of bad candidates by cheaper runs, where a template declares what makes a run cheaper."""

from __future__ import annotations

import math

from nightlab.experiments.ledger.documents.search import RungDecision
from nightlab.experiments.ledger.ledger import Ledger, Settled
from nightlab.experiments.records import ParamValue, RunOutcome
from nightlab.experiments.template.knobs.tables import FidelityTable

PHASE = "rung"  # of the runs at less than full fidelity: no verdict, claim or noise estimate looks at them


class Rungs:
    """Asynchronous successive halving (Li et al., MLSys 2020), in the form that never waits.

    A candidate runs at each level in turn. At each it must be among the best 1/factor of all that ran there so far, on
    the same seed; then it runs at the next one, and after the last one in full, where the ordinary verdict is passed.
    The first to arrive passes. What was decided stands in the ledger, so that a replay decides nothing anew.
    """

    def __init__(self, table: FidelityTable | None, ledger: Ledger) -> None:
        self._table, self._ledger = table, ledger
        self._levels = table.levels if table else ()
        self._passed: dict[int, int] = {}
        self._ran: list[dict[int, RunOutcome]] = [{} for _ in self._levels]
        self._gaps: list[list[float]] = [[] for _ in self._levels]
        if not table:
            return
        for run in ledger.runs(PHASE):
            if run.outcome is not None:
                self.record(int(run.subject), run.replicate, run.outcome)
        for key, decision in ledger.all(RungDecision).items():
            if decision.passed:
                number, rung = map(int, key.split("."))
                self._passed[number] = max(self._passed.get(number, 0), rung + 1)

    def next(self, number: int) -> int | None:
        """The rung that the trial has to pass next; None for the baseline and what may run in full."""
        rung = self._passed.get(number, 0)
        return rung if number and rung < len(self._levels) else None

    def level(self, rung: int) -> dict[str, ParamValue]:
        """The parameter that makes a run of this rung cheaper."""
        assert self._table is not None
        return {self._table.knob: self._levels[rung]}

    def record(self, number: int, rung: int, outcome: RunOutcome | None) -> None:
        if outcome is not None:
            self._ran[rung][number] = outcome

    def outcome(self, number: int) -> RunOutcome | None:
        """That of the trial's next rung, if it ran."""
        rung = self.next(number)
        return None if rung is None else self._ran[rung].get(number)

    def judge(self, number: int, scores: dict[int, float]) -> Settled | None:
        """Pass the trial to its next level (None) or end it. scores: larger is better, of all good runs at its rung."""
        assert self._table is not None
        rung = self.next(number)
        assert rung is not None
        rank = 1 + sum(s > scores[number] for s in scores.values())
        seats = math.ceil(len(scores) / self._table.factor)
        decision = RungDecision(passed=rank <= seats, rank=rank, of=len(scores), score=scores[number])
        decision = self._ledger.put(decision, f"{number}.{rung}")
        if decision.passed:
            self._passed[number] = rung + 1
            return None
        level, knob = self._levels[rung], self._table.knob
        return Settled(
            kind="reverted",
            cause="fidelity",
            reason=f"Ended early at {knob} = {level:g} of {self._table.high:g}: rank {decision.rank} of {decision.of},"
            f" not among the best 1/{self._table.factor} there.",
            numbers={"rung": float(rung), "rank": float(decision.rank), "of": float(decision.of)},
        )

    def ran(self, rung: int) -> dict[int, RunOutcome]:
        """The good outcomes at a rung, by trial."""
        return {n: o for n, o in self._ran[rung].items() if o.status == "ok"}

    def climbed(self, number: int) -> dict[int, RunOutcome]:
        """The outcomes at the levels that the trial passed, by rung."""
        return {rung: ran[number] for rung, ran in enumerate(self._ran) if number in ran}

    def learn(self, rung: int, gap: float) -> None:
        """Take in by how much a trial's full score exceeds its score at a rung."""
        self._gaps[rung].append(gap)

    def foreseen(self, rung: int, score: float) -> float | None:
        """A full score from one at a rung, by the mean gap (after Kennedy and O'Hagan, Biometrika 87, 2000)."""
        gaps = self._gaps[rung]
        return score + math.fsum(gaps) / len(gaps) if gaps else None


def cost(ledger: Ledger, table: FidelityTable) -> dict[str, float]:
    """What the search cost. full_runs: in runs of full length, each cheaper one as its share of it."""
    rungs = [r.replicate for r in ledger.runs(PHASE) if r.outcome is not None]
    full = sum(r.outcome is not None for r in ledger.runs("search"))
    shares = math.fsum(table.levels[rung] / table.high for rung in rungs)
    ended = sum(t.verdict is not None and t.verdict.cause == "fidelity" for t in ledger.trials())
    return {"cheap_runs": len(rungs), "ended_early": ended, "full_runs": round(full + shares, 4)}
