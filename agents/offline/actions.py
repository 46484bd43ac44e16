"""The actions that ship: a longer ablation, a sensitivity analysis, a baseline at equal budget, a replication, a second
search, a tighter constraint, a second task."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from nightlab.agents.actions.action import Action, Judgement
from nightlab.agents.offline import results
from nightlab.agents.offline.outcome import plotting
from nightlab.agents.offline.wording import section
from nightlab.agents.team import Brief, StudySubmission
from nightlab.agents.telling.words import many, noun
from nightlab.experiments.claim import further, rivals
from nightlab.experiments.claim.further import AGAIN, SECOND, STRESS
from nightlab.experiments.claim.parts.ablation import ABLATION_SEEDS, ablate, undecided
from nightlab.experiments.claim.parts.sensitivity import SENSITIVITY_SEEDS, probe_sensitivity
from nightlab.experiments.claim.replication import replicate
from nightlab.experiments.claim.statistics.inference import equal
from nightlab.experiments.ledger.documents.claim import Preregistration
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.numbers import plural
from nightlab.experiments.template.template import Template
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.manuscript.manuscript import Section

UNSURE = -2.0  # points of soundness of a gain that is claimed and not known to its order: not accepted as it is
PARTS = 4  # parts of the best that an ablation may have to take out


def _more_seeds(e: Evidence) -> str:
    open_parts = e.improved and e.ablation and undecided(e.ablation)
    more = open_parts and e.template.confirmations > _most(e)
    return f"Repeat the ablation with all {noun(e)}s of the confirmation." if more else ""


def _most(e: Evidence) -> int:
    return max(row.n for row in e.ablation)


def _ablate_longer(loop: Loop) -> str:
    seeds = loop.study.confirmations
    return f"the ablation of {plural(len(ablate(loop, seeds)), 'component')} with {plural(seeds, 'seed')}"


def _longer(template: Template) -> int:
    return PARTS * max(0, template.confirmations - ABLATION_SEEDS)


def _ablation_answer(b: Brief) -> str:
    seeds = (
        many(b.evidence, "ablation.seeds", noun(b.evidence)) if "ablation.seeds" in b.evidence.facts else "further runs"
    )
    return f"repeated the ablation with {seeds} ({{ref:ablation}})"


def _ablation_judged(s: StudySubmission) -> Iterator[Judgement]:
    """Is it known which change the gain comes from?"""
    if not s.evidence.improved:
        return
    part = s.document.section("ablation")
    if part is None or not any(id.startswith("ablation.") for x in part.sentences for id in x.facts):
        if s.evidence.ablation and part is not None and part.floats:
            yield Judgement(side="soundness", points=0.1, text="Each part that was kept is taken out again.")
        else:
            yield Judgement(side="soundness", points=-0.5, text="There is no ablation of what was kept.")
    elif request := REPLICATES.request(s.evidence):
        yield Judgement(
            side="soundness",
            points=-0.25,
            text="The ablation leaves parts undecided, and there are seeds that it did not use.",
            question="Do more seeds decide on the parts that the ablation leaves open?",
            request=request,
        )
    else:
        yield Judgement(side="soundness", points=0.25, text="The ablation says what each part that was kept is worth.")


def _steps(e: Evidence) -> str:
    wanted = e.improved and e.template.knobs and not e.sensitivity
    return "Move each knob of the best configuration one step either way." if wanted else ""


def _probe(loop: Loop) -> str:
    return f"{len(probe_sensitivity(loop))} neighbours of the best configuration"


def _two_steps(template: Template) -> int:
    return 2 * len(template.knobs) * min(SENSITIVITY_SEEDS, template.confirmations)


def _sensitivity_section(b: Brief) -> Section | None:
    return section("sensitivity", b, results.sensitivity(b)) if b.evidence.sensitivity else None


def _sensitivity_judged(s: StudySubmission) -> Iterator[Judgement]:
    """Is the best configuration a narrow optimum?"""
    if s.document.section("sensitiv"):
        yield Judgement(side="soundness", points=0.25, text="The neighbourhood of the best configuration is measured.")
    elif request := SENSITIVITY.request(s.evidence):
        yield Judgement(
            side="soundness",
            points=-0.25,
            text="It is not shown how sensitive the result is to the values found.",
            question="How much of the gain remains if each knob is moved a little?",
            request=request,
        )


def _other_search(e: Evidence) -> str:
    wanted = e.template.knobs and e.trials[1:] and not e.rivals
    return "Compare with a random search that has as many runs." if wanted else ""


def _search_at_random(loop: Loop) -> str:
    study = loop.study
    plan = study.ledger.get(Preregistration, study.name_now("claim"))
    assert plan is not None
    rivals.find_rivals(loop, plan, ("random",))
    met = rivals.meet(loop)
    return "a random search at equal budget" if met else "no random search, for want of time"


def _as_many_runs(template: Template) -> int:
    budget = template.spec.budget
    return budget.trials * budget.seeds + 2 * template.confirmations


def _baseline_judged(s: StudySubmission) -> Iterator[Judgement]:
    """Is there another baseline than the template's default?"""
    if any(id.startswith("rival.") for f in s.document.shown for x in f.sentences for id in x.facts):
        yield Judgement(side="soundness", points=0.25, text="Other searches had as many runs, and are compared.")
    elif request := BASELINE.request(s.evidence):
        yield Judgement(
            side="soundness",
            points=-0.25,
            text="The only baseline is the default; no other search had as many runs.",
            question="What does a random search find with as many runs?",
            request=request,
        )


