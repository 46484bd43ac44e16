"""What an experiment came to, read from the ledger alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from nightlab.experiments.claim.caveats import notes
from nightlab.experiments.claim.inference import summarize
from nightlab.experiments.loop.fidelity import cost
from nightlab.experiments.loop.loop import BASELINE
from nightlab.experiments.search.diversity import diversity
from nightlab.experiments.study.sessions import worked_s
from nightlab.experiments.study.study import Study


def experiment_summary(study: Study) -> dict[str, Any]:
    """Counts, baseline, best and claim. baseline and best are on the claim's fresh seeds once it is tested, else on
    the search's; values have the objective's own direction."""
    ledger, template = study.ledger, study.template
    trials, runs = ledger.trials(), study.current(ledger.runs())
    kinds = [t.verdict.kind for t in trials if t.verdict and t.number != BASELINE]
    claim, before = ledger.document("claim", study.era("claim")), study.earlier("claim")
    kept = [t for t in trials if t.verdict and t.verdict.kind == "kept"]
    last = max(kept, key=lambda t: t.verdict.elapsed_s if t.verdict else 0.0, default=None)
    best = claim["best"] if claim else last.number if last else BASELINE

    def values(phase: str, subject: str, split: str) -> list[float]:
        good = [
            r.outcome
            for r in runs
            if (r.phase, r.subject) == (phase, subject) and r.outcome is not None and r.outcome.status == "ok"
        ]
        return [template.fitness(dict(o.metrics[split])) for o in good]  # type: ignore[index]

    def measured(number: int, name: str) -> dict[str, float | int] | None:
        confirmed = values("confirm", name if number != BASELINE else "baseline", claim["split"]) if claim else []
        if not (found := confirmed or values("search", str(number), "dev")):
            return None
        s = summarize(found)
        return {"mean": s.mean, "stderr": s.stderr, "n": s.n}

    baseline, winner = measured(BASELINE, "baseline"), measured(best, "best")
    return {
        "study": str(study.folder),
        "template": template.name,
        "trials": len(kinds),
        "kept": kinds.count("kept"),
        "reverted": kinds.count("reverted"),
        "failed": kinds.count("failed"),
        "failed_by": dict(Counter(t.verdict.cause for t in trials if t.verdict and t.verdict.kind == "failed")),
        "runs": sum(r.outcome is not None for r in runs),
        "baseline": baseline,
        "best": {"trial": best, **winner, "params": dict(trials[best].change.params)} if winner else None,
        "claim": _claim(claim),
        **({"earlier_claims": [_claim(ledger.document("claim", key)) for key in before]} if before else {}),
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


def _claim(claim: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if claim is None or not claim["tested"]:
        return None
    return {
        "effect": claim["effect"],
        "ci95": [claim["low"], claim["high"]],
        "p_value": claim["p_value"],
        "significant": claim["significant"],
        "split": claim["split"],
        "n": claim["n"],
    }
