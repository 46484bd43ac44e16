"""The best beside baselines that had as many runs as the search, and beside what others have published."""

from __future__ import annotations

from typing import Any

from nightlab.agents.offline.wording import caption
from nightlab.agents.team import Brief
from nightlab.agents.telling.words import words
from nightlab.experiments.claim.rivals import MEETING, REFERENCE
from nightlab.experiments.claim.sides import splits
from nightlab.experiments.claim.statistics.constraints import broken
from nightlab.experiments.claim.statistics.inference import equal, exact, holm
from nightlab.experiments.claim.statistics.pairing import LEVEL
from nightlab.experiments.ledger.documents.rivals import RivalEffect
from nightlab.experiments.search.numeric import SAMPLERS
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.manuscript.manuscript import Table
from nightlab.papers.manuscript.markup import literal
from nightlab.papers.manuscript.tables import NONE, code, interval, mark, plus_minus


def table(e: Evidence) -> Table | None:
    """The best and its rivals. e: with their facts."""
    if not e.rivals:
        return None
    split, best = e.claim.split, "Best configuration" if e.best.number else "Baseline"
    first = (best, mark("rival.best.runs"), _mean(e, f"rival.best.{split}"), NONE, NONE, NONE)
    return Table(
        "rivals",
        caption("rivals", e, searched=any(r.rival.name != REFERENCE for r in e.rivals), sure=all(map(exact, e.rivals))),
        ("Configuration", "Runs", words(e.template.fitness_label).capitalize(), "Worse by", "Interval", "p"),
        (first, *(_row(e, each) for each in e.rivals)),
        "Xrrrrr",
    )


def _row(e: Evidence, found: RivalEffect) -> tuple[str, ...]:
    name = found.rival.name
    key = f"rival.{name}"
    sure = ("exact" if exact(found) else "all equal") if equal(found) else interval(f"{key}.low", f"{key}.high")
    return (
        _named(e, name),
        NONE if name == REFERENCE else mark(f"runs.rival-{name}"),
        _mean(e, f"{key}.{e.claim.split}"),
        mark(f"{key}.effect"),
        sure,
        mark(None if equal(found) else f"{key}.p"),
    )


def _named(e: Evidence, name: str) -> str:
    if name == REFERENCE and e.template.spec.reference:
        return code(e.template.spec.reference.name)
    return f"{SAMPLERS[name].name} search"


def _mean(e: Evidence, key: str) -> str:
    return plus_minus(f"{key}.mean", f"{key}.stderr" if e.facts[f"{key}.stderr"].value else None)


def ahead(e: Evidence) -> list[str]:
    """In words, the baselines that are better than what the study found: within the hard constraints, by more than the
    smallest effect worth keeping, and by the test after the correction for their number."""
    least = e.preregistration.min_effect
    worse = holm([1 - r.p_value for r in e.rivals])  # that the best is; one-sided, over all rivals
    better = (
        r.rival.name
        for r, p in zip(e.rivals, worse, strict=True)
        if r.high < 0 and -r.effect > least and (exact(r) or (not equal(r) and p < LEVEL))
        if not broken(e.template, e.runs_of(MEETING, r.rival.name), splits(e.claim.split))
    )
    return [
        "the template's reference configuration"
        if name == REFERENCE
        else f"what a {SAMPLERS[name].name} search found with as many runs"
        for name in better
    ]


def context(b: Brief) -> dict[str, Any]:
    """What the results say of rivals, and of a value that was published."""
    e, spec = b.evidence, b.evidence.template.spec
    works = {r.key: f"*{literal(r.title)}* {{cite:{r.key}}}" for r in b.references}
    names = {each.rival.name for each in e.rivals}
    return {
        "rivals": bool(names),
        "rivals_ahead": ahead(e),
        "rivals_late": not e.settings.rivals,
        "rivals_search": bool(names - {REFERENCE}),
        "reference": works.get(spec.reference.cite, "") if spec.reference and REFERENCE in names else "",
        "published": works.get(spec.published.cite, "") if spec.published else "",
        "published_metric": words(spec.published.metric) if spec.published else "",
    }
