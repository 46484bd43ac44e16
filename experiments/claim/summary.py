"""What an experiment came to, read from the ledger and from what the study's folder holds of its data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nightlab.experiments.claim.caveats import notes
from nightlab.experiments.claim.scope import population, withheld
from nightlab.experiments.claim.statistics import inference
from nightlab.experiments.ledger.documents.claim import Claim, Precedents
from nightlab.experiments.ledger.ledger import Run, Trial, by_verdict
from nightlab.experiments.ledger.trial_scores import trial_scores
from nightlab.experiments.loop.fidelity import cost
from nightlab.experiments.records import BASELINE, Split
from nightlab.experiments.search.diversity import diversity
from nightlab.experiments.study.sessions import worked_s
from nightlab.experiments.study.study import Study
from nightlab.experiments.template.template import Template


def experiment_summary(study: Study) -> dict[str, Any]:
    """Counts, baseline, best and claim, in the form of `experiment --json`.

    baseline, best: on the fresh seeds and the split of the claim as soon as there is one, and until then on the seeds
    of the search's verdicts; in the objective's own direction.
    """
    ledger, template = study.ledger, study.template
    trials, runs = ledger.trials(), study.current(ledger.runs())
    claim, before = study.claim, study.earlier_claims
    best = claim.best if claim else _incumbent(trials)
    winner = _measured(study, runs, best, "best", claim)
    return {
        "study": str(study.folder),
        "template": template.name,
        **_counts(trials),
        "runs": sum(r.outcome is not None for r in runs),
        "baseline": _measured(study, runs, BASELINE, "baseline", claim),
        "best": {"trial": best, **winner, "params": dict(trials[best].change.params)} if winner else None,
        "claim": _claim(claim, template),
        **({"earlier_claims": [_claim(each, template) for each in before]} if before else {}),
        "precedents": asdict(study.ledger.get(Precedents) or Precedents()),
        "notes": list(notes(study).values()),
        "trust": template.trust,
        "isolation": min((r.outcome.level for r in runs if r.outcome), default=None),
        "wall_s": round(worked_s(ledger), 1),
        "busy_s": round(sum(r.outcome.wall_s for r in runs if r.outcome), 1),
        "workers": study.settings.workers,
        "seed": study.settings.seed,
        "key": study.settings.key,
        **({"fidelity": cost(ledger, table)} if (table := template.spec.fidelity) else {}),
        "diversity": {k: round(v, 4) for k, v in diversity([t.change for t in trials], template.knobs).items()},
    }


def _incumbent(trials: Sequence[Trial]) -> int:
    return next((t.number for t in reversed(by_verdict(trials)) if t.verdict and t.verdict.kind == "kept"), BASELINE)


def _counts(trials: Sequence[Trial]) -> dict[str, Any]:
    """Settled trials without the baseline, by their verdicts."""
    verdicts = [t.verdict for t in trials if t.verdict and t.number != BASELINE]
    kinds = [v.kind for v in verdicts]
    return {
        "trials": len(kinds),
        **{kind: kinds.count(kind) for kind in ("kept", "reverted", "failed")},
        "failed_by": dict(Counter(v.cause for v in verdicts if v.kind == "failed")),
    }


def _measured(
    study: Study, runs: Sequence[Run], trial: int, subject: str, claim: Claim | None
) -> dict[str, float | int] | None:
    """The trial's fitness. subject: its name in the confirmation."""
    found = _confirmed(study, runs, "baseline" if trial == BASELINE else subject, claim.split) if claim else []
    if not found:
        own = (r for r in runs if r.subject == str(trial))
        found = list(trial_scores(study.template, own, study.settings.seeds).values())
    if not found:
        return None
    s = inference.summarize(found)
    return {"mean": s.mean, "stderr": s.stderr, "n": s.n}


def _confirmed(study: Study, runs: Sequence[Run], subject: str, split: Split) -> list[float]:
    own = (r.outcome for r in runs if (r.phase, r.subject) == ("confirm", subject))
    return [study.template.fitness(dict(o.metrics[split])) for o in own if o is not None and o.status == "ok"]


def _claim(claim: Claim | None, template: Template) -> dict[str, Any] | None:
    if claim is None or not claim.tested:
        return None
    seen = claim.reliability
    return {
        "effect": claim.effect,
        "ci95": list(inference.interval(claim, claim.coverage, inference.COVERAGE)),
        "interval": [claim.low, claim.high],
        "coverage": claim.coverage,
        "p_value": claim.p_value,
        "significant": claim.significant,
        "split": claim.split,
        "n": claim.n,
        "test": claim.test,
        "estimand": claim.estimand,
        "population": population(claim, timed=template.interleaved, problem=template.exact),
        "items": claim.items,
        "draws": claim.draws,
        "level": claim.level,
        "bound": claim.bound,
        "worst": None if seen is None or seen.worst is None else template.sign * seen.worst,
        "failed": seen and seen.failed,
        "not_excluded": seen and seen.not_excluded,
        "withheld": withheld(claim),
    }
