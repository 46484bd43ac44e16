"""The accounts of runs: each is claimed in the ledger before it starts and settled after it, exactly once."""

from __future__ import annotations

import hashlib
import json
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace

from nightlab.experiments.errors import NightlabError
from nightlab.experiments.ledger.documents.claim import Feedback
from nightlab.experiments.ledger.documents.search import SEARCHED, RunInterrupted
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.loop.draws import Draws
from nightlab.experiments.loop.fidelity import PHASE
from nightlab.experiments.records import Change, Draw, Params, Runner, RunOutcome, RunRequest, Split
from nightlab.experiments.study.budget import Budget
from nightlab.experiments.study.errors import StudyError
from nightlab.experiments.study.sessions import last_death
from nightlab.experiments.study.study import Study

# A run that was in progress each time the study died is taken to be the cause: soon where the machine itself went down
# or ran out of memory, late where somebody killed the study, which says nothing about the run.
MAX_DEATHS = {"broken": 3, "killed": 12}


class Stopped(NightlabError):
    """A step was asked to stop between two runs; what ran is settled, and a resume goes on from there."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One replicate of a change under a name. Equal phases of seeds make runs comparable pair by pair."""

    phase: str
    subject: str
    replicate: int
    change: Change
    seeds: str = "search"  # the purpose that the seed is derived from
    splits: tuple[Split, ...] = ("dev",)
    probe: bool = False  # look whether the evaluator is a judge
    fidelity: Params = field(default_factory=dict)  # the parameter that makes the run cheaper; empty: the full run
    items: bool = False  # keep the values by item
    draw: Draw | None = None  # of the data; None: the study's own


