"""The further tests beside the claim, as actions: another search, the baseline's bound, another task, further draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from nightlab.agents.actions.action import Action, Judgement
from nightlab.agents.offline import results
from nightlab.agents.offline.wording import section
from nightlab.agents.team import Brief, StudySubmission
from nightlab.experiments.claim import further
from nightlab.experiments.claim.further import AGAIN, DRAWS, SECOND, STRESS
from nightlab.experiments.ledger.documents.claim import FurtherHindered, FurtherKind, FurtherTest
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.template.template import Template
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.manuscript.manuscript import Section

HINDERED = {  # as a clause after "since"
    "preparation": "the preparation of its data failed",
    "same data": "its data are those of the study",
    "other data": "the template's preparation gives other data each time for the same seed",
    "runs": "too few runs of both sides came to an end on the same seeds",
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What is said of a further test. what: its name, after an article. done: what the response says was done, after
    "we". there, lacking: the rubric's words on a paper with it and on one without. question: what is asked then."""

    what: str
    done: str
    there: str
    lacking: str
    question: str


def as_many_runs(template: Template) -> int:
    """The runs of another search at most, and of its comparison."""
    budget = template.spec.budget
    return budget.trials * budget.seeds + 2 * template.confirmations


def as_many_pairs(template: Template) -> int:
    """The runs of a test with as many pairs as the confirmation has."""
    return 2 * template.confirmations


def _no_gain(e: Evidence) -> str:
    wanted = e.template.knobs and not e.edits and e.trials[1:] and not e.improved
    return "Search once more with as many runs and another seed." if wanted else ""


def _costly(e: Evidence) -> str:
    wanted = e.improved and further.tightened(e.template, e.runs, e.best.number)
    return "Test what is gained where no more may be used than the baseline uses." if wanted else ""


def _one_task(e: Evidence) -> str:
    named = e.template.spec.data and e.template.spec.data.second
    return "Test the claim on the template's second task." if named and e.claim.tested else ""


def _one_draw(e: Evidence) -> str:
    wanted = e.improved and further.uncovered(e.template, e.claim, [r for r in e.runs if r.phase == "confirm"])
    return "Test the claim on further draws of the data." if wanted else ""


def _where_bounded(template: Template) -> int:
    return as_many_pairs(template) if any(c.max is not None for c in template.spec.constraint) else 0


def _where_named(template: Template) -> int:
    data = template.spec.data
    return as_many_pairs(template) if data and data.second else 0


def _where_drawn(template: Template) -> int:
    return as_many_pairs(template) if template.drawn else 0


def _test(
    kind: FurtherKind,
    wanted: Callable[[Evidence], str],
    make: Callable[[Loop], FurtherTest | None],
    cost: Callable[[Template], int],
    told: Told,
) -> Action:
    """The action of a further test. wanted: of a study that has neither made it nor was hindered."""

    def lacking(e: Evidence) -> str:
        return "" if e.test(kind) or kind in e.hindered else wanted(e)

    def run(loop: Loop) -> str:
        if make(loop):
            return f"a {told.what}"
        found = loop.study.ledger.get(FurtherHindered, loop.study.name_now(kind))
        why = f"since {HINDERED[found.why]}{found.error and f' ({found.error})'}" if found else "for want of time"
        return f"no {told.what}, {why}"

    def told_of(b: Brief) -> Section | None:
        return section(kind, b, results.further(kind, b)) if b.evidence.test(kind) else None

    def answer(b: Brief) -> str:
        if b.evidence.test(kind):
            return f"{told.done} ({{ref:{kind}}})"
        found = b.evidence.hindered.get(kind)
        return f"could not make this test, since {HINDERED[found.why]}" if found else "found no time for this test"

    def judged(s: StudySubmission) -> Iterator[Judgement]:
        """Was the test made that this study calls for?"""
        met = any(id.startswith(f"{kind}.") for p in s.document.sections for x in p.sentences for id in x.facts)
        yield from action.judged(
            s, "contribution", met=met, told=told.there, lacking=told.lacking, question=told.question
        )

    action = Action(
        name=kind,
        kind="evidence",
        wanted=lacking,
        run=run,
        cost=cost,
        section=told_of,
        answer=answer,
        criterion=judged,
    )
    return action


TESTS = (
    _test(
        AGAIN,
        _no_gain,
        further.search_once_more,
        as_many_runs,
        Told(
            what="second search",
            done="searched once more with as many runs",
            there="A second search with as many runs stands beside the first one.",
            lacking="That nothing better was found rests on one search.",
            question="Does a second search find nothing either?",
        ),
    ),
    _test(
        STRESS,
        _costly,
        further.stress,
        _where_bounded,
        Told(
            what="test at the baseline's bound",
            done="tested what is gained at the baseline's own bound",
            there="It is tested what is gained at the baseline's own bound.",
            lacking="The best configuration uses more of what is bounded than the baseline does.",
            question="Is anything gained where no more may be used than the baseline uses?",
        ),
    ),
    _test(
        SECOND,
        _one_task,
        further.second_task,
        _where_named,
        Told(
            what="test on the second task",
            done="tested the claim on the second task",
            there="The claim is tested on a second task.",
            lacking="There is a second task, on which nothing was tested.",
            question="Does the best configuration gain on the second task?",
        ),
    ),
    _test(
        DRAWS,
        _one_draw,
        further.further_draws,
        _where_drawn,
        Told(
            what="test on further draws of the data",
            done="tested the claim on further draws of the data",
            there="The claim is tested on further draws of the data.",
            lacking="Whether the gain holds on other draws of the data is left open.",
            question="Does the best configuration gain on further draws of the data?",
        ),
    ),
)
