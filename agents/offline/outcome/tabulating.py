"""The tables of the offline analyst: cells are facts and names."""

from __future__ import annotations

from nightlab.agents.offline.outcome import finalists, groups, recipe, rivals
from nightlab.agents.offline.wording import caption
from nightlab.agents.telling.disclosure import is_model
from nightlab.agents.telling.disclosure import shown as name_of
from nightlab.agents.telling.words import listed, words
from nightlab.experiments.claim.statistics.inference import equal, exact
from nightlab.experiments.ledger.documents.claim import AblatedPart, Claim
from nightlab.experiments.ledger.ledger import Trial
from nightlab.experiments.records import Effect
from nightlab.papers.facts.evidence import Evidence
from nightlab.papers.manuscript.manuscript import Table
from nightlab.papers.manuscript.tables import NONE, code, interval, mark, plus_minus, spaced

LISTED = 80  # trials at most in a table of the paper


def tables(e: Evidence) -> tuple[Table, ...]:
    found = [_main(e), _all_trials(e)]
    if e.template.knobs:
        found.append(recipe.knobs(e))
    if any(t.verdict and t.verdict.kind == "kept" for t in e.trials) or e.best.number:
        found.append(recipe.kept(e))
    if e.best.number:
        found.append(recipe.table(e))
    found += [table for table in (finalists.table(e), groups.table(e), rivals.table(e)) if table]
    if e.ablation:
        found.append(_ablation(e))
    if e.earlier:
        found.append(_claims(e))
    return tuple(found)


def _main(e: Evidence) -> Table:
    """All metrics of baseline and best in the confirmation."""
    splits = ["dev", "holdout"] if e.claim.split == "holdout" else ["dev"]
    subjects = ["baseline"] if e.best.number == 0 else ["baseline", "best"]
    rows = []
    means = [k.split(".") for k in e.facts if k.endswith(".mean") and k.count(".") == 3]
    others = sorted({metric for subject, split, metric, _ in means if subject in subjects and split in splits})
    for split in splits:
        for metric in ("", *others):
            keys = [f"{subject}.{split}{f'.{metric}' if metric else ''}" for subject in subjects]
            cells = [_mean(e, key) if f"{key}.mean" in e.facts else NONE for key in keys]
            rows.append((split, words(metric or e.template.fitness_label), *cells))
    names = {"baseline": "Baseline", "best": "Best configuration"}
    return Table(
        "main",
        caption("main", e, verified=e.template.trust == "verified", doubts=bool(e.template.doubts)),
        ("Split", "Metric", *(names[s] for s in subjects)),
        tuple(rows),
        "ll" + "r" * len(subjects),
    )


def _claims(e: Evidence) -> Table:
    """The claims of an extended study, in their order."""
    before = [(f"earlier.{n}.trials", f"earlier.{n}.", claim) for n, claim in enumerate(e.earlier)]
    return Table(
        "claims",
        caption("claims", e),
        ("Trials", "Best trial", "Split", "Pairs", "Of the best", "Baseline's", "Improvement", "Interval", "p"),
        tuple(_claim(*each) for each in [*before, ("setting.trials", "", e.claim)]),
        "rrlrrrrrr",
    )


def _claim(trials: str, key: str, claim: Claim) -> tuple[str, ...]:
    """A row of the claims. key: what the ids of the claim's facts begin with."""
    split, baseline = claim.split, f"{key}baseline.{claim.split}.mean"
    if not claim.tested:
        return (mark(trials), NONE, split, NONE, NONE, mark(baseline), NONE, "not tested", NONE)
    return (
        mark(trials),
        f"`T{claim.best}`",
        split,
        mark(f"{key}claim.n"),
        mark(f"{key}best.{split}.mean"),
        mark(baseline),
        mark(f"{key}claim.effect"),
        _sure(claim, f"{key}claim"),
        mark(None if equal(claim) else f"{key}claim.p"),
    )


def _mean(e: Evidence, key: str) -> str:
    """Mean ± standard error; without the latter where all values are equal."""
    return plus_minus(f"{key}.mean", f"{key}.stderr" if e.facts[f"{key}.stderr"].value else None)


def _part(e: Evidence, row: AblatedPart) -> str:
    """What an ablation takes out."""
    if row.knobs:
        return listed([words(k) for k in row.knobs])
    joint = [f"`T{n}`" for n in row.joint]
    return recipe.edit(e, row.trial) + (f", with {listed(joint)} that stand on it" if joint else "")


def _ablation(e: Evidence) -> Table:
    return Table(
        "ablation-table",
        caption("ablation-table", e, sure=all(map(exact, e.ablation))),
        ("Part", "Taken out", "Worse by", "Interval", "p"),
        tuple(
            (
                f"{words(r.strategy)}, trial `T{r.trial}`",
                _part(e, r),
                mark(f"ablation.{r.key}.effect"),
                _sure(r, f"ablation.{r.key}"),
                mark(None if equal(r) else f"ablation.{r.key}.p"),
            )
            for r in sorted(e.ablation, key=lambda r: -r.effect)
        ),
        "lXrrr",
    )


def _sure(effect: Effect, key: str) -> str:
    """The interval of an effect, where it has one. key: of its facts."""
    if equal(effect):
        return "exact" if exact(effect) else "all equal"
    return interval(f"{key}.low", f"{key}.high")


def listed_trials(e: Evidence) -> list[Trial]:
    """The trials that the paper lists: at most LISTED, the rest in trials.csv.

    The baseline, the best and the kept ones come first, then as many failed as other ones, each kind evenly spaced by
    its numbers where it does not find room.
    """
    first, failed, others = list[Trial](), list[Trial](), list[Trial]()
    for t in e.trials:
        kind = t.verdict.kind if t.verdict else ""
        led = kind in ("baseline", "kept") or t.number == e.best.number
        (first if led else failed if kind == "failed" else others).append(t)
    first = [e.best, *(t for t in spaced(first, LISTED // 2) if t.number != e.best.number)]
    left = LISTED - len(first)
    failed = spaced(failed, max(left // 2, left - len(others)))
    others = spaced(others, left - len(failed))
    return sorted([*first, *failed, *others], key=lambda t: t.number)


def _all_trials(e: Evidence) -> Table:
    rows = []
    shown = listed_trials(e)
    for t in shown:
        verdict: str = t.verdict.kind if t.verdict else "open"
        if t.verdict and t.verdict.cause:
            verdict = f"{verdict} ({words(t.verdict.cause)})"
        key = f"trial.{t.number}.mean"
        parent = f"`T{t.change.parent}`" if t.change.parent is not None else NONE
        rows.append(
            (
                f"`T{t.number}`",
                parent,
                words(t.change.strategy),
                code(name_of(t.change.proposer)) if is_model(t.change.proposer) else words(t.change.proposer),
                verdict,
                mark(key if key in e.facts else None),
            )
        )
    return Table(
        "all-trials",
        caption("all-trials", e, sampled=len(shown) < len(e.trials)),
        ("Trial", "Parent", "Strategy", "Proposed by", "Verdict", words(e.template.fitness_label).capitalize()),
        tuple(rows),
        "rrlllr",
    )
