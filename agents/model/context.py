"""What a language model is told of a study: bounded texts, the same from call to call, so that prompt caches hit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from nightlab.agents.actions.registry import possible
from nightlab.agents.model.prose import Rules
from nightlab.agents.offline import results
from nightlab.agents.team import Idea
from nightlab.agents.telling.words import claimed_on
from nightlab.experiments.claim.scope import withheld
from nightlab.experiments.claim.statistics.inference import equal, exact, untested
from nightlab.experiments.records import Fact
from nightlab.experiments.template.template import Template
from nightlab.papers.audit.audit import names_of
from nightlab.papers.audit.ground import ground, of_study
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.facts.registry import meaning
from nightlab.papers.frames.frames import sayings
from nightlab.papers.frames.record import record
from nightlab.papers.frames.words import Phrasings
from nightlab.papers.literature.literature import Reference
from nightlab.papers.manuscript.manuscript import Manuscript

MOST_FACTS = 15
MOST_FRAMES = 16
MOST_REFERENCES = 8


def task(template: Template) -> str:
    """What the template is about."""
    spec = template.spec
    aim = "lower" if spec.objective.direction == "minimize" else "higher"
    description = " ".join(spec.template.description.split())[:700]
    return f"{spec.template.title}. {description} Metric: {template.metric_label} ({aim} is better)."


def outcome(e: Evidence) -> str:
    """What the confirmation says, on which data, and what must be known to read it right, in words."""
    first = f"Before the study was extended: {_found(e.first)}" if e.first else ""
    return " ".join(filter(None, [_found(e), first, *e.notes.values()]))


def _found(e: Evidence) -> str:
    tested = f"the confirmation, on {claimed_on(e)}, found"
    if why := withheld(e.claim):
        return f"NEGATIVE RESULT: {tested} an improvement that cannot be claimed, since {why}."
    if equal(e.claim):
        verdict = "an improvement" if e.improved else "NEGATIVE RESULT: no improvement"
        told = (
            "exact, since all runs are the same on every seed"
            if exact(e.claim)
            else "and all observed differences are equal, so their spread cannot be estimated"
        )
        return f"{tested.capitalize()} {verdict} over the baseline, {told}."
    return {
        "improved": f"{tested.capitalize()} a significant improvement over the baseline.",
        "unclear": f"NEGATIVE RESULT: {tested} no significant improvement over the baseline.",
        "none": f"NEGATIVE RESULT, without a test: {untested(e.claim)}.",
    }[results.kind(e)]


def facts(e: Evidence) -> list[tuple[str, str, str]]:
    """The facts that a text is likely to need: id, text, meaning."""
    split = e.claim.split
    wanted = [f"claim.{x}" for x in ("effect", *(() if equal(e.claim) else ("low", "high", "p")), "n", "relative")]
    wanted += [f"{who}.{split}.{x}" for who in ("baseline", "best") for x in ("mean", "stderr")]
    if e.first:
        wanted.append("earlier.0.claim.effect")
    wanted += [f"search.{x}" for x in ("trials", "kept", "reverted", "failed")]
    wanted += [f"ablation.{r.key}.effect" for r in sorted(e.ablation, key=lambda r: -r.effect)[:3]]
    wanted += [id for id in e.facts if re.fullmatch(r"importance\.\w+", id)][:2]
    known = [e.facts[id] for id in wanted if id in e.facts]
    return [(f.id, f.text, meaning(f)[:60]) for f in known[:MOST_FACTS]]


def references(found: Sequence[Reference], strategies: Sequence[str]) -> list[tuple[str, str]]:
    """The references nearest to the strategies: key, title."""
    near = sorted(found, key=lambda r: not set(r.keywords) & set(strategies))
    return [(r.key, r.title[:90]) for r in near[:MOST_REFERENCES]]


def rules(
    template: Template, found: Sequence[Reference], e: Evidence | None = None, manuscript: Manuscript | None = None
) -> Rules:
    """What prose about the study may say: before the experiments no frame is there."""
    names = names_of(template)
    leans = of_study(e, found, manuscript) if e else ground(template, found)
    return Rules(ground=leans, frames=sayings(record(e)) if e else {}, names=names)


def frames(e: Evidence, known: Mapping[str, Phrasings]) -> list[tuple[str, str]]:
    """The frames that a text is likely to need: name, and what it says here."""
    split, fitness = e.claim.split, e.template.fitness_label.replace("_", " ")
    first = ("claim", "test", "interval", "relative", "search", "kept", "confirmed", "moved", "parts")
    wanted = [*first, f"compare {fitness} {split}", *(n for n in known if n.startswith(("part ", "compare ")))]
    wanted += [*(n for n in known if n.startswith("importance "))][:2]
    found = [n for n in dict.fromkeys(wanted) if n in known][:MOST_FRAMES]
    return [(n, _clipped(readable(known[n][0], e.facts))) for n in found]


def _clipped(text: str, most: int = 150) -> str:
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " ..."


def idea_told(idea: Idea) -> str:
    return f"Question: {idea.question[:300]} Hypothesis: {idea.hypothesis[:300]}"


def experiments(e: Evidence) -> dict[str, str]:
    """The experiments that may still be asked for, by action."""
    return {name: request.text for name, request in possible(e).items() if request.kind == "evidence"}


def readable(source: str, facts: Mapping[str, Fact]) -> str:
    """A text of a manuscript as its reader sees it: numbers in their places, no floats, citations by key."""
    text = re.sub(r"^\{float:[^}]*\}$", "", source, flags=re.MULTILINE)
    text = re.sub(r"\{fact:([^{}\s]+)\}", lambda m: facts[m[1]].text if m[1] in facts else "?", text)
    text = re.sub(r"\{(?:cite|ref):([^{}]+)\}", r"[\1]", text)
    return " ".join(re.sub(r"\\([\\`*$" + r"{}])", r"\1", text).split())
