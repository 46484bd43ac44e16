"""What the sections on method and set-up say of how the study was made."""

from __future__ import annotations

from typing import Any

from nightlab.agents.offline.outcome import hypothesis
from nightlab.agents.team import Brief
from nightlab.agents.telling.disclosure import is_model, shown
from nightlab.agents.telling.words import words
from nightlab.experiments.claim.statistics.inference import equal, exact
from nightlab.experiments.template.contract import Constraint
from nightlab.papers.manuscript.markup import literal


def method(b: Brief) -> dict[str, Any]:
    """The loop, the objective, the verdicts, what watched the search, the selection and the confirmation."""
    e, t = b.evidence, b.evidence.template
    constraints = t.spec.constraint
    proposers = sorted({shown(t.change.proposer) for t in e.trials} - {"baseline"})
    return {
        "aside": bool(e.facts["search.aside"].value),
        "samplers": [f"`{name}`" for name in proposers if not is_model(name)],
        "models": [f"`{name}`" for name in proposers if is_model(name)],
        "strategies": [words(s) for s in e.idea_strategies],
        "unreached": not {k.strategy for k in t.knobs} <= {*e.idea_strategies},
        "plain_metric": words(t.metric_label),
        "minimize": t.spec.objective.direction == "minimize",
        "bounds": [_bound(*named) for named in zip(t.constraint_keys, constraints, strict=True)],
        "hard": any(c.hard for c in constraints),
        "listed_only": any(c.hard and c.penalty for c in constraints),  # a penalty that nothing kept can pay
        "fined": [words(c.metric) for c in constraints if c.penalty] if t.penalised else [],
        "interleaved": t.interleaved,
        "search_draws": "setting.search_draws" in e.facts,
        "notices": "overseer.notices" in e.facts,
        "gap": "overseer.gap" in e.facts,
        "single": exact(e.claim) and all(len(e.runs_of("search", str(t.number))) < 2 for t in e.trials[1:]),
        "equal_parts": all(map(equal, e.ablation)),
        "watched": any(run.subject == "watch" for run in e.runs),
        "asked": {kind for part in hypothesis.asked(b) for kind in part.by.split()[:1]},
        "ways": any(part.way for part in hypothesis.asked(b)),
        "sealed": (e.first or e).claim.split == "holdout",
    }


def _bound(name: str, c: Constraint) -> str:
    parts = []
    if c.max is not None:
        parts.append(f"at most {{fact:constraint.{name}.max}}")
    if c.min is not None:
        parts.append(f"at least {{fact:constraint.{name}.min}}")
    return f"{words(c.metric)} {' and '.join(parts)}"


def _quoted(text: str) -> str:
    return literal(" ".join(text.split()))


def setup(b: Brief) -> dict[str, Any]:
    e, data = b.evidence, b.evidence.template.spec.data
    cited = f" {{cite:{data.cite}}}" if data and any(r.key == data.cite for r in b.references) else ""
    return {
        "data_set": f"*{literal(data.name)}*{cited}" if data and data.name else "",
        "sizes": [f"{{fact:data.{told.replace(' ', '_')}}} {told}" for told in e.sizes],
        "told": _quoted(" ".join(data.told)) if data else "",
        "described": _quoted(e.template.spec.template.method),
        "evaluated": bool(e.template.spec.evaluate.judge),
        "called": bool(e.template.spec.evaluate.interactive),
        "shared": "Shared data" in e.notes,
        "failed": bool(e.facts["search.failed"].value),
    }