class RunAccounts:
    """Submits jobs to the runner and keeps the ledger's books on them."""

    def __init__(
        self,
        study: Study,
        runner: Runner,
        budget: Budget | None = None,
        stopping: Callable[[], bool] = lambda: False,
        draws: Draws | None = None,
    ) -> None:
        self.study = study
        self._draws = draws
        self.runner = runner
        self.budget = budget or Budget(study, workers=runner.workers)
        self.progress: Callable[[int, int], None] | None = None  # told by `all` of its runs: done, in all
        self._stopping = stopping
        self._last_settled = time.monotonic()
        self._in_flight: dict[Future[RunOutcome], Run] = {}
        self._reused: list[Run] = []  # settled by an earlier outcome, not yet collected
        self._replay()

    def heed(self) -> None:
        """Raise Stopped if the study was asked to stop."""
        if self._stopping():
            raise Stopped(f"{self.study.folder}: stopped between two runs")

    def finish(self) -> None:
        """Wait for the runs in progress and settle them; what is only queued is left to a resume."""
        for future in [f for f in self._in_flight if not self.runner.started(f)]:
            if future.cancel():
                del self._in_flight[future]
        while self._in_flight:
            self.collect()

    def start(self, job: Job) -> Run:
        """Claim a job and submit it, unless the ledger holds its outcome or it is in flight already.

        An outcome of the same artifact, parameters and seed is taken over instead of being computed again; evaluator
        and data are the same throughout a study.
        """
        self.study.check_disk()
        ledger = self.study.ledger
        seed = self.study.seeds.of(job.seeds, job.replicate)
        inputs = inputs_of(job.change, seed, job.fidelity, job.draw)
        run = ledger.claim_run(job.phase, job.subject, job.replicate, seed, inputs)
        if run.outcome is not None or any(r.id == run.id for r in (*self._in_flight.values(), *self._reused)):
            return run
        measured_anew = self.study.template.interleaved  # an earlier timing is of an earlier machine
        earlier = None if measured_anew else self._earlier(inputs, job)
        if earlier and earlier.outcome:
            outcome = replace(earlier.outcome, wall_s=0.0, cpu_s=0.0, output=f"the outcome of run {earlier.id}")
            ledger.settle_run(run.id, outcome, self.study.items.kept(earlier.id))
            self._reused.append(replace(run, outcome=outcome))
        else:
            table = self.study.template.spec.fidelity
            full = table.full if table else {}
            request = RunRequest(
                artifact=self.study.artifacts.path(job.change.artifact),
                params={**job.change.params, **full, **job.fidelity},
                seed=seed,
                splits=job.splits,
                probe=job.probe,
                run=run.id,
                items=job.items,
            )
            if not self._in_flight:
                self._last_settled = time.monotonic()
            if job.draw is None or self._draws is None:
                future = self.runner.submit(request)
            else:
                future = self._draws.submit(job.draw, request)
            self._in_flight[future] = run
        return run

    def has_room(self, job: Job) -> bool:
        """Whether a run of the job would soon have a slot."""
        return len(self._in_flight) < self._room(job)

    def collect(self, timeout: float | None = None) -> list[Run]:
        """Settle what has finished; waits for at least one run if there is none, up to `timeout` seconds."""
        settled, self._reused = self._reused, []
        if settled:
            return settled
        done, _ = wait(self._in_flight, timeout=timeout, return_when=FIRST_COMPLETED)
        for future in sorted(done, key=lambda f: self._in_flight[f].id):
            run = self._in_flight.pop(future)
            outcome = replace(future.result(), trust=self.study.template.trust)
            if outcome.status != "ok":
                self.study.check_disk()
            if outcome.feedback and run.phase in SEARCHED:
                self.study.ledger.put(Feedback(text=outcome.feedback), str(run.id))
            beside = self.study.items.keep(outcome.items), self.study.series.keep(outcome.series)
            self.study.ledger.settle_run(run.id, outcome, *beside)
            now = time.monotonic()
            if run.phase != PHASE:  # a cheaper run tells nothing of what full ones will take
                self.budget.note(outcome.wall_s, now - self._last_settled)
            self._last_settled = now
            if outcome.status == "tampered":
                raise StudyError(
                    f"{self.study.folder}: stopped, because what judges the experiments was altered during run"
                    f" {run.id} ({run.phase} of {run.subject}): {outcome.error}. Look at that change; every verdict"
                    " before it stands"
                )
            settled.append(replace(run, outcome=outcome))
        return settled

    def all(self, jobs: Iterable[Job]) -> list[Run]:
        """Run all jobs and return their settled runs in the order of the jobs.

        A run is claimed when a slot is free for it or soon will be, so that a stop comes between two runs.
        Raises Stopped then.
        """
        waiting, claimed, settled = deque(jobs), list[Run](), dict[int, Run]()
        total = len(waiting)
        while waiting or len(settled) < len({run.id for run in claimed}):
            self.heed()
            while waiting and self.has_room(waiting[0]):
                claimed.append(run := self.start(waiting.popleft()))
                if run.outcome is not None:
                    settled[run.id] = run
            if len(settled) < len({run.id for run in claimed}):
                settled |= {run.id: run for run in self.collect()}
            if self.progress:
                self.progress(len(settled), total)
        return [settled[run.id] for run in claimed]

    def _room(self, job: Job) -> int:
        """The runs that may be in flight: as many as there are slots, and one that waits for the next free one. Draws
        have slots of their own each, so that nothing would wait there."""
        return self.runner.workers + (job.draw is None)

    def _earlier(self, inputs: str, job: Job) -> Run | None:
        """A good run of the same inputs that holds the splits, and the values by item where they are wanted."""
        for run in self.study.ledger.good_runs(inputs):
            held = run.outcome is not None and set(job.splits) <= set(run.outcome.metrics)
            if held and not (job.items and self.study.items.lacks(run.id)):
                return run
        return None

    def _replay(self) -> None:
        """Give up on runs that were in progress each time the study died."""
        ledger, death = self.study.ledger, last_death(self.study.ledger)
        deaths = ledger.all(RunInterrupted)
        for run in ledger.unsettled_runs() if death else ():
            if run.subject not in ("0", "baseline"):
                key = f"{run.id}.{sum(key.startswith(f'{run.id}.') for key in deaths)}"
                deaths[key] = ledger.put(RunInterrupted(death=death), key)
                self._give_up(run, [at for key, at in deaths.items() if key.startswith(f"{run.id}.")])

    def _give_up(self, run: Run, deaths: list[RunInterrupted]) -> None:
        """Settle a run as a crash if it was in progress at too many deaths."""
        for kind, most in MAX_DEATHS.items():
            if sum(each.death == kind for each in deaths) >= most:
                why = f"the study was stopped {len(deaths)} times while this run was in progress"
                self.study.ledger.settle_run(run.id, RunOutcome(status="crash", level=self.runner.level, error=why))
                return


def inputs_of(change: Change, seed: int, fidelity: Params | None = None, draw: Draw | None = None) -> str:
    """The hash of what a run's outcome depends on within its study, under which the ledger has it."""
    text = f"{change.artifact} {json.dumps(dict(change.params), sort_keys=True)} {seed}"
    if fidelity:
        text += f" {json.dumps(dict(fidelity), sort_keys=True)}"
    if draw is not None:
        text += f" draw {draw}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
