"""Rivals: searches by other methods with as many runs as the study's own had, and the template's reference
configuration. What they come to meets the best on the confirmation's seeds or draws, and no claim rests on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import takewhile

from nightlab.experiments.claim.selection import rungs_within, select
from nightlab.experiments.claim.sides import from_draw, side_by_side, with_params
from nightlab.experiments.claim.statistics.inference import holm
from nightlab.experiments.claim.statistics.pairing import LEVEL, Rule, effect, searched
from nightlab.experiments.ledger.documents.claim import Claim, Preregistration
from nightlab.experiments.ledger.documents.rivals import Rival, RivalEffect, RivalPlan, RivalProposal
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.run_accounts import Job
from nightlab.experiments.records import BASELINE, Effect
from nightlab.experiments.search.numeric import SAMPLERS
from nightlab.experiments.search.policy import Exhausted, Policy, Tried
from nightlab.experiments.search.registry import make_policy
from nightlab.experiments.study.settings import Settings, SettingsError
from nightlab.experiments.template.template import Template

REFERENCE, BEST = "reference", "best"  # a rival that does not search, and the subject that all of them meet
MEETING = "rivals"  # the phase of it
TEST = "paired with the best, Holm-corrected over the rivals; it describes, and no claim rests on it"


def refuse_unknown(template: Template, settings: Settings, *, edits: bool) -> None:
    """Raises SettingsError for a rival that this template cannot have. edits: whether code is changed, and constants of
    it are no knobs."""
    for name in settings.rivals:
        if name not in (*SAMPLERS, REFERENCE):
            known = ", ".join((*SAMPLERS, REFERENCE))
            raise SettingsError(f"baselines: no baseline is called {name!r}; there are {known}")
        if name == REFERENCE and template.spec.reference is None:
            raise SettingsError(f"baselines: template {template.name!r} has no [reference], so leave reference out")
        if name in SAMPLERS and edits and not template.knobs:
            raise SettingsError(f"baselines: {name} moves knobs, and template {template.name!r} declares none")


def search_again(loop: Loop, name: str, policy: str, runs: int) -> Rival:
    """A search by a policy under a name of its own, whose seed it has, with so many runs."""
    return _Search(loop, name, policy).run(runs)


def budget_of(runs: Sequence[Run]) -> int:
    """The runs of the search and the selection, without the baseline's, which every rival knows."""
    return sum(run.phase == SEARCH and run.subject != str(BASELINE) for run in runs)


def find_rivals(loop: Loop, plan: Preregistration, names: Sequence[str]) -> RivalPlan | None:
    """Have each rival search on dev, and fix, before any of them meets the best, which ones do and how.

    names: those of the settings before the holdout is opened, or those that are asked for after the claim was tested.
    """
    study = loop.study
    if not names:
        return None
    key = study.name_now("rivals")
    if stored := study.ledger.get(RivalPlan, key):
        return stored
    found = tuple(name for name in names if _found(loop, name))
    fixed = RivalPlan(rivals=found, split=plan.split, pairs=study.confirmations, level=LEVEL, test=TEST)
    return study.ledger.put(fixed, key)


def meet(loop: Loop) -> list[RivalEffect]:
    """How much better the claim's best is than each rival, on the confirmation's seeds or draws."""
    study, claim = loop.study, loop.study.claim
    plan = study.ledger.get(RivalPlan, study.name_now("rivals"))
    if plan is None or claim is None:
        return []
    rivals = {name: rival for name in plan.rivals if (rival := study.ledger.get(Rival, study.name_now(name)))}
    runs = loop.accounts.all(_meetings(loop, claim, rivals, plan))
    rule, before = Rule.of(claim).of_parts, searched(study.ledger)
    effects = dict[str, Effect]()
    for name in rivals:
        lost = effect(study.template, runs, name, BEST, plan.split, rule, before=before, items=study.items)
        if lost:  # one that fails on all seeds shows nothing
            effects[name] = lost
    corrected = holm([found.p_value for found in effects.values()])
    rows = []
    for (name, found), p in zip(effects.items(), corrected, strict=True):
        row = RivalEffect(**{**vars(found), "significant": p < plan.level}, rival=rivals[name], p_holm=p)
        rows.append(study.ledger.put(row, name, extension=study.extensions))
    return rows


def _meetings(loop: Loop, claim: Claim, rivals: dict[str, Rival], plan: RivalPlan) -> list[Job]:
    """Best and rivals side by side; what the confirmation ran of the best is taken over."""
    study, best = loop.study, loop.entries[claim.best].trial.change
    sides = [(BEST, best), *((name, with_params(study, rival.params)) for name, rival in rivals.items())]
    pairs, of_pair = range(plan.pairs if rivals else 0), from_draw(0 if claim.draws else None)
    phase, seeds = study.name_now(MEETING), study.name_now("confirm")
    return side_by_side(phase, sides, plan.split, pairs, of_pair, seeds=seeds)


