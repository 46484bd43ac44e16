"""The actions that ship: a longer ablation, a sensitivity analysis, and a section on how the study is repeated."""

from __future__ import annotations

from collections.abc import Iterator

from nightlab.agents.actions import Action, Judgement, possible, register
from nightlab.agents.offline import analysis, results
from nightlab.agents.offline.writing import HEADINGS, text
from nightlab.agents.team import Brief, StudySubmission
from nightlab.agents.telling.words import many, noun
from nightlab.experiments.claim.parts.ablation import ABLATION_SEEDS, ablate
from nightlab.experiments.claim.parts.sensitivity import SENSITIVITY_SEEDS, probe_sensitivity
from nightlab.experiments.loop.loop import Loop
from nightlab.experiments.numbers import plural
from nightlab.experiments.template.template import Template
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.manuscript.manuscript import Section

PARTS = 4  # parts of the best that an ablation may have to take out


def _more_seeds(e: Evidence) -> str:
    seeds = e.template.confirmations
    open_parts = e.improved and e.ablation and results.undecided(e)
    return f"Repeat the ablation with {plural(seeds, noun(e))}." if open_parts and seeds > _most(e) else ""


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
    e = s.evidence
    if not e.improved:
        return
    if not e.ablation:
        yield Judgement(side="soundness", points=-0.5, text="There is no ablation of what was kept.")
    elif not (open_parts := results.undecided(e)):
        yield Judgement(side="soundness", points=0.25, text="The ablation decides on every part that was kept.")
    elif request := possible(e).get("replicates"):
        yield Judgement(
            side="soundness",
            points=-0.25,
            text=f"The ablation leaves {len(open_parts)} of {plural(len(e.ablation), 'part')} undecided.",
            question="Do more seeds decide on the parts that the ablation leaves open?",
            request=request,
        )
    else:
        text = "The ablation uses all confirmation seeds and names the parts that it cannot decide on."
        yield Judgement(side="soundness", points=0.1, text=text)


def _steps(e: Evidence) -> str:
    wanted = e.improved and e.template.knobs and not e.sensitivity
    return "Move each knob of the best configuration one step either way." if wanted else ""


def _probe(loop: Loop) -> str:
    return f"{len(probe_sensitivity(loop))} neighbours of the best configuration"


def _two_steps(template: Template) -> int:
    return 2 * len(template.knobs) * min(SENSITIVITY_SEEDS, template.confirmations)


def _sensitivity_section(b: Brief) -> Section | None:
    return _section("sensitivity", b) if b.evidence.sensitivity else None


def _sensitivity_judged(s: StudySubmission) -> Iterator[Judgement]:
    """Is the best configuration a narrow optimum?"""
    if s.evidence.improved and s.evidence.template.knobs and s.evidence.sensitivity:
        text = "The neighbourhood of the best configuration is measured."
        yield Judgement(side="soundness", points=0.5, text=text)
    elif request := possible(s.evidence).get("sensitivity"):
        yield Judgement(
            side="soundness",
            points=-0.25,
            text="It is not shown how sensitive the result is to the values found.",
            question="How much of the gain remains if each knob is moved a little?",
            request=request,
        )


def _reproduction_section(b: Brief) -> Section | None:
    return _section("reproduction", b) if any(r.action == "reproduction" for r in b.requests) else None


def _reproduction_judged(s: StudySubmission) -> Iterator[Judgement]:
    """Is it said how a reader repeats the study?"""
    if request := possible(s.evidence, s.manuscript).get("reproduction"):
        yield Judgement(
            side="presentation",
            points=-0.25,
            text="The paper does not say how a reader repeats the study.",
            question="What does a reader need to repeat the study?",
            request=request,
        )
    else:
        yield Judgement(side="presentation", points=0.25, text="The paper says how the study is repeated.")


def _section(name: str, b: Brief) -> Section:
    return Section(name, HEADINGS[name], text(name, b))


register(
    Action(
        name="replicates",
        kind="evidence",
        wanted=_more_seeds,
        run=_ablate_longer,
        cost=_longer,
        answer=_ablation_answer,
        criterion=_ablation_judged,
    )
)
register(
    Action(
        name="sensitivity",
        kind="evidence",
        wanted=_steps,
        run=_probe,
        cost=_two_steps,
        figures=analysis.sensitivity,
        section=_sensitivity_section,
        answer=lambda _: "measured how sensitive the best configuration is to each knob ({ref:sensitivity})",
        criterion=_sensitivity_judged,
    )
)
register(
    Action(
        name="reproduction",
        kind="text",
        wanted=lambda _: "Add how the study is repeated.",
        section=_reproduction_section,
        answer=lambda _: "say how the study is repeated ({ref:reproduction})",
        criterion=_reproduction_judged,
    )
)
