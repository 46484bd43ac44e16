"""The autoresearch loop: claim a change, run it, judge it, keep or revert.

The graph drives it step by step (baseline, claim, wait, decide); all that it knows stands in the ledger, so a new Loop
over the same ledger goes on where the last one was killed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from hashlib import blake2b

from nightlab.experiments.first_seen import Firsts
from nightlab.experiments.ledger.documents import ProposalRefused
from nightlab.experiments.ledger.events import Note, TrialSettled
from nightlab.experiments.ledger.ledger import Settled, Trial
from nightlab.experiments.ledger.trial_cache import BESIDE, Books, Entry, History
from nightlab.experiments.ledger.trial_scores import SEARCH, mean
from nightlab.experiments.loop.decision import More, Noise, judge
from nightlab.experiments.loop.fidelity import PHASE, Rungs
from nightlab.experiments.loop.overseer import AGAIN, UNUSABLE, Overseer, suspicious
from nightlab.experiments.loop.run_accounts import Bench, Job
from nightlab.experiments.records import Change, RunOutcome
from nightlab.experiments.search.policy import Tried
from nightlab.experiments.study.study import BaselineError
from nightlab.experiments.template.template import Template

BASELINE = 0  # the number of the baseline's trial
CALIBRATION = 8  # replicates of the baseline at least: the first verdicts need a noise that is known well enough


class Loop:
    """One study's search. All scores are fitness with the sign that makes larger better."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.study = bench.study
        self.entries = Books(self.study.ledger)
        self.incumbent = BASELINE
        self.noise = Noise()
        self.overseer = Overseer(self.template, self.template.strategies)
        self.rungs = Rungs(self.template.spec.fidelity, self.study.ledger)
        self._known = Firsts()  # the first trial with each change, by its identity
        self._open: dict[int, None] = {}  # in the order of the claims
        self._tried: list[Tried] = []
        self._verdicts = 0
        self._history = History(self.entries, self.study.ledger)
        self._started = time.monotonic()
        self._elapsed_before = 0.0
        self._replay()

    def _replay(self) -> None:
        """Rebuild the books from the ledger."""
        settled = []
        for found in self.entries:  # each is read before it is entered
            entry = self._enter(found.trial)
            for beside, outcomes in ((False, found.outcomes), (True, found.partners)):
                for replicate, outcome in enumerate(outcomes):
                    entry.record(replicate, outcome, beside=beside)
            if found.trial.verdict:
                settled.append((found.trial.verdict.elapsed_s, entry))
        for elapsed_s, entry in sorted(settled, key=lambda pair: pair[0]):
            self._elapsed_before = elapsed_s
            self._account(entry)
        for number in self.open:
            refused = self.study.ledger.get(ProposalRefused, str(number))
            self._settle_unrun(number, refused.reason if refused else "")

    # What the books say

    @property
    def template(self) -> Template:
        """The study's, whose trust its first runs may change."""
        return self.study.template

    @property
    def elapsed_s(self) -> float:
        """Working time over all sessions of the study, in seconds; it never goes back."""
        return max(self.bench.budget.elapsed_s, self._elapsed_before + time.monotonic() - self._started)

    @property
    def deterministic(self) -> bool:
        """Whether no replicate ever differed from the first of its trial, so that one run a candidate is enough."""
        return self.noise.deterministic

    @property
    def replicates(self) -> int:
        return 1 if self.deterministic else self.study.settings.seeds

    @property
    def open(self) -> list[int]:
        """The trials that are claimed and not settled."""
        return list(self._open)

    def scores(self, number: int) -> list[float]:
        """A trial's scores, by search seed."""
        return self._scores(self.entries[number], self.study.settings.seeds)

    def value(self, number: int) -> float | None:
        """A trial's mean in the objective's own direction; None where no run of it counts."""
        score = mean(self.scores(number))
        return None if score is None else self.template.sign * score

    def _scores(self, entry: Entry, seeds: int) -> list[float]:
        return [self.score(outcome) for outcome in entry.counting(seeds)]

    def score(self, outcome: RunOutcome) -> float:
        return self.template.sign * self.template.fitness(dict(outcome.metrics["dev"]))

    def tried(self) -> Sequence[Tried]:
        """What a search policy sees: every claimed trial, in the order of their numbers."""
        return self._tried

    def history(self) -> Sequence[Trial]:
        """Every claimed trial, in the order of their numbers."""
        return self._history

    def verdict(self, number: int) -> Settled | None:
        return self.entries[number].trial.verdict

    def _as_tried(self, entry: Entry) -> Tried:
        trial, scores = entry.trial, self._scores(entry, self.study.settings.seeds)
        failed = trial.verdict is not None and trial.verdict.kind == "failed"
        return Tried(
            number=trial.number,
            parent=trial.change.parent,
            strategy=trial.change.strategy,
            params=trial.change.params,
            artifact=trial.change.artifact,
            verdict=trial.verdict.kind if trial.verdict else None,
            score=None
            if failed or not trial.verdict
            else self._foreseen(trial)
            if (score := mean(scores)) is None
            else score,
            replicates=len(scores),
            order=self._verdicts if trial.verdict else 0,
        )

    def _foreseen(self, trial: Trial) -> float | None:
        """The full score to be expected of a trial that was ended early; only the search sees it."""
        rung = self.rungs.next(trial.number)
        outcome = self.rungs.outcome(trial.number)
        return None if rung is None or outcome is None else self.rungs.foreseen(rung, self.score(outcome))

    def exhausted(self) -> str:
        """Why no further trial may be claimed; empty while one may."""
        if self.overseer.stop:
            return self.overseer.stop
        wanted = sum(self.entries[n].wanted - len(self.entries[n].outcomes) for n in self.open)
        return self.bench.budget.search_ended(len(self.entries) - 1, max(wanted, len(self.open)))

    # The steps

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
            self._enter(self.study.ledger.claim(BASELINE, change))
        entry = self.entries[BASELINE]
        if entry.trial.verdict and entry.trial.verdict.kind == "baseline":
            return entry.trial.verdict
        for wanted in (1, max(CALIBRATION, self.study.settings.seeds)):  # one first: a broken template fails once
            entry.wanted = max(entry.wanted, wanted)
            while not entry.complete:
                self.bench.heed()
                self.wait()
            self._check_baseline(entry)
        told = [outcome.doubts for outcome in entry.counting(len(entry.outcomes))]
        self.study.weigh([doubt for doubt in told[0] if all(doubt in others for others in told)])
        reason = "; ".join(["the baseline", *(text for text, _ in self.violations(entry).values())])
        return self._settle(
            entry,
            Settled(
                kind="baseline",
                reason=reason,
                numbers={"score": sum(self.scores(BASELINE)) / len(self.scores(BASELINE))},
            ),
        )

    def _check_baseline(self, entry: Entry) -> None:
        """Raises BaselineError where a run of the template itself failed."""
        if bad := [o for o in entry.outcomes if o is not None and o.status != "ok"]:
            if not entry.trial.verdict:  # settled, so that no half-made trial is left
                self._settle(entry, Settled(kind="failed", cause=bad[0].status, reason=_why(bad[0]), numbers={}))
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
        self._enter(self.study.ledger.claim(number, change))
        return not self._settle_unrun(number, change.refused)

    def _settle_unrun(self, number: int, refused: str) -> bool:
        entry = self.entries[number]
        if refused:
            self._settle(entry, Settled(kind="failed", cause=UNUSABLE, reason=refused, numbers={}))
            return True
        twin = self._known.add(_identity(entry.trial.change), number)
        if twin == number:
            return False
        reason = f"the same files and parameters as trial {twin}"
        same = {"twin": float(twin)}
        self._settle(entry, Settled(kind="failed", cause="duplicate", reason=reason, numbers=same))
        return True

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
                    self.bench.start(job)
        if not self.ready():
            for run in self.bench.collect(timeout):
                if run.phase == PHASE:
                    self.rungs.record(int(run.subject), run.replicate, run.outcome)
                else:
                    self._record(int(run.subject), run.replicate, run.outcome, beside=run.phase == BESIDE)
        return self.ready()

    def _jobs(self, entry: Entry, replicate: int) -> list[Job]:
        """The runs that a replicate lacks; a timing's two stand back to back, now the one first and now the other."""
        number, found = str(entry.trial.number), []
        if not _has(entry.outcomes, replicate):
            probe = entry.trial.number == BASELINE and self.template.trust == "verified" and not self.study.shut
            change = entry.trial.change
            found.append(Job(phase=SEARCH, subject=number, replicate=replicate, change=change, probe=probe))
        if entry.paired and not _has(entry.partners, replicate):
            rival = self.entries[self.incumbent].trial.change
            found.append(Job(phase=BESIDE, subject=number, replicate=replicate, change=rival))
        return found if replicate % 2 else found[::-1]

    def _start_rung(self, entry: Entry, rung: int) -> None:
        change, level = entry.trial.change, self.rungs.level(rung)
        subject = str(entry.trial.number)
        self.bench.start(Job(phase=PHASE, subject=subject, replicate=rung, change=change, fidelity=level))

    def ready(self) -> list[int]:
        return [n for n in self.open if self.rungs.outcome(n) or (self._full(n) and self.entries[n].complete)]

    def _full(self, number: int) -> bool:
        """Whether the trial's runs are full ones: it passed every cheaper level, or there is none."""
        return self.rungs.next(number) is None

    def decide(self, number: int) -> Settled | None:
        """Judge a trial whose replicates are there; None if the verdict wants more of them."""
        entry = self.entries[number]
        if entry.trial.verdict:
            return entry.trial.verdict
        if not self._full(number):
            return self._decide_rung(entry)
        for replicate, outcome in enumerate(entry.outcomes):
            if outcome is not None and outcome.status != "ok":
                reason = _why(outcome)
                spent = {"replicate": float(replicate), "wall_s": outcome.wall_s, "memory_mb": outcome.memory_mb}
                return self._settle(entry, Settled(kind="failed", cause=outcome.status, reason=reason, numbers=spent))
        if broken := self.violations(entry):
            reason = "; ".join(text for text, _ in broken.values())
            by = {key: amount for key, (_, amount) in broken.items()}
            return self._settle(entry, Settled(kind="reverted", cause="constraint", reason=reason, numbers=by))
        ours, theirs = self._compared(entry)
        if not ours:
            reason = "the incumbent did not run beside it, so there is nothing to compare it with"
            return self._settle(entry, Settled(kind="reverted", reason=reason, numbers={"replicates": 0.0}))
        lost = entry.wanted - len(ours) if entry.paired else 0  # pairs whose half of the incumbent failed
        verdict = judge(
            ours,
            theirs,
            self.noise,
            rule=self.study.settings.rule,  # type: ignore[arg-type]
            max_replicates=self.replicates - lost,
            alongside=entry.paired,
            min_effect=self.template.spec.objective.min_effect,
        )
        if isinstance(verdict, More):
            idle = max(0, self.bench.runner.workers - len(self._open))
            entry.wanted = min(self.replicates, verdict.replicates + lost + idle)
            return None
        if (
            verdict.kind == "kept"
            and self.deterministic
            and len(self.scores(number)) < min(2, self.study.settings.seeds)
        ):
            entry.wanted = 2  # a constant baseline may only be saturated: what is kept must repeat itself too
            return None
        numbers = {**verdict.numbers, "incumbent": float(self.incumbent)}
        if verdict.kind == "kept" and suspicious(
            *(e.counting(len(e.outcomes)) for e in (entry, self.entries[BASELINE]))
        ):
            if entry.wanted < self.replicates + AGAIN:
                entry.wanted = self.replicates + AGAIN  # a copied result must at least be repeated before it counts
                return None
            numbers["suspected"] = 1.0
        return self._settle(entry, Settled(kind=verdict.kind, reason=verdict.reason, numbers=numbers))

    def _compared(self, entry: Entry) -> tuple[list[float], list[float]]:
        """Scores of a trial and of the incumbent, pair by pair: on the same seeds, and a timing at the same time."""
        number = entry.trial.number
        if not entry.paired:
            return self.scores(number), self.scores(self.incumbent)
        pairs = [(o, p) for o, p in zip(entry.outcomes, entry.partners, strict=False) if o and p and p.status == "ok"]
        return [self.score(o) for o, _ in pairs], [self.score(p) for _, p in pairs]

    def _decide_rung(self, entry: Entry) -> Settled | None:
        """End the trial early, or let it run at the next level (None)."""
        rung = self.rungs.next(entry.trial.number)
        outcome = self.rungs.outcome(entry.trial.number)
        assert rung is not None
        assert outcome is not None
        if outcome.status != "ok":
            reason = _why(outcome)
            spent = {"rung": float(rung), "wall_s": outcome.wall_s, "memory_mb": outcome.memory_mb}
            return self._settle(entry, Settled(kind="failed", cause=outcome.status, reason=reason, numbers=spent))
        scores = {n: self.score(outcome) for n, outcome in self.rungs.ran(rung).items()}
        verdict = self.rungs.judge(entry.trial.number, scores)
        return verdict and self._settle(entry, verdict)

    def rerun(self, wanted: Mapping[int, int]) -> None:
        """Run settled trials again until each has as many replicates as it wants, by number."""
        jobs = [
            Job(phase=SEARCH, subject=str(n), replicate=i, change=self.entries[n].trial.change)
            for i in range(max(wanted.values()))  # replicate by replicate, so that a drift meets all alike
            for n, count in sorted(wanted.items())  # not by promise, which a resume would see otherwise
            if i < count
        ]
        for run in self.bench.all(jobs):
            self._record(int(run.subject), run.replicate, run.outcome)

    def violations(self, entry: Entry) -> dict[str, tuple[str, float]]:
        """The hard constraints that a run of the trial violates, each by its bound: what is told, and by how much."""
        found: dict[str, tuple[str, float]] = {}
        for outcome in (o for o in entry.outcomes if o is not None):
            metrics = dict(outcome.metrics["dev"])
            for c in self.template.violated(metrics):
                value = metrics[c.metric]
                bound = f"max = {c.max:g}" if c.max is not None and value > c.max else f"min = {c.min:g}"
                told = f"{c.metric} = {value:g} violates the constraint {bound}"
                found.setdefault(f"{c.metric} beyond {bound}", (told, c.violation(value)))
        return found

    # Bookkeeping

    def _enter(self, trial: Trial) -> Entry:
        entry = Entry(trial=trial, wanted=1, paired=self.template.interleaved and trial.number != BASELINE)
        self.entries.open(entry)
        self._open[trial.number] = None
        self._tried.append(self._as_tried(entry))
        if trial.verdict is None or trial.verdict.cause != "duplicate":
            self._known.add(_identity(trial.change), trial.number)
        return entry

    def _record(self, number: int, replicate: int, outcome: RunOutcome | None, *, beside: bool = False) -> None:
        if entry := self.entries.at_work(number):
            entry.record(replicate, outcome, beside=beside)

    def _settle(self, entry: Entry, verdict: Settled) -> Settled:
        numbers = {**verdict.numbers, "runs": float(len(entry.outcomes))}
        if verdict.kind == "kept":  # how many runs of the incumbent it met: more may come later
            numbers["met"] = float(len(self.scores(self.incumbent)))
        verdict = Settled(**{**vars(verdict), "numbers": numbers, "elapsed_s": self.elapsed_s})
        self.study.ledger.settle(entry.trial.number, verdict, self._told(entry, verdict))
        entry.trial = Trial(number=entry.trial.number, change=entry.trial.change, verdict=verdict)
        self._account(entry)
        return verdict

    def _told(self, entry: Entry, verdict: Settled) -> TrialSettled:
        """What whoever follows the study hears of a verdict; it is not in the books yet."""
        number = entry.trial.number
        best = number if verdict.kind == "kept" else self.incumbent
        return TrialSettled(
            trial=number,
            of=self.study.settings.trials,
            settled=len(self.entries) - len(self._open),  # with it, and without the baseline
            strategy=entry.trial.change.strategy,
            verdict=verdict.kind,
            cause=verdict.cause,
            reason=verdict.reason,
            value=self.value(number),
            runs=len(self.scores(number)),
            difference=verdict.numbers.get("difference"),
            threshold=verdict.numbers.get("threshold"),
            incumbent=best,
            incumbent_value=self.value(best),
            elapsed_s=verdict.elapsed_s,
        )

    def _account(self, entry: Entry) -> None:
        number, verdict = entry.trial.number, entry.trial.verdict
        self._open.pop(number, None)
        self._verdicts += 1
        self._tried[number] = self._as_tried(entry)
        rival = self.incumbent
        met = self.entries[rival].counting(self.study.settings.seeds)
        if verdict is not None and verdict.kind == "kept":
            met = met[: int(verdict.numbers.get("met", len(met)))]
            self.incumbent = number
        # The noise is what it was at the verdict, also in a replay that knows of more replicates.
        known = int(verdict.numbers.get("runs", len(entry.outcomes))) if verdict else 0
        for notice in self.overseer.watch(entry.trial, [o for o in entry.outcomes[:known] if o is not None], met):
            self.study.ledger.put(notice, notice.key, Note(note=notice.sentence))
        scores = self._scores(entry, known)
        if len(scores) > 1:
            self.noise.add(scores)
        if scores and self._full(number):
            for rung, outcome in self.rungs.climbed(number).items():
                self.rungs.learn(rung, sum(scores) / len(scores) - self.score(outcome))
        for settled in {number, rival} - {BASELINE, self.incumbent}:
            self.entries.close(settled)


def _has(outcomes: list[RunOutcome | None], replicate: int) -> bool:
    return replicate < len(outcomes) and outcomes[replicate] is not None


def _why(outcome: RunOutcome) -> str:
    """The line of a failed run's error that says what it was: the first one below the traceback."""
    lines = outcome.error.strip().splitlines()
    below = [n + 1 for n, line in enumerate(lines[:-1]) if line.startswith("  ")]
    return lines[below[-1] if below else -1] if lines else outcome.status


def _identity(change: Change) -> int:
    """Equal for changes to the same files and parameters."""
    text = f"{change.artifact} {json.dumps(dict(change.params), sort_keys=True)}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
