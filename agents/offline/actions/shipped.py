"""The actions that ship: a longer ablation, a sensitivity analysis, a baseline at equal budget, a replication, and the
further tests beside the claim."""

from __future__ import annotations

from collections.abc import Iterator

from nightlab.agents.actions.action import Action, Judgement
from nightlab.agents.offline import results
from nightlab.agents.offline.actions import further
from nightlab.agents.offline.outcome import plotting
from nightlab.agents.offline.wording import section
from nightlab.agents.team import Brief, StudySubmission
from nightlab.agents.telling.words import listed, many, noun
from nightlab.experiments.claim import rivals
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
    return SENSITIVITY.judged(
        s,
        "soundness",
        met=s.document.section("sensitiv") is not None,
        told="The neighbourhood of the best configuration is measured.",
        lacking="It is not shown how sensitive the result is to the values found.",
        question="How much of the gain remains if each knob is moved a little?",
    )


def _baselines(template: Template) -> dict[str, str]:
    """The baselines that a study of it can run, with what each is."""
    random = {"random": "a random search that has as many runs"} if template.knobs else {}
    known = {rivals.REFERENCE: "the template's reference configuration"} if template.spec.reference else {}
    return random | known


def _other_baselines(e: Evidence) -> str:
    wanted = e.trials[1:] and not e.rivals
    return f"Compare with {listed(list(told.values()))}." if (told := _baselines(e.template)) and wanted else ""


def _compare(loop: Loop) -> str:
    study = loop.study
    plan = study.ledger.get(Preregistration, study.name_now("claim"))
    assert plan is not None
    rivals.find_rivals(loop, plan, tuple(_baselines(loop.template)))
    met = [row.rival.name for row in rivals.meet(loop)]
    ran = any(run.phase == study.name_now(rivals.MEETING) for run in study.ledger.each_run())
    why = "since its runs failed" if ran else "for want of time"
    return f"{plural(len(met), 'baseline')}: {', '.join(met)}" if met else f"no baseline, {why}"


def _compared(b: Brief) -> str:
    told = {
        "random": "had a random search use as many runs as the study's own",
        rivals.REFERENCE: "ran the template's reference configuration",
    }
    met = {row.rival.name for row in b.evidence.rivals}
    done = [told[name] for name in told if name in met]
    ran = [what for name, what in _baselines(b.evidence.template).items() if b.evidence.runs_of(rivals.MEETING, name)]
    if done:
        return f"{listed(done)} ({{ref:rivals}})"
    return f"could not compare {listed(ran)}: too few of its runs came to an end" if ran else "found no time for it"


def _cost_of_baselines(template: Template) -> int:
    """The runs of a random search, where there are knobs, and of the meeting of all with the best."""
    names, budget = _baselines(template), template.spec.budget
    search = budget.trials * budget.seeds if "random" in names else 0
    return search + (1 + len(names)) * template.confirmations if names else 0


def _baseline_judged(s: StudySubmission) -> Iterator[Judgement]:
    """Is there another baseline than the template's default?"""
    return BASELINE.judged(
        s,
        "soundness",
        met=any(id.startswith("rival.") for f in s.document.shown for x in f.sentences for id in x.facts),
        told="Other baselines are compared with the best.",
        lacking="The only baseline is the default; nothing else is compared with the best.",
        question="How much better is the best than other baselines are?",
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


def _replication_section(b: Brief) -> Section | None:
    return section("replication", b, results.replication(b)) if b.evidence.replication else None


def _replication_judged(s: StudySubmission) -> Iterator[Judgement]:
    """Where the interval is wide, was the claim tested again?"""
    return REPLICATION.judged(
        s,
        "soundness",
        met=s.document.section("replicat") is not None,
        told="The claim was tested once more on further runs.",
        lacking="The interval of the effect is wider than the effect is large.",
        question="What do further fresh seeds show?",
        points=UNSURE if s.evidence.improved else -0.25,
    )


REPLICATES = Action(
    name="replicates",
    kind="evidence",
    first_draft=True,
    wanted=_more_seeds,
    run=_ablate_longer,
    cost=_longer,
    answer=_ablation_answer,
    criterion=_ablation_judged,
)
SENSITIVITY = Action(
    name="sensitivity",
    kind="evidence",
    first_draft=True,
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
    wanted=_other_baselines,
    run=_compare,
    cost=_cost_of_baselines,
    answer=_compared,
    criterion=_baseline_judged,
)
REPLICATION = Action(
    name="replication",
    kind="evidence",
    wanted=_more_pairs,
    run=_pairs_again,
    cost=further.as_many_pairs,
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
    *further.TESTS,
)