def _wide(e: Evidence) -> bool:
    """Whether the interval of the claim is wider than its effect is large."""
    return not equal(e.claim) and e.claim.high - e.claim.low > abs(e.claim.effect)


def _more_pairs(e: Evidence) -> str:
    wanted = e.claim.tested and _wide(e) and not e.replication
    return f"Test the claim once more on further fresh {noun(e)}s." if wanted else ""


def _pairs_again(loop: Loop) -> str:
    found = replicate(loop)
    return "a replication of the claim" if found else "no replication, for want of time"


def _as_many_pairs(template: Template) -> int:
    return 2 * template.confirmations


def _replication_section(b: Brief) -> Section | None:
    return section("replication", b, results.replication(b)) if b.evidence.replication else None


def _replication_judged(s: StudySubmission) -> Iterator[Judgement]:
    """Where the interval is wide, was the claim tested again?"""
    if s.document.section("replicat"):
        yield Judgement(side="soundness", points=0.25, text="The claim was tested once more on further runs.")
    elif request := REPLICATION.request(s.evidence):
        yield Judgement(
            side="soundness",
            points=UNSURE if s.evidence.improved else -0.25,
            text="The interval of the effect is wider than the effect is large.",
            question="What do further fresh seeds show?",
            request=request,
        )


def _no_gain(e: Evidence) -> str:
    fit = e.template.knobs and not e.edits and e.trials[1:]
    wanted = fit and not e.improved and not e.test(AGAIN)
    return "Search once more with as many runs and another seed." if wanted else ""


def _again(loop: Loop) -> str:
    return "a second search" if further.search_once_more(loop) else "no second search, for want of time"


def _costly(e: Evidence) -> str:
    wanted = e.improved and not e.test(STRESS) and further.tightened(e.template, e.runs, e.best.number)
    return "Test what is gained where no more may be used than the baseline uses." if wanted else ""


def _stressed(loop: Loop) -> str:
    return "a test at the baseline's bound" if further.stress(loop) else "no test at a tighter bound"


def _where_bounded(template: Template) -> int:
    return _as_many_pairs(template) if any(c.max is not None for c in template.spec.constraint) else 0


def _where_named(template: Template) -> int:
    data = template.spec.data
    return _as_many_pairs(template) if data and data.second else 0


def _one_task(e: Evidence) -> str:
    named = e.template.spec.data and e.template.spec.data.second
    return "Test the claim on the template's second task." if named and e.claim.tested and not e.test(SECOND) else ""


