"""What a search knows of its trials. All of it stands in the ledger: a new one over the same ledger knows the same."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import blake2b

from nightlab.experiments.first_seen import FirstSeen
from nightlab.experiments.ledger.documents.search import ProposalRefused
from nightlab.experiments.ledger.events import Note, TrialSettled
from nightlab.experiments.ledger.ledger import Settled, Trial
from nightlab.experiments.ledger.trial_cache import Entry, History, TrialCache
from nightlab.experiments.ledger.trial_scores import mean
from nightlab.experiments.loop.decision import Noise
from nightlab.experiments.loop.fidelity import Rungs
from nightlab.experiments.loop.overseer import UNUSABLE, Overseer
from nightlab.experiments.loop.run_accounts import RunAccounts
from nightlab.experiments.records import BASELINE, Change, RunOutcome
from nightlab.experiments.search.policy import Tried
from nightlab.experiments.template.artifact.artifact import added
from nightlab.experiments.template.template import Template


class SearchState:
    """The trials of one study with their verdicts, the incumbent and the noise. All scores are fitness with the sign
    that makes larger better."""

    def __init__(self, accounts: RunAccounts) -> None:
        self.accounts = accounts
        self.study = accounts.study
        self.entries = TrialCache(self.study.ledger)
        self.incumbent = BASELINE
        self.noise = Noise()
        read = self.study.artifacts.read
        self.overseer = Overseer(
            self.template, self.template.strategies, lambda one, base: added(read(one), read(base))
        )
        self.rungs = Rungs(self.template.spec.fidelity, self.study.ledger)
        self._known = FirstSeen()  # the first trial with each change, by its identity
        self._open: dict[int, None] = {}  # in the order of the claims
        self._tried: list[Tried] = []
        self._verdicts = 0
        self._history = History(self.entries, self.study.ledger)
        self._started = time.monotonic()
        self._elapsed_before = 0.0
        self._replay()

    def _replay(self) -> None:
        """Take in what the ledger has."""
        settled = []
        for found in self.entries:  # each is read before it is entered
            entry = self.enter(found.trial)
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
            self.settle_unrun(number, refused.reason if refused else "")

    @property
    def template(self) -> Template:
        """The study's, whose trust its first runs may change."""
        return self.study.template

    @property
    def elapsed_s(self) -> float:
        """Working time over all sessions of the study, in seconds; it never goes back."""
        return max(self.accounts.budget.elapsed_s, self._elapsed_before + time.monotonic() - self._started)

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
        return Tried(
            number=trial.number,
            parent=trial.change.parent,
            strategy=trial.change.strategy,
            params=trial.change.params,
            artifact=trial.change.artifact,
            verdict=trial.verdict.kind if trial.verdict else None,
            score=self._score_for_search(trial, scores),
            replicates=len(scores),
            order=self._verdicts if trial.verdict else 0,
        )

    def _score_for_search(self, trial: Trial, scores: Sequence[float]) -> float | None:
        """None for a trial that failed or runs."""
        if trial.verdict is None or trial.verdict.kind == "failed":
            return None
        score = mean(scores)
        return self._foreseen(trial) if score is None else score

    def _foreseen(self, trial: Trial) -> float | None:
        """The full score to be expected of a trial that was ended early; only the search sees it."""
        rung = self.rungs.next(trial.number)
        outcome = self.rungs.outcome(trial.number)
        return None if rung is None or outcome is None else self.rungs.foreseen(rung, self.score(outcome))

    def full(self, number: int) -> bool:
        """Whether the trial's runs are full ones: it passed every cheaper level, or there is none."""
        return self.rungs.next(number) is None

    def compared(self, entry: Entry) -> tuple[list[float], list[float]]:
        """Scores of a trial and of the incumbent, pair by pair: on the same seeds, and a timing at the same time."""
        number = entry.trial.number
        if not entry.paired:
            return self.scores(number), self.scores(self.incumbent)
        pairs = [(o, p) for o, p in zip(entry.outcomes, entry.partners, strict=False) if o and p and p.status == "ok"]
        return [self.score(o) for o, _ in pairs], [self.score(p) for _, p in pairs]

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

    # Settling

    def settle_unrun(self, number: int, refused: str) -> bool:
        """Settle a trial of which nothing is to run: a refused proposal, or a duplicate. False where it is neither."""
        entry = self.entries[number]
        if refused:
            self.settle(entry, Settled(kind="failed", cause=UNUSABLE, reason=refused))
            return True
        twin = self._known.add(_identity(entry.trial.change), number)
        if twin == number:
            return False
        reason = f"the same files and parameters as trial {twin}"
        self.settle(entry, Settled(kind="failed", cause="duplicate", reason=reason, twin=twin))
        return True

    def enter(self, trial: Trial) -> Entry:
        entry = Entry(trial=trial, wanted=1, paired=self.template.interleaved and trial.number != BASELINE)
        self.entries.open(entry)
        self._open[trial.number] = None
        self._tried.append(self._as_tried(entry))
        if trial.verdict is None or trial.verdict.cause != "duplicate":
            self._known.add(_identity(trial.change), trial.number)
        return entry

    def record(self, number: int, replicate: int, outcome: RunOutcome | None, *, beside: bool = False) -> None:
        if entry := self.entries.at_work(number):
            entry.record(replicate, outcome, beside=beside)

    def settle(self, entry: Entry, verdict: Settled) -> Settled:
        met = len(self.scores(self.incumbent)) if verdict.kind == "kept" else None  # more may come later
        verdict = replace(verdict, runs=len(entry.outcomes), met=met, elapsed_s=self.elapsed_s)
        self.study.ledger.settle(entry.trial.number, verdict, self._announcement(entry, verdict))
        entry.trial = Trial(number=entry.trial.number, change=entry.trial.change, verdict=verdict)
        self._account(entry)
        return verdict

    def _announcement(self, entry: Entry, verdict: Settled) -> TrialSettled:
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
            difference=verdict.difference,
            threshold=verdict.threshold,
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
            met = met[: verdict.met]
            self.incumbent = number
        # The noise is what it was at the verdict, also in a replay that knows of more replicates.
        outcomes = entry.outcomes[: verdict.runs] if verdict else []
        for notice in self.overseer.watch(entry.trial, [o for o in outcomes if o is not None], met):
            self.study.ledger.put(notice, notice.key, Note(note=notice.sentence))
        scores = self._scores(entry, len(outcomes))
        if len(scores) > 1:
            self.noise.add(scores)
        if scores and self.full(number):
            for rung, outcome in self.rungs.climbed(number).items():
                self.rungs.learn(rung, sum(scores) / len(scores) - self.score(outcome))
        for settled in {number, rival} - {BASELINE, self.incumbent}:
            self.entries.close(settled)


def _identity(change: Change) -> int:
    """Equal for changes to the same files and parameters."""
    text = f"{change.artifact} {json.dumps(dict(change.params), sort_keys=True)}"
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")
