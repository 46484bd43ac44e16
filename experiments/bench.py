"""The bench: every run is claimed in the ledger before it starts and settled after it, exactly once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, replace

from nightlab.experiments.ledger import Run
from nightlab.experiments.records import Change, Runner, RunOutcome, RunRequest, Split
from nightlab.experiments.study import Study, StudyError

MAX_INTERRUPTIONS = 3  # a run that was in progress at so many kills is taken to be their cause


@dataclass(frozen=True, kw_only=True)
class Job:
    """One replicate of a change under a name. Equal phases of seeds make runs comparable pair by pair."""

    phase: str
    subject: str
    replicate: int
    change: Change
    seeds: str = "search"  # the purpose that the seed is derived from
    splits: tuple[Split, ...] = ("dev",)
    cold: bool = False


class Bench:
    """Submits jobs to the runner and keeps the ledger's books on them."""

    def __init__(self, study: Study, runner: Runner) -> None:
        self.study = study
        self.runner = runner
        self._in_flight: dict[Future[RunOutcome], Run] = {}
        self._reused: list[Run] = []  # settled by an earlier outcome, not yet collected
        self._known: dict[str, int] = {}  # hash of a run's inputs -> a run that went well
        self._replay()

    def finish(self) -> None:
        """Wait for what is in flight and settle it."""
        while self._in_flight:
            self.collect()

    def start(self, job: Job) -> Run:
        """Claim a job and submit it, unless the ledger holds its outcome or it is in flight already.

        An outcome of the same artifact, parameters and seed is taken over instead of being computed again; evaluator
        and data are the same throughout a study.
        """
        ledger = self.study.ledger
        seed = self.study.seed_of(job.seeds, job.replicate)
        inputs = _inputs(job.change, seed)
        run = ledger.claim_run(job.phase, job.subject, job.replicate, seed, inputs)
        if run.outcome is not None or any(r.id == run.id for r in (*self._in_flight.values(), *self._reused)):
            return run
        earlier = None if job.cold else self._earlier(inputs, job.splits)
        if earlier:
            ledger.settle_run(run.id, earlier)
            self._reused.append(replace(run, outcome=earlier))
        else:
            request = RunRequest(
                artifact=self.study.artifacts.path(job.change.artifact),
                params=job.change.params,
                seed=seed,
                splits=job.splits,
                cold=job.cold,
            )
            self._in_flight[self.runner.submit(request)] = run
        return run

    def collect(self, timeout: float | None = None) -> list[Run]:
        """Settle what has finished; waits for at least one run if there is none, up to `timeout` seconds."""
        settled, self._reused = self._reused, []
        if settled:
            return settled
        done, _ = wait(self._in_flight, timeout=timeout, return_when=FIRST_COMPLETED)
        for future in sorted(done, key=lambda f: self._in_flight[f].id):
            run = self._in_flight.pop(future)
            outcome = future.result()
            self.study.ledger.settle_run(run.id, outcome)
            if outcome.status == "tampered":
                raise StudyError(
                    f"{self.study.folder}: stopped, because what judges the experiments was altered during run"
                    f" {run.id} ({run.phase} of {run.subject}): {outcome.error}. Look at that change; every verdict"
                    " before it stands"
                )
            settled.append(replace(run, outcome=outcome))
            if outcome.status == "ok":
                self._known[run.inputs] = run.id
        return settled

    def all(self, jobs: Iterable[Job]) -> list[Run]:
        """Run all jobs and return their settled runs in the order of the jobs."""
        claimed = [self.start(job) for job in jobs]
        settled = {run.id: run for run in claimed if run.outcome}
        while len(settled) < len({run.id for run in claimed}):
            settled |= {run.id: run for run in self.collect()}
        return [settled[run.id] for run in claimed]

    def _earlier(self, inputs: str, splits: tuple[Split, ...]) -> RunOutcome | None:
        """A good outcome of the same inputs that holds the splits."""
        if inputs not in self._known:
            return None
        number = self._known[inputs]
        outcome = self.study.ledger.run(number).outcome
        if outcome is None or not set(splits) <= set(outcome.metrics):
            return None
        return replace(outcome, wall_s=0.0, cpu_s=0.0, output=f"the outcome of run {number}")

    def _replay(self) -> None:
        """Learn what ran well, and give up on runs that were in progress each time the study was killed."""
        ledger = self.study.ledger
        known = ledger.documents("interrupted")
        before = list(ledger.documents("opened"))[-2:-1]  # the last one is this session
        killed = any(key not in ledger.documents("session") for key in before)
        for run in ledger.runs():
            if run.outcome is not None:
                if run.outcome.status == "ok":
                    self._known[run.inputs] = run.id
                continue
            if not killed or run.subject == "0":  # a session that ended in order is no fault of its runs
                continue
            times = 1 + sum(key.startswith(f"{run.id}.") for key in known)
            ledger.once("interrupted", f"{run.id}.{times}", {})
            if times >= MAX_INTERRUPTIONS:
                why = f"the study was stopped {times} times while this run was in progress"
                ledger.settle_run(run.id, RunOutcome(status="crash", level=self.runner.level, error=why))


def _inputs(change: Change, seed: int) -> str:
    text = f"{change.artifact} {json.dumps(dict(change.params), sort_keys=True)} {seed}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
