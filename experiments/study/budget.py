"""The budget: trials and hours are limits over all stages and sessions of a study, asked before anything is spent.

A share of the time is kept for what every study owes: the confirmation and the paper. Selection, ablation and what a
revision runs get what is left over; the ledger keeps what was cut, so that a replay cuts the same, and the paper tells
it. Tokens and money are spent by the models, which keep to their limits themselves.
"""

from __future__ import annotations

from nightlab.experiments.ledger.documents.search import Allowance
from nightlab.experiments.ledger.ledger import Ledger
from nightlab.experiments.numbers import plural
from nightlab.experiments.study.sessions import Session
from nightlab.experiments.study.study import Study

COLD_S = 0.5  # what a run in a new interpreter takes more than another, where none has been timed
PAPER_S = 60.0  # time to write and review the paper, or PAPER_SHARE of the hours where that is less
PAPER_SHARE = 0.1
REVISION_SHARE = 0.1  # of the hours, kept for the experiments that reviewers ask for


class Budget:
    """What a study may still spend. All times are seconds of work, over all its sessions."""

    def __init__(self, study: Study, session: Session | None = None, workers: int = 1) -> None:
        self._study = study
        self._session = session or Session(study.ledger)
        self._workers = workers
        settled = [r.outcome.wall_s for r in study.ledger.each_run() if r.outcome is not None]
        self._walls, self._runs = sum(settled), len(settled)
        self._busy_s, self._timed = 0.0, 0

    def note(self, wall_s: float, busy_s: float) -> None:
        """A run has ended: its own time, and the time for which the slots were busy until it did."""
        self._walls, self._runs = self._walls + wall_s, self._runs + 1
        self._busy_s, self._timed = self._busy_s + busy_s, self._timed + 1

    @property
    def elapsed_s(self) -> float:
        return self._session.elapsed_s

    @property
    def limit_s(self) -> float:
        return self._study.settings.hours * 3600

    @property
    def left_s(self) -> float:
        return self.limit_s - self.elapsed_s

    @property
    def run_s(self) -> float:
        """Time that one more run takes with all slots at work."""
        alone = self._walls / self._runs / self._workers if self._runs else 0.0
        return max(alone, self._busy_s / self._timed if self._timed else 0.0)

    @property
    def paper_s(self) -> float:
        return min(PAPER_S, PAPER_SHARE * self.limit_s)

    @property
    def revision_s(self) -> float:
        """Time that is kept for what reviewers ask for."""
        revised = self._study.mode == "pipeline" and self._study.settings.rounds
        return REVISION_SHARE * self.limit_s if revised else 0.0

    @property
    def owed_s(self) -> float:
        """Time that the confirmation, if it is still to come, and the paper need."""
        return self.paper_s + (self.confirmation_s if self._study.claim is None else 0.0)

    @property
    def confirmation_s(self) -> float:
        return 2 * self._study.confirmations * (self.run_s + COLD_S / self._workers)

    def search_ended(self, claimed: int, open_runs: int) -> str:
        """Why no further trial may be claimed; empty while one may. open_runs: the runs that the open trials want.

        Beside what is owed, it leaves the time of as many runs as the confirmation's, for the ablation, and the share
        of a revision.
        """
        settings = self._study.settings
        if claimed >= settings.trials:
            return f"the budget of {plural(settings.trials, 'trial')} is used"
        after = 2 * self._study.confirmations * self.run_s + self.revision_s
        if self.elapsed_s + (open_runs + 1) * self.run_s + self.owed_s + after > self.limit_s:
            return f"the budget of {settings.hours:g} hours is used but for what the confirmation and the paper need"
        return ""

    def allows(self, runs: int) -> bool:
        """Whether there is time for so many runs beside what the study owes."""
        return self.left_s - self.owed_s >= runs * self.run_s

    def seeds(self, step: str, variants: int, wanted: int) -> int:
        """How many seeds each variant of an optional step gets: as many as wanted, fewer, or none (fewer than two show
        nothing). The first answer for a step stands."""
        if not variants:
            return wanted
        fit = wanted
        while fit >= 2 and not self.allows(fit * variants):
            fit -= 1
        allowed = Allowance(wanted=wanted, seeds=fit if fit >= 2 or wanted < 2 else 0)
        return self._study.ledger.put(allowed, self._study.name_now(step)).seeds

    def cut(self, step: str) -> None:
        """Write down that a step was cut short or left out for want of time."""
        self._study.ledger.put(Allowance(wanted=1), self._study.name_now(step))


def cuts(ledger: Ledger) -> tuple[str, ...]:
    """The steps that had to do with less than they wanted."""
    return tuple(step for step, allowed in ledger.all(Allowance).items() if allowed.cut)
