"""The ledger's rows: the chain, their order, and that none lacks what belongs to it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from nightlab.experiments.claim.further import SIDES
from nightlab.experiments.claim.replication import PHASE
from nightlab.experiments.claim.rivals import MEETING
from nightlab.experiments.ledger.documents.claim import (
    OPENING,
    REFUSED,
    Claim,
    FurtherPlan,
    HoldoutOpening,
    Preregistration,
    ReplicationPlan,
)
from nightlab.experiments.ledger.documents.rivals import RivalPlan
from nightlab.experiments.ledger.documents.search import SEARCHED
from nightlab.experiments.ledger.kinds import in_extension, kind_of
from nightlab.experiments.ledger.ledger import Ledger, Run, Trial
from nightlab.experiments.ledger.trial_scores import SEARCH
from nightlab.experiments.numbers import plural
from nightlab.experiments.study.study import Study
from nightlab.papers.audit.finding import Finding

PLANNED = (*SIDES, PHASE, MEETING)  # phases of runs that stand beside the claim


def chain(ledger: Ledger) -> Iterator[Finding]:
    """What is wrong with the hash chain; a ledger that is older than its chain has a warning for want of one."""
    for told in ledger.faults():
        yield Finding("chain", "ledger", told)
    if ledger.head() is None:
        yield Finding("chain", "ledger", "an early version wrote it, without a hash chain", "warning")


def anchored(ledger: Ledger, known: str) -> Iterator[Finding]:
    """Whether the ledger has a link whose hash is known from elsewhere; what was written after it is told."""
    links = list(ledger.links())
    place = next((link.number for link in links if link.hash == known), None)
    if place is None:
        yield Finding("head", "ledger", f"no link has the hash {known}: these are other rows than those it was of")
    elif later := links[place:]:
        told = f"this head does not vouch for the {plural(len(later), 'row')} written after it"
        yield Finding("head", f"link {place}", told, "warning")


def order(study: Study) -> Iterator[Finding]:
    """Each plan before its runs, the preregistration also before its search, and the holdout opened once and before it
    was looked at."""
    ledger = study.ledger
    place = {(link.table, link.key): link.number for link in ledger.links()}
    runs, trials = list(ledger.each_run()), ledger.trials()
    plans = ledger.all(Preregistration)
    for key in ledger.all(Claim).keys() - plans.keys():
        yield Finding("preregistration", key, "a claim that nothing was written down for before it was tested")
    known = [in_extension("claim", n) for n in range(study.extensions + 1)]
    for key in plans.keys() - {*known}:
        yield Finding("preregistration", key, "what was to be tested by an extension that the study does not have")
    for n, key in enumerate(known):
        if not (plan := ledger.linked(Preregistration, key)):
            continue
        first = [("trials", f"[{t.number}]") for t in trials[1:2]] if not n else []
        after = [("runs", f"[{r.id}]") for r in runs if r.phase == in_extension("confirm", n)]
        yield from _before("preregistration", key, plan.number, (*first, *after), place)
    yield from _beside(ledger, runs, place)
    yield from _holdout(study, runs, place)


Places = Mapping[tuple[str, str], int]  # the numbers of links by table and row


def _beside(ledger: Ledger, runs: Iterable[Run], place: Places) -> Iterator[Finding]:
    """The plans of what stands beside the claim, whose runs have the plan's key as their phase."""
    planned = set[str]()
    for shape in (FurtherPlan, ReplicationPlan, RivalPlan):
        for key in ledger.all(shape):
            planned.add(key)
            if plan := ledger.linked(shape, key):
                after = [("runs", f"[{r.id}]") for r in runs if r.phase == key]
                yield from _before("plan", key, plan.number, after, place)
    for phase in {r.phase for r in runs} - planned:
        if re.fullmatch(rf"({'|'.join(PLANNED)})( \d+)?", phase):
            yield Finding("plan", phase, "runs that nothing was written down for before them")


def _before(kind: str, key: str, plan: int, after: Iterable[tuple[str, str]], place: Places) -> Iterator[Finding]:
    """Rows that stand before the plan that they must follow."""
    for table, row in after:
        if place.get((table, row), plan) < plan:
            yield Finding(kind, key, f"the row {table} {row} was written before what was to be tested")


def _holdout(study: Study, runs: Iterable[Run], place: Places) -> Iterator[Finding]:
    openings = study.ledger.all(HoldoutOpening)
    for key in openings:
        if key != OPENING and not key.startswith(REFUSED):
            yield Finding("holdout", key, "an opening of the holdout beside the one that there may be")
    plans = study.ledger.all(Preregistration).values()
    if any(plan.draws for plan in plans):
        return  # each draw has a holdout of its own
    opened = place.get(("documents", f'["{kind_of(HoldoutOpening).name}","{OPENING}"]'))
    for run in runs:
        if run.outcome is None or "holdout" not in run.outcome.metrics:
            continue
        if run.phase in SEARCHED:
            yield Finding("holdout", f"run {run.id}", "a run of the search was scored on the holdout")
        elif OPENING not in openings:
            yield Finding("holdout", f"run {run.id}", "it was scored on the holdout, which was never opened")
        elif opened and place.get(("outcomes", f"[{run.id}]"), opened) < opened:
            yield Finding("holdout", f"run {run.id}", "it was scored on the holdout before that was opened")


def completeness(study: Study) -> Iterator[Finding]:
    """Numbers without gaps; of a finished study a verdict for each trial, an outcome for each run."""
    ledger = study.ledger
    runs, trials = list(ledger.each_run()), ledger.trials()
    for what, numbers, start in (
        ("trial", [t.number for t in trials], 0),
        ("run", [r.id for r in runs], 1),
        ("event", [e.number for e in ledger.events()], 1),
    ):
        gone = set(range(start, start + len(numbers))) - set(numbers)
        yield from (Finding("missing", f"{what} {number}", "its row is gone") for number in sorted(gone))
    ran = Counter(run.subject for run in runs if run.phase == SEARCH and run.outcome)
    for trial in trials:
        yield from _of_trial(trial, ran[str(trial.number)], finished=study.finished)
    if study.finished:
        yield from (Finding("missing", f"run {r.id}", "it has no outcome") for r in runs if r.outcome is None)


def _of_trial(trial: Trial, ran: int, *, finished: bool) -> Iterator[Finding]:
    where = f"trial {trial.number}"
    if trial.verdict is None:
        if finished:
            yield Finding("missing", where, "it has no verdict, though the study is finished")
    elif ran < (trial.verdict.runs or 0) or (trial.verdict.kind in ("kept", "reverted") and not ran):
        yield Finding("missing", where, f"its verdict rests on {trial.verdict.runs} runs, of which {ran} are there")