def _on_the_second(loop: Loop) -> str:
    return "the claim on a second task" if further.second_task(loop) else "no second task, for want of time"


def _further_section(kind: str, b: Brief) -> Section | None:
    return section(kind, b, results.further(kind, b)) if b.evidence.test(kind) else None


def _further_answer(kind: str, done: str, b: Brief) -> str:
    return f"{done} ({{ref:{kind}}})" if b.evidence.test(kind) else "found no time for this test"


def _further_judged(kind: str, s: StudySubmission) -> Iterator[Judgement]:
    """Was the further test made that this study calls for?"""
    there, lacking, question = FURTHER[kind]
    if any(id.startswith(f"{kind}.") for p in s.document.sections for x in p.sentences for id in x.facts):
        yield Judgement(side="contribution", points=0.25, text=there)
    elif request := next(a.request(s.evidence) for a in SHIPPED if a.name == kind):
        yield Judgement(side="contribution", points=-0.25, text=lacking, question=question, request=request)


FURTHER = {  # what is said where it is there, where it is not, and what is asked then
    AGAIN: (
        "A second search with as many runs stands beside the first one.",
        "That nothing better was found rests on one search.",
        "Does a second search find nothing either?",
    ),
    STRESS: (
        "It is tested what is gained at the baseline's own bound.",
        "The best configuration uses more of what is bounded than the baseline does.",
        "Is anything gained where no more may be used than the baseline uses?",
    ),
    SECOND: (
        "The claim is tested on a second task.",
        "There is a second task, on which nothing was tested.",
        "Does the best configuration gain on the second task?",
    ),
}


def _beside(
    kind: str, wanted: Callable[[Evidence], str], run: Callable[[Loop], str], cost: Callable[[Template], int], done: str
) -> Action:
    """The action of a further test beside the claim."""
    return Action(
        name=kind,
        kind="evidence",
        wanted=wanted,
        run=run,
        cost=cost,
        section=partial(_further_section, kind),
        answer=partial(_further_answer, kind, done),
        criterion=partial(_further_judged, kind),
    )


REPLICATES = Action(
    name="replicates",
    kind="evidence",
    wanted=_more_seeds,
    run=_ablate_longer,
    cost=_longer,
    answer=_ablation_answer,
    criterion=_ablation_judged,
)
SENSITIVITY = Action(
    name="sensitivity",
    kind="evidence",
    wanted=_steps,
    run=_probe,
    cost=_two_steps,
    figures=plotting.sensitivity,
    section=_sensitivity_section,
    answer=lambda _: "measured how sensitive the best configuration is to each knob ({ref:sensitivity})",
    criterion=_sensitivity_judged,
)
BASELINE = Action(
    name="baseline",
    kind="evidence",
    wanted=_other_search,
    run=_search_at_random,
    cost=_as_many_runs,
    answer=lambda b: (
        "had a random search use as many runs as the study's own ({ref:rivals})"
        if b.evidence.rivals
        else "found no time for another search"
    ),
    criterion=_baseline_judged,
)
REPLICATION = Action(
    name="replication",
    kind="evidence",
    wanted=_more_pairs,
    run=_pairs_again,
    cost=_as_many_pairs,
    section=_replication_section,
    answer=lambda b: (
        "tested the claim once more on {fact:replication.n} further pairs of runs ({ref:replication})"
        if b.evidence.replication
        else "found no time for further pairs of runs"
    ),
    criterion=_replication_judged,
)
SHIPPED = (
    REPLICATES,
    SENSITIVITY,
    BASELINE,
    REPLICATION,
    _beside(AGAIN, _no_gain, _again, _as_many_runs, "searched once more with as many runs"),
    _beside(STRESS, _costly, _stressed, _where_bounded, "tested what is gained at the baseline's own bound"),
    _beside(SECOND, _one_task, _on_the_second, _where_named, "tested the claim on the second task"),
)
