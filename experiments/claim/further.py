"""Further tests that reviewers may ask for: a second search, a tighter constraint, a second task, further draws.

Each is written down before its runs and told beside the claim, which none of them changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from nightlab.experiments.claim.rivals import budget_of, search_again
from nightlab.experiments.claim.sides import OfPair, from_draw, side_by_side, with_params
from nightlab.experiments.claim.statistics.pairing import LEVEL, Rule, effect, pairs, searched
from nightlab.experiments.ledger.documents.claim import Claim, FurtherHindered, FurtherKind, FurtherPlan, FurtherTest
from nightlab.experiments.ledger.documents.rivals import Rival
from nightlab.experiments.ledger.ledger import Run
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.records import BASELINE, Change, Draw, Effect, Params
from nightlab.experiments.search.numeric import SAMPLERS
from nightlab.experiments.study.errors import OtherData
from nightlab.experiments.study.items import ItemStore
from nightlab.experiments.template.template import Template, TemplateError

AGAIN: FurtherKind = "again"
STRESS: FurtherKind = "stress"
SECOND: FurtherKind = "second"
DRAWS: FurtherKind = "draws"
SIDES: Mapping[FurtherKind, tuple[str, str]] = {  # the second one is tested
    AGAIN: (AGAIN, "best"),
    STRESS: ("baseline", STRESS),
    SECOND: ("baseline", "best"),
    DRAWS: ("baseline", "best"),
}
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
    means = {n: {m: fmean(row[m] for row in rows) for m in _common(rows)} for n, rows in by.items() if all(rows)}
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


def _common(rows: Sequence[Mapping[str, float]]) -> set[str]:
    """The metrics that each row has: a judge may give some only where they mean something."""
    return set.intersection(*map(set, rows))


def uncovered(template: Template, claim: Claim, runs: Sequence[Run]) -> bool:
    """Whether further draws of the data would tell what the claim leaves open: it says nothing of other data, which the
    template can lay out; or on one of its draws the best was no better. runs: of the confirmation."""
    if not claim.tested or not template.drawn:
        return False
    if not claim.draws:
        return not claim.items  # else it is one over further items already
    both = pairs(template, runs, "baseline", "best", claim.split)
    return any(after <= before for before, after in zip(both.first, both.second, strict=True))


def search_once_more(loop: Loop) -> FurtherTest | None:
    """Search once more with as many runs and a seed of its own; what that finds meets the best."""
    study, runs = loop.study, budget_of(loop.study.ledger.runs(SEARCH))
    if (claim := study.claim) is None or not _timely(loop, AGAIN, 1, runs + study.confirmations):
        return None
    policy = study.settings.policy if study.settings.policy in SAMPLERS else SURROGATE
    key = study.name_now(AGAIN)
    found = study.ledger.get(Rival, key) or study.ledger.put(search_again(loop, AGAIN, policy, runs), key)
    plan = _planned(loop, claim, AGAIN, params=found.params, policy=policy)
    sides = with_params(study, plan.params), loop.entries[claim.best].trial.change
    return _tested(loop, plan, claim, sides, from_draw(0 if claim.draws else None), seeds="confirm")


def stress(loop: Loop) -> FurtherTest | None:
    """Test the best trial that uses no more of what a constraint bounds than the baseline does."""
    study, claim = loop.study, loop.study.claim
    found = tightened(loop.template, study.ledger.runs(SEARCH), claim.best) if claim else None
    if claim is None or found is None or not _timely(loop, STRESS, 2, study.confirmations):
        return None
    plan = _planned(loop, claim, STRESS, tightened=found)
    sides = loop.entries[BASELINE].trial.change, loop.entries[plan.trial].trial.change
    return _tested(loop, plan, claim, sides, from_draw(3 * claim.draws or None))


def second_task(loop: Loop) -> FurtherTest | None:
    """Test the best against the baseline on the second task that the template names, on a draw of its own for each pair
    where the template redraws."""
    redraws = loop.template.redraws
    return _elsewhere(loop, SECOND, lambda i: Draw(number=i if redraws else 0, second=True))


def further_draws(loop: Loop) -> FurtherTest | None:
    """Test the best against the baseline on further draws of the data, one for each pair where the template redraws and
    one for all where it does not."""
    claim = loop.study.claim
    first = 4 * claim.draws if claim else 0  # behind those of the claim, its replication and a stress test
    return _elsewhere(loop, DRAWS, from_draw(first) if first else lambda _: Draw(number=0))


def _elsewhere(loop: Loop, kind: FurtherKind, of_pair: OfPair) -> FurtherTest | None:
    """Baseline and best on other data, where these can be laid out."""
    study, claim = loop.study, loop.study.claim
    if claim is None or not claim.tested or not _timely(loop, kind, 2, study.confirmations):
        return None
    key, first = study.name_now(kind), of_pair(0)
    assert first is not None
    if (stored := study.ledger.get(FurtherTest, key)) or study.ledger.get(FurtherHindered, key):
        return stored
    hindered = None  # the paper tells it: the study goes on without this test
    try:
        if study.data.same(first):
            hindered = FurtherHindered(why="same data")
    except TemplateError as error:
        hindered = FurtherHindered(why="preparation", error=str(error))
    except OtherData:  # of a draw that an earlier session had laid out
        hindered = FurtherHindered(why="other data")
    if hindered:
        study.ledger.put(hindered, key)
        return None
    plan = _planned(loop, claim, kind)
    sides = loop.entries[BASELINE].trial.change, loop.entries[claim.best].trial.change
    return _tested(loop, plan, claim, sides, of_pair)


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


def _timely(loop: Loop, kind: FurtherKind, variants: int, runs: int) -> bool:
    """Whether there is time for so many runs of each variant."""
    return loop.accounts.budget.seeds(kind, variants, runs) == runs


def _planned(
    loop: Loop,
    claim: Claim,
    kind: FurtherKind,
    *,
    params: Params | None = None,
    policy: str = "",
    tightened: Tightened | None = None,
) -> FurtherPlan:
    """Written down: what is tested, and how."""
    study = loop.study
    plan = FurtherPlan(
        kind=kind,
        split=claim.split,
        pairs=study.confirmations,
        level=LEVEL,
        params=params or {},
        policy=policy,
        **(vars(tightened) if tightened else {}),
    )
    return study.ledger.put(plan, study.name_now(kind))


def _tested(
    loop: Loop, plan: FurtherPlan, claim: Claim, sides: tuple[Change, Change], of_pair: OfPair, *, seeds: str = ""
) -> FurtherTest | None:
    """Both sides side by side. seeds: the purpose of theirs, where it is not the test's own."""
    study, phase = loop.study, loop.study.name_now(plan.kind)
    contenders, of = list(zip(SIDES[plan.kind], sides, strict=True)), study.name_now(seeds or plan.kind)
    shared = plan.kind != SECOND  # the first task's items
    jobs = side_by_side(phase, contenders, plan.split, range(plan.pairs), of_pair, seeds=of, items=shared)
    found = further_effect(loop.template, loop.accounts.all(jobs), plan, claim, searched(study.ledger), study.items)
    if found is None:
        study.ledger.put(FurtherHindered(why="runs"), phase)
        return None
    return study.ledger.put(FurtherTest(**vars(found), plan=plan), phase)
