"""Further tests that reviewers may ask for: a second search, a tighter constraint, a second task.

Each is written down before its runs and told beside the claim, which none of them changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from nightlab.experiments.claim.rivals import budget_of, search_again
from nightlab.experiments.claim.statistics.pairing import LEVEL, Rule, effect, searched
from nightlab.experiments.ledger.documents.claim import Claim, FurtherPlan, FurtherTest
from nightlab.experiments.ledger.documents.rivals import Rival
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.loop.run_accounts import Job
from nightlab.experiments.records import BASELINE, Change, Draw, Effect, Split
from nightlab.experiments.search.numeric import SAMPLERS
from nightlab.experiments.study.items import ItemStore
from nightlab.experiments.template.template import Template

AGAIN, STRESS, SECOND = "again", "stress", "second"
SIDES = {AGAIN: (AGAIN, "best"), STRESS: ("baseline", STRESS), SECOND: ("baseline", "best")}  # the second one is tested
SURROGATE = "gp"  # what searches again where the study's own policy is no sampler
MORE = 0.01  # of the baseline's value by which the best must use more of what a constraint bounds


@dataclass(frozen=True, kw_only=True)
class Tightened:
    """A constraint at the baseline's own value, which the best does not keep to, and the best trial that does."""

    metric: str
    bound: float
    trial: int


def tightened(template: Template, runs: Sequence[Run], best: int) -> Tightened | None:
    """The first upper bound under which the best trial used more than the baseline, and a better trial that did not.

    runs: of the search. None where there is no such bound or no such trial.
    """
    by: dict[int, list[dict[str, float]]] = {}
    for run in runs:
        if run.phase == SEARCH and run.outcome:
            good = run.outcome.status == "ok"
            by.setdefault(int(run.subject), []).append(dict(run.outcome.metrics["dev"]) if good else {})
    means = {n: {m: fmean(row[m] for row in rows) for m in rows[0]} for n, rows in by.items() if all(rows)}
    if not {BASELINE, best} <= means.keys():
        return None
    for c in (c for c in template.spec.constraint if c.max is not None and c.metric != template.metric):
        bound = means[BASELINE][c.metric]
        if means[best][c.metric] <= bound + MORE * abs(bound):
            continue
        worth = {n: template.sign * template.fitness(row) for n, row in means.items() if row[c.metric] <= bound}
        if (leader := max(worth, key=lambda n: worth[n])) != BASELINE:
            return Tightened(metric=c.metric, bound=bound, trial=leader)
    return None


def search_once_more(loop: Loop) -> FurtherTest | None:
    """Search once more with as many runs and a seed of its own; what that finds meets the best."""
    study, runs = loop.study, budget_of(loop.study.ledger.runs(SEARCH))
    if (claim := study.claim) is None or not _timely(loop, AGAIN, 1, runs + study.confirmations):
        return None
    policy = study.settings.policy if study.settings.policy in SAMPLERS else SURROGATE
    key = study.name_now(AGAIN)
    found = study.ledger.get(Rival, key) or study.ledger.put(search_again(loop, AGAIN, policy, runs), key)
    plan = _planned(loop, claim, AGAIN, params=found.params, policy=policy)
    best = loop.entries[claim.best].trial.change
    other = Change(
        strategy="baseline",
        hypothesis="What a second search finds.",
        params=plan.params,
        artifact=study.baseline_artifact,
        parent=BASELINE,
        proposer="baseline",
    )
    return _tested(loop, plan, claim, other, best, seeds="confirm", first=0)


def stress(loop: Loop) -> FurtherTest | None:
    """Test the best trial that uses no more of what a constraint bounds than the baseline does."""
    study, claim = loop.study, loop.study.claim
    found = tightened(loop.template, study.ledger.runs(SEARCH), claim.best) if claim else None
    if claim is None or found is None or not _timely(loop, STRESS, 2, study.confirmations):
        return None
    plan = _planned(loop, claim, STRESS, **vars(found))
    before, after = loop.entries[BASELINE].trial.change, loop.entries[plan.trial].trial.change
    return _tested(loop, plan, claim, before, after, seeds=STRESS, first=2 * claim.draws)


def second_task(loop: Loop) -> FurtherTest | None:
    """Test the best against the baseline on the second task that the template names."""
    study, claim = loop.study, loop.study.claim
    if claim is None or not claim.tested or not _timely(loop, SECOND, 2, study.confirmations):
        return None
    plan = _planned(loop, claim, SECOND)
    before, after = loop.entries[BASELINE].trial.change, loop.entries[claim.best].trial.change
    return _tested(loop, plan, claim, before, after, seeds=SECOND, first=0)


def further_effect(
    template: Template,
    runs: Sequence[Run],
    plan: FurtherPlan,
    claim: Claim,
    before: Sequence[Run],
    items: ItemStore | None,
) -> Effect | None:
    """What a further test's runs show. before: the baseline's runs that the search had."""
    one, other = SIDES[plan.kind]
    if plan.kind == SECOND:  # whose items and whose spread are its own
        before, items = (), None
    return effect(template, runs, one, other, plan.split, Rule.of(claim).of_parts, before=before, items=items)


def _timely(loop: Loop, kind: str, variants: int, runs: int) -> bool:
    """Whether there is time for so many runs of each variant."""
    return loop.accounts.budget.seeds(kind, variants, runs) == runs


def _planned(loop: Loop, claim: Claim, kind: str, **more: object) -> FurtherPlan:
    study = loop.study
    plan = FurtherPlan(kind=kind, split=claim.split, pairs=study.confirmations, level=LEVEL, **more)  # type: ignore[arg-type]
    return study.ledger.put(plan, study.name_now(kind))


def _tested(
    loop: Loop, plan: FurtherPlan, claim: Claim, one: Change, other: Change, *, seeds: str, first: int
) -> FurtherTest | None:
    """Both sides side by side, each first in turn. first: number of the first draw, where the claim is over draws."""
    study, names = loop.study, SIDES[plan.kind]
    splits: tuple[Split, ...] = ("dev", "holdout") if plan.split == "holdout" else ("dev",)

    def draw(i: int) -> Draw | None:
        if plan.kind == SECOND:
            return Draw(number=0, second=True)
        return Draw(number=first + i) if claim.draws else None

    jobs = [
        Job(
            phase=study.name_now(plan.kind),
            subject=name,
            replicate=i,
            change=change,
            seeds=study.name_now(seeds),
            splits=splits,
            items=plan.kind != SECOND,
            draw=draw(i),
        )
        for i in range(plan.pairs)
        for name, change in list(zip(names, (one, other), strict=True))[:: 1 if i % 2 else -1]
    ]
    found = further_effect(loop.template, loop.accounts.all(jobs), plan, claim, searched(study.ledger), study.items)
    return study.ledger.put(FurtherTest(**vars(found), plan=plan), study.name_now(plan.kind)) if found else None
