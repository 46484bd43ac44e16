"""The autoresearch loop: claim a change, run it, judge it, keep or revert.

The graph drives it step by step (baseline, claim, wait, decide); all that it knows stands in the ledger, so a new Loop
over the same ledger goes on where the last one was killed.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from itertools import takewhile

from nightlab.experiments.bench import Bench, Job
from nightlab.experiments.decision import More, Noise, judge, select
from nightlab.experiments.ledger import Settled, Trial
from nightlab.experiments.records import Change, Params, RunOutcome
from nightlab.experiments.search.policy import Tried
from nightlab.experiments.study import StudyError

BASELINE = 0  # the number of the baseline's trial
CALIBRATION = 8  # replicates of the baseline at least: the first verdicts need a noise that is known well enough


@dataclass(kw_only=True)
class Entry:
    """A trial with its replicates so far, in the order of the search seeds."""

    trial: Trial
    wanted: int
    outcomes: list[RunOutcome | None] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return len(self.outcomes) >= self.wanted and None not in self.outcomes[: self.wanted]


class Loop:
    """Books of one study's search. All scores are fitness with the sign that makes larger better."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.study = bench.study
        self.template = self.study.template
        self.entries: list[Entry] = []
        self.incumbent = BASELINE
        self.noise = Noise()
        self._known: dict[str, int] = {}
        self._open: dict[int, None] = {}  # in the order of the claims
        self._tried: list[Tried] = []
        self._history: list[Trial] = []
        self._started = time.monotonic()
        self._elapsed_before = 0.0
        self._replay()

    def _replay(self) -> None:
        """Rebuild the books from the ledger."""
        for trial in self.study.ledger.trials():
            self._enter(trial)
        for run in self.study.ledger.runs("search"):
            self._record(int(run.subject), run.replicate, run.outcome)
        settled = [e for e in self.entries if e.trial.verdict]
        for entry in sorted(settled, key=lambda e: e.trial.verdict.elapsed_s if e.trial.verdict else 0.0):
            assert entry.trial.verdict is not None
            self._elapsed_before = entry.trial.verdict.elapsed_s
            self._account(entry)
        for number in self.open:
            self._settle_duplicate(number)

    # What the books say

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
        """Scores of a trial's successful replicates on the seeds that a verdict may use, by search seed."""
        return self._all_scores(number)[: self.study.settings.seeds]

    def _all_scores(self, number: int) -> list[float]:
        found = self.entries[number].outcomes
        return [self.score(outcome) for outcome in found if outcome is not None and outcome.status == "ok"]

    def score(self, outcome: RunOutcome) -> float:
        return self.template.sign * self.template.fitness(dict(outcome.metrics["dev"]))

    def tried(self) -> list[Tried]:
        """What a search policy sees: every claimed trial, in the order of their numbers."""
        return self._tried

    def history(self) -> list[Trial]:
        """Every claimed trial, in the order of their numbers."""
        return self._history

    def verdict(self, number: int) -> Settled | None:
        return self.entries[number].trial.verdict

    def _as_tried(self, entry: Entry) -> Tried:
        trial, scores = entry.trial, self.scores(entry.trial.number)
        failed = trial.verdict is not None and trial.verdict.kind == "failed"
        return Tried(
            number=trial.number,
            parent=trial.change.parent,
            strategy=trial.change.strategy,
            params=trial.change.params,
            verdict=trial.verdict.kind if trial.verdict else None,
            score=None if failed or not scores or not trial.verdict else sum(scores) / len(scores),
            replicates=len(scores),
        )

    def exhausted(self) -> str:
        """Why no further trial may be claimed; empty while one may."""
        wanted = sum(self.entries[n].wanted - len(self.entries[n].outcomes) for n in self.open)
        return self.bench.budget.search_ended(len(self.entries) - 1, max(wanted, len(self.open)))

    # The steps

    def baseline(self) -> Settled:
        """Run the template as it is, on every search seed; what follows is measured against it."""
        change = Change(
            strategy="baseline",
            hypothesis="The template as it is.",
            params=self.template.defaults,
            artifact=self.study.baseline_artifact,
            parent=None,
            proposer="baseline",
        )
        if not self.entries:
            self._enter(self.study.ledger.claim(BASELINE, change))
        entry = self.entries[BASELINE]
        if entry.trial.verdict:
            return entry.trial.verdict
        while not entry.complete:
            self.bench.heed()
            self.wait()
        for outcome in entry.outcomes:
            if outcome is not None and outcome.status != "ok":
                raise StudyError(
                    f"the baseline of template {self.template.name!r} does not run ({outcome.status}), so there is"
                    f" nothing to improve on; mend the template and start again:\n{outcome.error}"
                )
        mean = sum(self.scores(BASELINE)) / len(self.scores(BASELINE))
        return self._settle(entry, Settled(kind="baseline", reason="the baseline", numbers={"score": mean}))

    def claim(self, number: int, change: Change) -> bool:
        """Claim the next trial; a row that the ledger holds for it already wins. False if it is a duplicate."""
        if number < len(self.entries):
            return True
        self._enter(self.study.ledger.claim(number, change))
        return not self._settle_duplicate(number)

    def _settle_duplicate(self, number: int) -> bool:
        entry = self.entries[number]
        twin = self._known[_identity(entry.trial.change)]
        if twin == number:
            return False
        reason = f"the same files and parameters as trial {twin}"
        self._settle(entry, Settled(kind="failed", cause="duplicate", reason=reason, numbers={}))
        return True

    def wait(self, timeout: float | None = None) -> list[int]:
        """Keep the open trials' runs going until one of them has all the replicates it wants; those that have."""
        for number in self.open:
            entry = self.entries[number]
            for replicate in range(entry.wanted):
                if replicate >= len(entry.outcomes) or entry.outcomes[replicate] is None:
                    change = entry.trial.change
                    self.bench.start(Job(phase="search", subject=str(number), replicate=replicate, change=change))
        if not self.ready():
            for run in self.bench.collect(timeout):
                self._record(int(run.subject), run.replicate, run.outcome)
        return self.ready()

    def ready(self) -> list[int]:
        return [n for n in self.open if self.entries[n].complete]

    def decide(self, number: int) -> Settled | None:
        """Judge a trial whose replicates are there; None if the verdict wants more of them."""
        entry = self.entries[number]
        if entry.trial.verdict:
            return entry.trial.verdict
        for outcome in entry.outcomes:
            if outcome is not None and outcome.status != "ok":
                reason = outcome.error.strip().splitlines()[-1] if outcome.error.strip() else outcome.status
                return self._settle(entry, Settled(kind="failed", cause=outcome.status, reason=reason, numbers={}))
        if broken := self._violation(entry):
            return self._settle(entry, Settled(kind="reverted", cause="constraint", reason=broken, numbers={}))
        verdict = judge(
            self.scores(number),
            self.scores(self.incumbent),
            self.noise,
            rule=self.study.settings.rule,  # type: ignore[arg-type]
            max_replicates=self.replicates,
            min_effect=self.template.spec.objective.min_effect,
        )
        if isinstance(verdict, More):
            entry.wanted = verdict.replicates
            return None
        if (
            verdict.kind == "kept"
            and self.deterministic
            and len(self.scores(number)) < min(2, self.study.settings.seeds)
        ):
            entry.wanted = 2  # a constant baseline may only be saturated: what is kept must repeat itself too
            return None
        numbers = {**verdict.numbers, "incumbent": float(self.incumbent)}
        return self._settle(entry, Settled(kind=verdict.kind, reason=verdict.reason, numbers=numbers))

    def choose(self) -> int:
        """Which trial goes to the confirmation: the most promising ones are run again before one is chosen.

        The incumbent was lucky when it was kept, and a better trial may have been unlucky when it was reverted.
        """
        ledger, settings = self.study.ledger, self.study.settings
        if (stored := ledger.document("selection", "chosen")) is not None:
            return int(stored["trial"])
        effect = self.template.spec.objective.min_effect
        while True:
            groups = [self._eligible(entry) for entry in self.entries]
            chosen = select(groups, self.noise, searched=settings.seeds, min_effect=effect)
            if isinstance(chosen, dict) and not self._affordable(chosen):
                chosen = select(groups, self.noise, searched=settings.seeds, min_effect=effect, rungs=())
            if isinstance(chosen, int):
                return int(ledger.once("selection", "chosen", {"trial": chosen})["trial"])
            jobs = [
                Job(phase="search", subject=str(n), replicate=i, change=self.entries[n].trial.change)
                for n, wanted in chosen.items()
                for i in range(wanted)
            ]
            for run in self.bench.all(jobs):
                self._record(int(run.subject), run.replicate, run.outcome)

    def _affordable(self, wanted: dict[int, int]) -> bool:
        """Whether there is time for more replicates; that there is none is written down."""
        if allowed := self.bench.budget.allows(sum(n - len(self.entries[t].outcomes) for t, n in wanted.items())):
            return allowed
        self.bench.budget.cut("selection")
        return False

    @property
    def best(self) -> int:
        """The trial that was chosen for the confirmation; the incumbent as long as none is."""
        stored = self.study.ledger.document("selection", "chosen")
        return self.incumbent if stored is None else int(stored["trial"])

    def _eligible(self, entry: Entry) -> list[float]:
        """Scores of a trial that may be confirmed, up to the first replicate that is still to come; none if a run of
        it failed or it violates a constraint."""
        verdict = entry.trial.verdict
        if verdict is None or verdict.cause or any(o is not None and o.status != "ok" for o in entry.outcomes):
            return []
        if entry.trial.number != BASELINE and self._violation(entry):
            return []
        return [self.score(o) for o in takewhile(lambda o: o is not None, entry.outcomes) if o is not None]

    def _violation(self, entry: Entry) -> str:
        for outcome in entry.outcomes:
            metrics = dict(outcome.metrics["dev"]) if outcome else {}
            for c in self.template.violated(metrics):
                return f"{c.metric} = {metrics[c.metric]:g} violates the constraint" + (
                    f" max = {c.max:g}" if c.max is not None and metrics[c.metric] > c.max else f" min = {c.min:g}"
                )
        return ""

    # Bookkeeping

    def _enter(self, trial: Trial) -> Entry:
        wanted = max(CALIBRATION, self.study.settings.seeds) if trial.number == BASELINE else 1
        entry = Entry(trial=trial, wanted=wanted)
        self.entries.append(entry)
        self._open[trial.number] = None
        self._tried.append(self._as_tried(entry))
        self._history.append(trial)
        if trial.verdict is None or trial.verdict.cause != "duplicate":
            self._known.setdefault(_identity(trial.change), trial.number)
        return entry

    def _record(self, number: int, replicate: int, outcome: RunOutcome | None) -> None:
        entry = self.entries[number]
        entry.outcomes += [None] * (replicate + 1 - len(entry.outcomes))
        entry.outcomes[replicate] = outcome
        entry.wanted = max(entry.wanted, replicate + 1)

    def _settle(self, entry: Entry, verdict: Settled) -> Settled:
        numbers = {**verdict.numbers, "runs": float(len(entry.outcomes))}
        verdict = Settled(**{**vars(verdict), "numbers": numbers, "elapsed_s": self.elapsed_s})
        self.study.ledger.settle(entry.trial.number, verdict)
        entry.trial = Trial(number=entry.trial.number, change=entry.trial.change, verdict=verdict)
        self._account(entry)
        return verdict

    def _account(self, entry: Entry) -> None:
        number, verdict = entry.trial.number, entry.trial.verdict
        self._open.pop(number, None)
        self._tried[number] = self._as_tried(entry)
        self._history[number] = entry.trial
        if verdict is not None and verdict.kind == "kept":
            self.incumbent = number
        # The noise is what it was at the verdict, also in a replay that knows of more replicates.
        known = int(verdict.numbers.get("runs", len(entry.outcomes))) if verdict else 0
        if len(scores := self._all_scores(number)[:known]) > 1:
            self.noise.add(scores)


def _identity(change: Change) -> str:
    return f"{change.artifact} {json.dumps(dict(change.params), sort_keys=True)}"


def changed(child: Params, parent: Params) -> dict[str, tuple[object, object]]:
    """The knobs in which two assignments differ: name -> (the parent's value, the child's)."""
    return {name: (parent.get(name), value) for name, value in child.items() if parent.get(name) != value}