def _found(loop: Loop, name: str) -> Rival | None:
    """What a rival came to; None where the hours do not allow it as many runs as the search had."""
    study = loop.study
    if stored := study.ledger.get(Rival, study.name_now(name)):
        return stored
    runs = budget_of(study.ledger.runs(SEARCH)) if name != REFERENCE else 0
    wanted = runs + study.confirmations
    if loop.accounts.budget.seeds(f"baseline {name}", 1, wanted) < wanted:
        return None
    reference = Rival(name=name, params=study.template.reference)
    found = reference if name == REFERENCE else _Search(loop, name).run(runs)
    return study.ledger.put(found, study.name_now(name))


class _Search:
    """The search of a rival: a run for each proposal, and as many for its selection as the study's had."""

    def __init__(self, loop: Loop, name: str, policy: str = "") -> None:
        self.loop, self.study, self.name, self.policy = loop, loop.study, name, policy or name
        self.phase = self.study.name_now(f"rival-{name}")
        self.proposals = [RivalProposal(params=loop.template.defaults)]  # the baseline, whose runs are known
        self.outcomes = [{i: o for i, o in enumerate(loop.entries[BASELINE].outcomes) if o}]  # by replicate

    def run(self, runs: int) -> Rival:
        """Spend so many runs."""
        verdicts = [t.verdict for t in self.loop.history()[1:]]  # which know of no run of the selection
        self._propose(min(runs, sum(v.runs or 0 for v in verdicts if v)))
        proposed = len(self.proposals) - 1
        number = self._selected(runs - proposed)
        return Rival(name=self.name, number=number, params=self.proposals[number].params, proposed=proposed)

    def _propose(self, count: int) -> None:
        """In batches, one proposal for each slot, so that what is proposed hangs on no run's speed."""
        template, seed = self.loop.template, self.study.seeds.of(f"rival {self.name}", 0)
        policy = make_policy(self.policy, knobs=template.knobs, strategies=template.strategies, seed=seed)
        tried = [self.loop.tried()[BASELINE]]
        with suppress(Exhausted):
            while len(tried) <= count:
                batch = range(len(tried), min(count, len(tried) - 1 + self.loop.accounts.runner.workers) + 1)
                for number in batch:
                    self.proposals.append(self._proposal(policy, tried, number))
                    self.outcomes.append({})
                    tried.append(self._tried(number))
                self._run(dict.fromkeys(batch, 1))
                tried[batch.start :] = map(self._tried, batch)
        self._run(dict.fromkeys(range(1, len(self.proposals)), 1))  # also those before the space was exhausted

    def _proposal(self, policy: Policy, tried: Sequence[Tried], number: int) -> RivalProposal:
        key = self.study.name_now(f"{self.name}/{number}")
        if stored := self.study.ledger.get(RivalProposal, key):
            return stored
        return self.study.ledger.put(RivalProposal(params=policy.propose(tried, number).params), key)

    def _tried(self, number: int) -> Tried:
        """A proposal as its policy sees it."""
        outcome, score = self.outcomes[number].get(0), self._scores(number, constrained=False)
        return Tried(
            number=number,
            parent=BASELINE,
            strategy="joint",
            params=self.proposals[number].params,
            verdict=None if outcome is None else "reverted" if score else "failed",
            score=score[0] if score else None,
            replicates=len(score),
            artifact=self.study.baseline_artifact,
        )

    def _scores(self, number: int, *, constrained: bool = True) -> list[float]:
        """Of its replicates in their order; none where one failed or, if that counts, violates a hard constraint."""
        outcomes, template = self.outcomes[number], self.loop.template
        known = [o for _, o in takewhile(lambda pair: pair[0] in outcomes, sorted(outcomes.items()))]
        if any(o.status != "ok" for o in known):
            return []
        if constrained and number != BASELINE and any(template.violated(dict(o.metrics["dev"])) for o in known):
            return []
        return [self.loop.score(o) for o in known]

    def _selected(self, runs: int) -> int:
        """The proposal that the study's own rule of selection chooses; the baseline where none leads it."""
        effect, known = self.loop.template.spec.objective.min_effect, len(self.outcomes[BASELINE])
        eligible = sum(bool(self._scores(n)) for n in range(1, len(self.proposals)))
        rungs = rungs_within(runs, eligible, known)
        while True:
            groups = [self._scores(n) for n in range(len(self.proposals))]
            found = select(groups, self.loop.noise, searched=1, min_effect=effect, rungs=rungs)
            if not isinstance(found, dict):
                return found
            self._run(found)

    def _run(self, wanted: Mapping[int, int]) -> None:
        """Run proposals until each has as many replicates as it wants, by number."""
        jobs = [
            Job(
                phase=self.phase,
                subject=f"{self.name}-{number}",
                replicate=i,
                change=with_params(self.study, self.proposals[number].params),
                draw=self.study.data.search_draw(i),
            )
            for i in range(max(wanted.values(), default=0))
            for number, count in sorted(wanted.items())
            if i < count and i not in self.outcomes[number]
        ]
        for run in self.loop.accounts.all(jobs):
            if run.outcome:
                self.outcomes[int(run.subject.rpartition("-")[2])][run.replicate] = run.outcome
