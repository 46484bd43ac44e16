"""The overseer: sees from the ledger that a search stagnates, wastes its budget or is being gamed, and acts by rule.

It reads settled trials in the order of their verdicts, each once, so that a resumed study comes to the same notices.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from nightlab.experiments.first_seen import FirstSeen
from nightlab.experiments.ledger.documents.search import Action, Concern, Notice
from nightlab.experiments.ledger.ledger import Trial
from nightlab.experiments.records import Effect, RunOutcome
from nightlab.experiments.template.command import named
from nightlab.experiments.template.contract import Constraint
from nightlab.experiments.template.template import Template

STAGNANT = 12  # trials without a kept change; each further dozen is told again, up to MOST_TOLD times
MOST_TOLD = 3
ALIKE = 6  # trials that fail alike from the first one on: nothing that is proposed will run; or unusable ones in a row
UNUSABLE = "proposal"  # the cause of a trial whose proposal could not be used, so that nothing of it ran
PARK_AFTER, PARKED = 4, 20  # failures in a row of one strategy; trials for which it is not proposed
WASTED = {
    "duplicate": "repeated an earlier trial",
    "timeout": "ran into the time limit",
    UNUSABLE: "had a proposal that could not be used",
}
WINDOW = 20  # latest trials among which waste is counted
SLOWER = 3.0  # times the incumbent's run time, above which a gain is told with its price
NOTABLE_S = 1.0  # run time, in seconds, below which nobody asks for its price
UNREAD = 3  # first trials that all have the baseline's metrics, seed by seed: their parameters seem to be unread
CARRIED = 4000  # bytes that files have beyond the baseline's before it is told, compressed: some 250 lines of code
AGAIN = 4  # further replicates of a suspicious trial before it may be kept


@dataclass
class Overseer:
    """Watches the trials of one study. Each costs the same time, however many there were."""

    template: Template
    strategies: Sequence[str] = ()
    added: Callable[[str, str], int] = lambda artifact, base: 0  # bytes, compressed, of one's files  # noqa: ARG005
    notices: list[Notice] = field(default_factory=list)
    stop: str = ""  # why the search must end; empty while it may go on
    _since_kept: int = 0
    _seen: int = 0
    _failures: Counter[str] = field(default_factory=Counter)  # in a row, by strategy
    _parked: dict[str, int] = field(default_factory=dict)  # strategy -> the trial count at which it may come back
    _alike: str | None = None  # how every trial so far has failed; empty once one did not
    _failed_alike: int = 0
    _unusable: int = 0  # proposals in a row that could not be used
    _recent: deque[str] = field(default_factory=lambda: deque(maxlen=WINDOW))  # how each wasted its budget, if it did
    _same: int | None = 0  # trials so far, if each has the baseline's metrics, seed by seed
    _artifact: str = ""  # the baseline's files
    _carried: int = 0  # bytes beyond the baseline's files that were told
    _results: FirstSeen = field(default_factory=FirstSeen)  # the first trial with each metrics of a first replicate

    def parked(self) -> frozenset[str]:
        """Strategies that are not to be proposed now; never all of them."""
        resting = frozenset(s for s, until in self._parked.items() if self._seen < until)
        return resting if set(self.strategies) - resting else frozenset()

    def watch(self, trial: Trial, outcomes: Sequence[RunOutcome], incumbent: Sequence[RunOutcome]) -> list[Notice]:
        """Take in a settled trial with its runs and those of the incumbent that it met; what there is to tell."""
        verdict = trial.verdict
        if verdict is None or verdict.kind == "baseline":
            self._artifact = trial.change.artifact
            return []
        self._seen += 1
        known = len(self.notices)
        self._stagnation(trial)
        self._waste(trial, outcomes)
        self._failing(trial)
        self._unread(trial, outcomes, incumbent)
        if verdict.kind == "kept":
            self._price(trial, outcomes, incumbent)
            self._growth(trial)
            if verdict.suspected:
                told = "was kept only after further runs, as all its runs had given the same metrics"
                self._tell(trial, "gaming", f"Trial {trial.number} {told}.", "run again")
        return self.notices[known:]

    def _tell(
        self, trial: Trial, concern: Concern, sentence: str, action: Action, *, about: str = "", strategy: str = ""
    ) -> None:
        key = f"{trial.number}/{concern}" + (f"/{about}" if about else "")
        self.notices.append(
            Notice(key=key, concern=concern, trial=trial.number, sentence=sentence, action=action, strategy=strategy)
        )

    def _stagnation(self, trial: Trial) -> None:
        kept = trial.verdict is not None and trial.verdict.kind == "kept"
        self._since_kept = 0 if kept else self._since_kept + 1
        times, rest = divmod(self._since_kept, STAGNANT)
        if times and not rest and times <= MOST_TOLD:
            sentence = f"No change was kept in the last {self._since_kept} trials; the search widens."
            self._tell(trial, "stagnation", sentence, "widen")

    def _waste(self, trial: Trial, outcomes: Sequence[RunOutcome]) -> None:
        """Half of the latest trials spent in one useless way."""
        cause = trial.verdict.cause if trial.verdict else ""
        how = WASTED.get(cause, "")
        if not how and outcomes and outcomes[0].status == "ok":
            first = self._results.add(_fingerprint(outcomes[0]), trial.number)
            how = "" if first == trial.number else "changed nothing in the result"
        self._recent.append(how)
        if how and (count := self._recent.count(how)) >= WINDOW // 2:
            sentence = f"{count} of the last {len(self._recent)} trials {how}."
            self._tell(trial, "waste", sentence, "report", about="use")
            self._recent.clear()

    def _unread(self, trial: Trial, outcomes: Sequence[RunOutcome], incumbent: Sequence[RunOutcome]) -> None:
        """Whether no parameter has had an effect yet; as long as this holds, the incumbent is the baseline."""
        good = [o for o in outcomes if o.status == "ok"]
        if self._same is None or not good or trial.change.artifact != self._artifact:
            return
        self._same = self._same + 1 if same(self.template, good, incumbent) else None
        if self._same == UNREAD:
            self._tell(trial, "waste", unread(self.template), "report", about="unread")

    def _failing(self, trial: Trial) -> None:
        verdict, strategy = trial.verdict, trial.change.strategy
        if verdict is not None and verdict.cause == UNUSABLE:
            self._unusable += 1
            if self._unusable == ALIKE:
                self._end(trial, f"the last {ALIKE} proposals could not be used; of the latest: {verdict.reason}")
            return
        self._unusable = 0
        if verdict is None or verdict.kind != "failed":
            self._failures[strategy], self._alike = 0, ""
            return
        if verdict.cause == "duplicate":  # it costs nothing and says nothing about the next one
            return
        alike = f"{verdict.cause}: {verdict.reason}"
        self._alike = alike if self._alike in (None, alike) else ""
        self._failed_alike += 1
        self._failures[strategy] += 1
        if self._alike and self._failed_alike == ALIKE:
            self._end(trial, f"the first {ALIKE} trials all failed alike ({alike}); mend the template or the proposals")
        elif self._failures[strategy] >= PARK_AFTER and strategy in self.strategies and len(self.strategies) > 1:
            self._failures[strategy] = 0
            self._parked[strategy] = self._seen + PARKED
            sentence = f"The last {PARK_AFTER} trials of {strategy} failed; it rests for {PARKED} trials."
            self._tell(trial, "waste", sentence, "park", about="failing", strategy=strategy)

    def _end(self, trial: Trial, why: str) -> None:
        self.stop = why
        self._tell(trial, "waste", f"The search ends: {why.rstrip('.')}.", "stop", about="alike")

    def _growth(self, trial: Trial) -> None:
        """Whether the code of a kept change may hold answers that were found elsewhere, which no evaluator sees."""
        if (carried := self.added(trial.change.artifact, self._artifact)) - self._carried > CARRIED:
            self._carried = carried
            told = f"and its files have {carried / 1000:.1f} kB that the baseline's have not, compressed"
            sentence = f"Trial {trial.number} is better, {told}: see whether answers are among them."
            self._tell(trial, "gaming", sentence, "report", about="carried")

    def _price(self, trial: Trial, outcomes: Sequence[RunOutcome], incumbent: Sequence[RunOutcome]) -> None:
        """What a gain was bought with: run time, or a constraint that only costs a penalty."""
        ours, theirs = _mean_wall(outcomes), _mean_wall(incumbent)
        if theirs and ours > max(NOTABLE_S, SLOWER * theirs):
            sentence = f"Trial {trial.number} is better, and its runs take {ours / theirs:.1f} times as long."
            self._tell(trial, "gaming", sentence, "report", about="time")
        for c, name in zip(self.template.spec.constraint, self.template.constraint_keys, strict=True):
            now, before = _worst(c, outcomes), _worst(c, incumbent)
            if not c.hard and now > before:
                sentence = f"Trial {trial.number} is better, and violates the constraint on {c.metric} by {now:g}"
                self._tell(trial, "gaming", f"{sentence} instead of {before:g}.", "report", about=name)


def suspicious(outcomes: Sequence[RunOutcome], baseline: Sequence[RunOutcome]) -> bool:
    """Whether a trial that is about to be kept is to be run again first.

    A verified evaluator gives equal metrics to equal outputs: where no two runs of the baseline are equal, runs of
    different seeds that all are equal were copied or do not measure anything.
    """
    differing = len({_fingerprint(o) for o in baseline}) == len(baseline) > 1
    return differing and len(outcomes) > 1 and len({_fingerprint(o) for o in outcomes}) == 1


def same(template: Template, outcomes: Sequence[RunOutcome], others: Sequence[RunOutcome]) -> bool:
    """Whether runs on the same seeds, of which there are some, agree in all that counts."""
    pairs = list(zip(outcomes, others, strict=False))
    return bool(pairs) and all(_dev(a).get(name) == _dev(b).get(name) for a, b in pairs for name in template.counting)


def unread(template: Template) -> str:
    """What is told where no parameter has had an effect, and what to do."""
    told = (
        "The parameters seem to be unread, or without effect: the runs of the trials have the objective and the"
        " constraints of the baseline's, seed by seed."
    )
    if template.spec.run.command is None:
        return f"{told} See whether the experiment uses the params that it is given."
    given = {name for word in template.spec.run.command for name in named(word)}
    given |= {name for name, k in template.spec.search.space.items() if k.env or k.key or k.constant}
    if any(knob.name in given for knob in template.knobs):
        return f"{told} See whether the program uses the arguments that it gets."
    return (
        f"{told} No word of the command holds a knob: write its name in braces where the program expects the value, or"
        " have the program read the JSON file that NIGHTLAB_PARAMS names."
    )


def gap(dev: Effect, holdout: Effect) -> str:
    """A sentence where the gain on dev did not carry over to the holdout: their intervals lie apart; else empty."""
    if dev.low <= holdout.high or dev.effect <= holdout.effect:
        return ""
    return (
        f"The gain of {dev.effect:.4g} on dev is {holdout.effect:.4g} on the holdout, and their intervals lie"
        " apart: unless the splits differ in scale, what was found is in part particular to dev."
    )


def _dev(outcome: RunOutcome) -> Mapping[str, float]:
    return outcome.metrics.get("dev", {})


def _fingerprint(outcome: RunOutcome) -> int:
    return hash(tuple(sorted(_dev(outcome).items())))


def _worst(constraint: Constraint, outcomes: Sequence[RunOutcome]) -> float:
    return max((constraint.violation(_dev(o)[constraint.metric]) for o in outcomes if o.status == "ok"), default=0.0)


def _mean_wall(outcomes: Sequence[RunOutcome]) -> float:
    walls = [o.wall_s for o in outcomes if o.status == "ok" and o.wall_s]  # one out of the cache took no time
    return sum(walls) / len(walls) if walls else 0.0
