"""The autoresearch loop: claim a change, run it, judge it, keep or revert.

The graph drives it step by step: baseline, claim, wait, decide.
"""

from __future__ import annotations

from collections.abc import Mapping

from nightlab.experiments.ledger.documents.search import ProposalRefused
from nightlab.experiments.ledger.ledger import Settled
from nightlab.experiments.ledger.trial_cache import BESIDE, Entry
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.loop.decision import More
from nightlab.experiments.loop.fidelity import PHASE
from nightlab.experiments.loop.judgement import failure, judgement
from nightlab.experiments.loop.run_accounts import Job
from nightlab.experiments.loop.search_state import SearchState
from nightlab.experiments.records import BASELINE, Change, RunOutcome
from nightlab.experiments.study.errors import BaselineError

CALIBRATION = 8  # replicates of the baseline at least: the first verdicts need a noise that is known well enough


class Loop(SearchState):
    """One study's search at work."""

    def exhausted(self) -> str:
        """Why no further trial may be claimed; empty while one may."""
        if self.overseer.stop:
            return self.overseer.stop
        wanted = sum(self.entries[n].wanted - len(self.entries[n].outcomes) for n in self.open)
        return self.accounts.budget.search_ended(len(self.entries) - 1, max(wanted, len(self.open)))

    def baseline(self) -> Settled:
        """Run the template as it is, on every search seed; what follows is measured against it."""
        change = Change(
            strategy="baseline",
            hypothesis="The trial that was forked." if self.study.origin else "The template as it is.",
            params=self.template.defaults,
            artifact=self.study.baseline_artifact,
            parent=None,
            proposer="baseline",
        )
        if not self.entries:
            self.enter(self.study.ledger.claim(BASELINE, change))
        entry = self.entries[BASELINE]
        if entry.trial.verdict and entry.trial.verdict.kind == "baseline":
            return entry.trial.verdict
        for wanted in (1, max(CALIBRATION, self.study.settings.seeds)):  # one first: a broken template fails once
            entry.wanted = max(entry.wanted, wanted)
            while not entry.complete:
                self.accounts.heed()
                self.wait()
            self._check_baseline(entry)
        told = [outcome.doubts for outcome in entry.counting(len(entry.outcomes))]
        self.study.weigh([doubt for doubt in told[0] if all(doubt in others for others in told)])
        reason = "; ".join(["the baseline", *(text for text, _ in self.violations(entry).values())])
        scores = self.scores(BASELINE)
        numbers = {"score": sum(scores) / len(scores)}
        return self.settle(entry, Settled(kind="baseline", reason=reason, numbers=numbers))

    def _check_baseline(self, entry: Entry) -> None:
        """Raises BaselineError where a run of the template itself failed."""
        if bad := [o for o in entry.outcomes if o is not None and o.status != "ok"]:
            if not entry.trial.verdict:  # settled, so that no half-made trial is left
                self.settle(entry, failure(bad[0]))
            some = f" on {len(bad)} of {len(entry.outcomes)} seeds" if len(bad) < len(entry.outcomes) else ""
            raise BaselineError(
                f"the baseline of template {self.template.name!r} does not run{some} ({bad[0].status}), so there is"
                f" nothing to improve on; mend the template and start again:\n{bad[0].error}"
            )

    def claim(self, number: int, change: Change) -> bool:
        """Claim the next trial; a row that the ledger holds for it already wins. False if there is nothing to run: a
        duplicate, or a proposal that could not be used."""
        if number < len(self.entries):
            return True
        if change.refused:  # written down before, so that a kill in between loses no reason
            self.study.ledger.put(ProposalRefused(reason=change.refused), str(number))
        self.enter(self.study.ledger.claim(number, change))
        return not self.settle_unrun(number, change.refused)

    def wait(self, timeout: float | None = None) -> list[int]:
        """Keep the open trials' runs going until one of them has all the replicates it wants; those that have."""
        for number in self.open:
            entry = self.entries[number]
            if (rung := self.rungs.next(number)) is not None:
                if self.rungs.outcome(number) is None:
                    self._start_rung(entry, rung)
                continue
            for replicate in range(entry.wanted):
                for job in self._jobs(entry, replicate):
                    if job.draw is None or self.accounts.has_room(job):  # each draw has slots of its own
                        self.accounts.start(job)
        if not self.ready():
            for run in self.accounts.collect(timeout):
                if run.phase == PHASE:
                    self.rungs.record(int(run.subject), run.replicate, run.outcome)
                else:
                    self.record(int(run.subject), run.replicate, run.outcome, beside=run.phase == BESIDE)
        return self.ready()

    def _jobs(self, entry: Entry, replicate: int) -> list[Job]:
        """The runs that a replicate lacks; a timing's two stand back to back, now the one first and now the other."""
        number, found, draw = str(entry.trial.number), [], self.study.data.search_draw(replicate)
        if not _has(entry.outcomes, replicate):
            probe = entry.trial.number == BASELINE and self.template.trust == "verified" and not self.study.shut
            change = entry.trial.change
            found.append(
                Job(
                    phase=SEARCH,
                    subject=number,
                    replicate=replicate,
                    change=change,
                    probe=probe,
                    items=probe,
                    draw=draw,
                )
            )
        if entry.paired and not _has(entry.partners, replicate):
            rival = self.entries[self.incumbent].trial.change
            found.append(Job(phase=BESIDE, subject=number, replicate=replicate, change=rival, draw=draw))
        return found if replicate % 2 else found[::-1]

    def _start_rung(self, entry: Entry, rung: int) -> None:
        change, level = entry.trial.change, self.rungs.level(rung)
        subject = str(entry.trial.number)
        self.accounts.start(Job(phase=PHASE, subject=subject, replicate=rung, change=change, fidelity=level))

    def ready(self) -> list[int]:
        return [n for n in self.open if self.rungs.outcome(n) or (self.full(n) and self.entries[n].complete)]

    def decide(self, number: int) -> Settled | More:
        """Judge a trial that is ready: its verdict, or how many runs it must have in all before there is one."""
        entry = self.entries[number]
        if entry.trial.verdict:
            return entry.trial.verdict
        found = judgement(self, entry, idle=max(0, self.accounts.runner.workers - len(self.open)))
        if isinstance(found, More):
            entry.wanted = found.replicates
            return found
        return self.settle(entry, found)

    def rerun(self, wanted: Mapping[int, int]) -> None:
        """Run settled trials again until each has as many replicates as it wants, by number."""
        jobs = [
            Job(
                phase=SEARCH,
                subject=str(n),
                replicate=i,
                change=self.entries[n].trial.change,
                draw=self.study.data.search_draw(i),
            )
            for i in range(max(wanted.values()))  # replicate by replicate, so that a drift meets all alike
            for n, count in sorted(wanted.items())  # not by promise, which a resume would see otherwise
            if i < count
        ]
        for run in self.accounts.all(jobs):
            self.record(int(run.subject), run.replicate, run.outcome)


def _has(outcomes: list[RunOutcome | None], replicate: int) -> bool:
    return replicate < len(outcomes) and outcomes[replicate] is not None
